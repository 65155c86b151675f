//! Paths of fields, kept as a chain on the stack and written out only where there is something to say.

use std::fmt;

/// Where in an object.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'a> {
    /// The object itself.
    Root,
    /// A member.
    Member(&'a Path<'a>, &'a str),
    /// A list item.
    Item(&'a Path<'a>, usize),
}

/// `spec.list[0].field`; empty for the root.
impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(Self::Root, name) => f.write_str(name),
            Self::Member(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}
