//! The rules every Kubernetes API shares.
//!
//! Everything here is a pure function over [`serde_json::Value`] and a few small types: how a selector reads, what a
//! structural schema drops, defaults and refuses, how patches and server-side apply merge, how errors are worded.
//! The API server, the client side and the controllers all go by the same copy of these rules.
//!
//! Deliberately absent: no I/O, no async, no clock, no kind by name. Rules in CEL are carried as data and not evaluated.

pub mod apply;
pub mod gvk;
pub mod int_or_percent;
pub mod jsonpath;
pub mod names;
pub mod patch;
pub mod quantity;
pub mod schema;
pub mod selector;
pub mod status;
pub mod table;
pub mod time;
pub mod version;
