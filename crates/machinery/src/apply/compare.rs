//! What differs between two states of an object.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::fieldset::{FieldSet, field_element};
use super::typed::{Shape, Type, is_void, same};

/// Fields by what happened to them.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// There before, gone now.
    pub(super) removed: FieldSet,
    /// There before and now, with another value.
    pub(super) modified: FieldSet,
    /// New.
    pub(super) added: FieldSet,
}

impl Comparison {
    /// Whether nothing differs.
    pub(super) fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.modified.is_empty() && self.added.is_empty()
    }

    /// Leaves out fields and all that lies below them.
    pub(super) fn without(mut self, fields: &FieldSet) -> Self {
        if !fields.is_empty() {
            self.removed.subtract_recursively(fields);
            self.modified.subtract_recursively(fields);
            self.added.subtract_recursively(fields);
        }
        self
    }

    /// What now has a value that it had not before.
    pub(super) fn written(&self) -> FieldSet {
        self.modified.clone().union(&self.added)
    }
}

/// What happened to the place itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    None,
    Removed,
    Modified,
    Added,
}

/// Compares two objects of one type. An absent one counts as empty.
pub(super) fn compare(old: Option<&Value>, new: Option<&Value>, root: Type<'_>) -> Comparison {
    compare_place(old, new, root).1
}

/// What happened to a place and below it. `old` or `new` must be there.
fn compare_place(old: Option<&Value>, new: Option<&Value>, place: Type<'_>) -> (Change, Comparison) {
    let shape = shape_of(old, new, place);
    let (mut change, below) = match shape {
        Some(Shape::Scalar) => (compare_leaf(old, new), Comparison::default()),
        Some(Shape::Map) if place.map_is_atomic() || (is_void(old) && is_void(new)) => {
            (compare_leaf(old, new), Comparison::default())
        }
        Some(Shape::List) if place.list_is_atomic() || (is_void(old) && is_void(new)) => {
            (compare_leaf(old, new), Comparison::default())
        }
        Some(Shape::Map) => (Change::None, compare_maps(as_map(old), as_map(new), place)),
        Some(Shape::List) => (Change::None, compare_lists(as_list(old), as_list(new), place)),
        None => compare_kinds(old, new, place),
    };
    // A container that came or went did so as itself, too.
    match (old, new) {
        (None, Some(_)) => change = Change::Added,
        (Some(_), None) => change = Change::Removed,
        _ => {}
    }
    (change, below)
}

/// The shape both sides share; nothing where the value decides and decides differently.
fn shape_of(old: Option<&Value>, new: Option<&Value>, place: Type<'_>) -> Option<Shape> {
    match (old, new) {
        (None, new) => Some(place.shape(new)),
        (old, None) => Some(place.shape(old)),
        (old, new) => {
            let (old, new) = (place.shape(old), place.shape(new));
            (old == new).then_some(old)
        }
    }
}

/// A place that changed its shape: what was below is removed, what is below now is added.
fn compare_kinds(old: Option<&Value>, new: Option<&Value>, place: Type<'_>) -> (Change, Comparison) {
    let gone = compare_place(old, None, place).1;
    let come = compare_place(None, new, place).1;
    let leaf = |value: Option<&Value>| match place.shape(value) {
        Shape::Scalar => true,
        Shape::Map => place.map_is_atomic() || is_void(value),
        Shape::List => place.list_is_atomic() || is_void(value),
    };
    let change = if leaf(old) || leaf(new) { Change::Modified } else { Change::None };
    (change, Comparison { removed: gone.removed, modified: FieldSet::new(), added: come.added })
}

fn compare_leaf(old: Option<&Value>, new: Option<&Value>) -> Change {
    match (old, new) {
        (Some(old), Some(new)) if same(old, new) => Change::None,
        (Some(_), Some(_)) => Change::Modified,
        (None, Some(_)) => Change::Added,
        (Some(_), None) => Change::Removed,
        (None, None) => Change::None,
    }
}

fn as_map(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object)
}

fn as_list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

impl Comparison {
    fn attach(&mut self, mut element: impl FnMut() -> String, change: Change, below: Comparison) {
        self.removed.attach(&mut element, change == Change::Removed, below.removed);
        self.modified.attach(&mut element, change == Change::Modified, below.modified);
        self.added.attach(&mut element, change == Change::Added, below.added);
    }
}

fn compare_maps(
    old: Option<&Map<String, Value>>,
    new: Option<&Map<String, Value>>,
    place: Type<'_>,
) -> Comparison {
    let mut comparison = Comparison::default();
    let mut member = |name: &str, old: Option<&Value>, new: Option<&Value>| {
        let (member_type, _) = place.member(name);
        if matches!(member_type, Type::Hidden) {
            return;
        }
        let (change, below) = compare_place(old, new, member_type);
        comparison.attach(|| field_element(name), change, below);
    };
    for (name, old_value) in old.into_iter().flatten() {
        member(name, Some(old_value), new.and_then(|new| new.get(name)));
    }
    for (name, new_value) in new.into_iter().flatten() {
        if old.is_none_or(|old| !old.contains_key(name)) {
            member(name, None, Some(new_value));
        }
    }
    comparison
}

/// Items by element; several where an element occurs more than once.
fn index<'v>(items: &'v [Value], place: Type<'_>) -> BTreeMap<String, Vec<&'v Value>> {
    let mut index: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for item in items {
        if let Ok(element) = place.item_element(item) {
            index.entry(element).or_default().push(item);
        }
    }
    index
}

fn compare_lists(old: &[Value], new: &[Value], place: Type<'_>) -> Comparison {
    let mut comparison = Comparison::default();
    if old.len() == new.len() && old.iter().zip(new).all(|(old, new)| same(old, new)) {
        return comparison;
    }
    let item_type = place.item();
    let old_items = index(old, place);
    let mut new_items = index(new, place);
    for (element, before) in old_items {
        let after = new_items.remove(&element).unwrap_or_default();
        let (change, below) = compare_items(&before, &after, item_type);
        comparison.attach(|| element.clone(), change, below);
    }
    for (element, after) in new_items {
        let (change, below) = compare_items(&[], &after, item_type);
        comparison.attach(|| element.clone(), change, below);
    }
    comparison
}

/// Items of one element. Where it occurs more than once, the items are one leaf.
fn compare_items(before: &[&Value], after: &[&Value], item_type: Type<'_>) -> (Change, Comparison) {
    match (before, after) {
        ([] | [_], [] | [_]) => compare_place(before.first().copied(), after.first().copied(), item_type),
        ([_, _, ..], [_, _, ..]) => {
            let equal = before.len() == after.len() && before.iter().zip(after).all(|(a, b)| same(a, b));
            (if equal { Change::None } else { Change::Modified }, Comparison::default())
        }
        ([_, _, ..], after) => {
            let below = after.first().map(|item| compare_place(None, Some(item), item_type).1);
            (Change::Removed, below.unwrap_or_default())
        }
        (before, [_, _, ..]) => {
            let below = before.first().map(|item| compare_place(Some(item), None, item_type).1);
            (Change::Added, below.unwrap_or_default())
        }
    }
}
