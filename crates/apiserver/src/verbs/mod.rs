//! The verbs: one file each, and what the writing ones have in common.

mod collection;
mod create;
mod delete;
mod get;
mod list;
pub(crate) mod patch;
pub(crate) mod update;
mod watch;
pub(crate) mod write;

pub use collection::delete_collection;
pub use create::create;
pub use delete::{delete, remove, remove_internally};
pub use get::get;
pub use list::list;
pub use patch::{patch, patch_part};
pub use update::{update, update_part};
pub use watch::watch;
