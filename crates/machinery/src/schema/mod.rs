//! Structural schemas (the `openAPIV3Schema` of a CRD, or the same for a built-in kind): one tree per served version that
//! pruning, defaulting, validation and server-side apply all walk.

mod defaults;
mod parse;
mod prune;
mod tree;
mod validate;

pub use defaults::default;
pub use prune::prune;
pub use tree::{Additional, Combinators, ListType, MapType, Schema, SchemaType};
pub use validate::validate;
