//! Composition of the management plane: store, API server, controllers, providers.
//!
//! [`Ground`] is what stays when controllers restart: the store, the API server over it, garbage collection and the
//! simulated cloud. [`hands`] are the controllers. [`Plane`] is both, in one process, with a data directory and a listener.
//!
//! Deliberately absent: logic to test beyond wiring.

mod address;
mod admission;
mod authority;
mod data;
mod ground;
mod hands;
mod plane;

pub use authority::{AuthorityError, Credentials};
pub use data::{DataDirectory, DataError, create_private_directory, write_private};
pub use ground::{Ground, GroundError};
pub use hands::{Hands, HandsError, HandsSettings};
pub use plane::{Data, Plane, Settings, StartError};

use runtime::clock::Clock;
use runtime::entropy::{Entropy, EntropyError};
use runtime::network::{self, SharedNetwork};

/// What a plane takes from the machine it runs on.
#[derive(Clone)]
pub struct Environment {
    /// The time.
    pub clock: Clock,
    /// Chance and keys.
    pub entropy: Entropy,
    /// How connections are opened.
    pub network: SharedNetwork,
}

impl Environment {
    /// The real ones.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn of_this_machine() -> Result<Self, EntropyError> {
        Ok(Self { clock: Clock::system(), entropy: Entropy::system()?, network: network::tcp() })
    }
}
