//! Structural schemas (the `openAPIV3Schema` of a CRD, or the same for a built-in kind): one tree per served version that
//! pruning, defaulting, validation and server-side apply all walk.
//!
//! The order on a write is: [`coerce_metadata`], [`prune`], [`default`], then [`validate`]. Rules in CEL are carried in the
//! tree and not evaluated here; [`UNCHECKED_RULES`] is the sentence for the case that they cannot be.

mod defaults;
mod embedded;
mod formats;
mod lists;
mod metadata;
mod parse;
mod path;
mod prune;
mod result;
mod structure;
mod tree;
mod validate;

pub use defaults::{default, default_only};
pub(crate) use metadata::object_meta;
pub use metadata::{InvalidMetadata, coerce_metadata};
pub use prune::prune;
pub use tree::{Additional, Combinators, ListType, MapType, Pattern, Schema, SchemaType, ValueRules};
pub use validate::{UNCHECKED_RULES, blocks_rules, validate, validate_below};
