//! What the CustomResourceDefinition of a kind is called.

use super::plural::plural;

/// The name of the CustomResourceDefinition of a kind, which providers must follow: the English plural of the kind in
/// lower case, a dot and the group.
pub fn crd_name(group: &str, kind: &str) -> String {
    format!("{}.{group}", plural(&kind.to_lowercase()))
}

/// The plural of a kind as it stands in URLs.
pub fn resource(kind: &str) -> String {
    plural(&kind.to_lowercase())
}

/// The kind of the objects that a template kind makes: without its suffix `Template`.
pub fn kind_of_template(kind: &str) -> &str {
    kind.strip_suffix("Template").unwrap_or(kind)
}
