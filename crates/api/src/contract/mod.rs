//! The contract with providers: infrastructure, control plane and bootstrap objects of any make, reached by path.
//!
//! A provider's kinds are not known at compile time. What core controllers may read and write is a short list of paths,
//! given by the contract in one of two versions ([`Contract`]); [`versions`] says which version a kind fulfils and
//! [`names`] what its CustomResourceDefinition is called. Each path is a [`Field`] with the type of its value.

pub mod bootstrap;
pub mod control_plane;
mod field;
pub mod infrastructure_cluster;
pub mod infrastructure_machine;
pub mod names;
mod plural;
pub mod template;
pub mod versions;

pub use field::{Field, FieldError};
pub use versions::Contract;

/// Condition with which a provider sums up an object, mirrored by the core object that refers to it.
pub const READY_CONDITION: &str = crate::conditions::READY;
