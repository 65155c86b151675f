//! Entries written before a schema changed: what has become atomic is owned as a whole.

use super::fieldset::{FieldSet, FieldSetView};
use super::typed::{Shape, Type};

/// Brings a set in line with the schema. Places that were granular and are atomic now lose their inner paths.
pub(super) fn reconcile(set: &mut FieldSet, root: Type<'_>) {
    if let Some(reconciled) = reconciled(set.view(), root) {
        *set = reconciled;
    }
}

/// Whether a place is atomic by its schema.
fn is_atomic(place: Type<'_>) -> bool {
    let Type::Node { .. } = place else { return false };
    match place.shape(None) {
        Shape::Map => place.map_is_atomic(),
        Shape::List => place.list_is_atomic(),
        Shape::Scalar => false,
    }
}

/// The set as it should be; nothing where it is so already (nearly always).
fn reconciled(set: FieldSetView<'_>, place: Type<'_>) -> Option<FieldSet> {
    if !set.elements().any(|(element, _, below)| needs_change(element, below, place)) {
        return None;
    }
    let mut result = FieldSet::new();
    for (element, member, below) in set.elements() {
        let child = child_of(element, place);
        match below {
            Some(_) if is_atomic(child) => result.attach(|| element.to_owned(), true, FieldSet::new()),
            Some(below) => {
                let children = reconciled(below, child).unwrap_or_else(|| below.to_set());
                result.attach(|| element.to_owned(), member, children);
            }
            None => result.attach(|| element.to_owned(), member, FieldSet::new()),
        }
    }
    Some(result)
}

fn child_of<'a>(element: &str, place: Type<'a>) -> Type<'a> {
    match element.strip_prefix("f:") {
        Some(name) => place.member(name).0,
        None => place.item(),
    }
}

fn needs_change(element: &str, below: Option<FieldSetView<'_>>, place: Type<'_>) -> bool {
    let Some(below) = below else { return false };
    let child = child_of(element, place);
    is_atomic(child) || below.elements().any(|(element, _, below)| needs_change(element, below, child))
}
