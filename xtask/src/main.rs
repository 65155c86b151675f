//! Chores of the house: CRD generation and tidy.
//!
//! Deliberately absent: anything the product needs at run time; nothing depends on this crate.

fn main() {}
