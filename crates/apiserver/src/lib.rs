//! The Kubernetes API over a [`store`].
//!
//! ```text
//!   request --> router --> verbs, subresources --> admission --> store
//!                 |              |                                 |
//!            who, may they    kinds (data) <-- definitions       watch --> gc
//! ```
//!
//! One implementation serves a management plane (durable, TLS, `kubectl` and Go clients) and thousands of simulated
//! clusters (in memory, clients in the same process). [`ApiServer`] is a [`tower::Service`]: give it to a client
//! directly, or to whoever serves connections, with the [`auth::User`] of each among the request's extensions.
//!
//! Objects are stored as the bytes that clients read, resource version included: reading copies no tree, and a write
//! parses the stored object once and encodes once. Kinds are data ([`kinds::Kind`]): the built-in ones are rows of an
//! embedded file, custom ones are made from their definitions at run time.
//!
//! Deliberately absent: no kind by name outside of the embedded tables and their few strategies; no ambient time or
//! randomness ([`Clock`] and [`Identifiers`] are given); no sockets and no TLS; no protobuf bodies; no conversion webhooks; no rules in CEL;
//! no RBAC (only [`auth::Authorizer`], where it would go).

pub mod admission;
mod answer;
pub mod auth;
pub mod body;
pub mod connect;
mod decode;
mod discovery;
mod duplicates;
mod environment;
mod exchange;
pub mod gc;
pub mod kinds;
mod metadata;
mod namespaces;
mod negotiate;
mod object;
mod openapi;
mod reader;
mod request;
mod router;
mod select;
mod server;
mod strategic;
mod subresource;
mod table;
mod verbs;

pub use body::Body;
pub use environment::{Clock, Identifiers};
pub use kinds::{Kind, KindSet};
pub use machinery::status::Status;
pub use object::{Head, HeadMetadata, Owner};
pub use reader::Reader;
pub use request::Query;
pub use server::{ApiServer, BuildError, Builder, ServerVersion};

/// A refused request: the Status that says why.
pub type Refused = Box<Status>;

/// A moment as metadata writes it: UTC, whole seconds.
pub(crate) fn time_text(moment: jiff::Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
