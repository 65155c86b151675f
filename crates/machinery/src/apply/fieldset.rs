//! Sets of field paths, in the form they have on the wire (`fieldsV1`).
//!
//! A set is a tree of path elements. An element is a key of a JSON object: `f:name` (a member), `k:{"name":"x"}` (an item
//! of a keyed list), `v:"x"` (an item of a set), `i:0` (an item by index). Below it lies the tree of its children. The
//! element itself belongs to the set when its object is empty or holds the mark `.`; otherwise only what lies below does.
//!
//! Keeping the wire form makes reading and writing free: most entries of `managedFields` pass through a write untouched.
//! It also means that two elements are the same only if their texts are, so texts are made in one way only (keys sorted,
//! no blanks) and [`FieldSet::from_foreign`] brings foreign ones into it.

use serde_json::{Map, Value};

/// The mark of an element that belongs to the set and has children in it.
const SELF: &str = ".";

/// A set of field paths.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FieldSet(Map<String, Value>);

fn is_member(node: &Value) -> bool {
    match node {
        Value::Object(children) => children.is_empty() || children.contains_key(SELF),
        _ => true,
    }
}

fn children_of(node: &Value) -> Option<&Map<String, Value>> {
    match node {
        Value::Object(children) => Some(children),
        _ => None,
    }
}

/// A node from its parts; nothing where neither is there.
fn node(member: bool, mut children: Map<String, Value>) -> Option<Value> {
    children.remove(SELF);
    if children.is_empty() {
        return member.then_some(Value::Object(children));
    }
    if member {
        children.insert(SELF.to_owned(), Value::Object(Map::new()));
    }
    Some(Value::Object(children))
}

impl FieldSet {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a `fieldsV1` that this module has made.
    pub fn from_fields_v1(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    /// Reads a `fieldsV1` that somebody else has made: unknown kinds of elements are dropped, keys are brought into the
    /// one form. Fails where a key cannot be read.
    pub fn from_foreign(fields: &Value) -> Result<Self, String> {
        match fields {
            Value::Null => Ok(Self::default()),
            Value::Object(fields) => normalised(fields).map(Self),
            other => Err(format!("fieldsV1 must be an object, got {other}")),
        }
    }

    /// The `fieldsV1` form.
    pub fn into_fields_v1(self) -> Map<String, Value> {
        self.0
    }

    /// The `fieldsV1` form, borrowed.
    pub fn as_fields_v1(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Whether no path is in the set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds one path, given as its elements. The empty path is nothing: nobody owns a whole object.
    pub fn insert(&mut self, path: &[&str]) {
        let Some((last, parents)) = path.split_last() else { return };
        let mut level = &mut self.0;
        for element in parents {
            let known = level.contains_key(*element);
            let child = level.entry(*element).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(children) = child else { return };
            if known && children.is_empty() {
                children.insert(SELF.to_owned(), Value::Object(Map::new()));
            }
            level = children;
        }
        match level.get_mut(*last) {
            Some(Value::Object(children)) if !children.is_empty() => {
                children.insert(SELF.to_owned(), Value::Object(Map::new()));
            }
            Some(_) => {}
            None => {
                level.insert((*last).to_owned(), Value::Object(Map::new()));
            }
        }
    }

    /// Attaches the outcome for one element: whether it belongs to the set, and what below it does.
    pub(super) fn attach(&mut self, element: impl FnOnce() -> String, member: bool, children: FieldSet) {
        if let Some(node) = node(member, children.0) {
            self.0.insert(element(), node);
        }
    }

    /// Whether a path is in the set.
    pub fn contains(&self, path: &[&str]) -> bool {
        let Some((last, parents)) = path.split_last() else { return false };
        let mut level = &self.0;
        for element in parents {
            match level.get(*element).and_then(children_of) {
                Some(children) => level = children,
                None => return false,
            }
        }
        level.get(*last).is_some_and(is_member)
    }

    /// Adds everything of another set.
    pub fn unite(&mut self, other: &FieldSet) {
        unite(&mut self.0, &other.0);
    }

    /// Both together.
    pub fn union(mut self, other: &FieldSet) -> FieldSet {
        self.unite(other);
        self
    }

    /// The paths that are in both.
    pub fn intersection(&self, other: &FieldSet) -> FieldSet {
        FieldSet(intersect(&self.0, &other.0))
    }

    /// Whether a path is in both.
    pub fn intersects(&self, other: &FieldSet) -> bool {
        intersects(&self.0, &other.0)
    }

    /// Removes the paths of another set; what lies below a removed path stays.
    pub fn subtract(&mut self, other: &FieldSet) {
        subtract(&mut self.0, &other.0);
    }

    /// The paths that are not in the other.
    pub fn difference(mut self, other: &FieldSet) -> FieldSet {
        self.subtract(other);
        self
    }

    /// Removes the paths of another set and all that lies below them.
    pub fn subtract_recursively(&mut self, other: &FieldSet) {
        subtract_recursively(&mut self.0, &other.0);
    }

    /// Whether each path is also in the other.
    pub fn is_subset_of(&self, other: &FieldSet) -> bool {
        self.clone().difference(other).is_empty()
    }

    /// A borrowed view of the root.
    pub(super) fn view(&self) -> FieldSetView<'_> {
        FieldSetView(&self.0)
    }

    /// All paths as messages show them, parents before children, members in order of kind and text.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        list_paths(&self.0, "", &mut paths);
        paths
    }
}

/// A borrowed part of a set.
#[derive(Debug, Clone, Copy)]
pub(super) struct FieldSetView<'a>(&'a Map<String, Value>);

impl<'a> FieldSetView<'a> {
    /// Whether the element itself belongs to the set.
    pub(super) fn has(self, element: &str) -> bool {
        self.0.get(element).is_some_and(is_member)
    }

    /// What lies below an element; absent where nothing does.
    pub(super) fn below(self, element: &str) -> Option<FieldSetView<'a>> {
        let children = self.0.get(element).and_then(children_of)?;
        let any = children.keys().any(|key| key != SELF);
        any.then_some(FieldSetView(children))
    }

    /// A set of its own with the same paths.
    pub(super) fn to_set(self) -> FieldSet {
        let mut set = FieldSet(self.0.clone());
        set.0.remove(SELF);
        set
    }

    /// The elements at this level: text, whether it belongs to the set, what lies below.
    pub(super) fn elements(self) -> impl Iterator<Item = (&'a str, bool, Option<FieldSetView<'a>>)> {
        let named = self.0.iter().filter(|(key, _)| *key != SELF);
        named.map(move |(key, node)| (key.as_str(), is_member(node), self.below(key)))
    }
}

fn unite(target: &mut Map<String, Value>, other: &Map<String, Value>) {
    for (key, other_node) in other {
        if key == SELF {
            continue;
        }
        match target.get_mut(key) {
            None => {
                target.insert(key.clone(), other_node.clone());
            }
            Some(existing) => {
                let member = is_member(existing) || is_member(other_node);
                let (Value::Object(children), Some(others)) = (existing, children_of(other_node)) else {
                    continue;
                };
                unite(children, others);
                set_mark(children, member);
            }
        }
    }
}

/// Keeps the mark of a node in step: it is there only beside children.
fn set_mark(children: &mut Map<String, Value>, member: bool) {
    children.remove(SELF);
    if member && !children.is_empty() {
        children.insert(SELF.to_owned(), Value::Object(Map::new()));
    }
}

fn intersect(left: &Map<String, Value>, right: &Map<String, Value>) -> Map<String, Value> {
    let mut both = Map::new();
    for (key, left_node) in left {
        if key == SELF {
            continue;
        }
        let Some(right_node) = right.get(key) else { continue };
        let children = match (children_of(left_node), children_of(right_node)) {
            (Some(left), Some(right)) => intersect(left, right),
            _ => Map::new(),
        };
        if let Some(node) = node(is_member(left_node) && is_member(right_node), children) {
            both.insert(key.clone(), node);
        }
    }
    both
}

fn intersects(left: &Map<String, Value>, right: &Map<String, Value>) -> bool {
    let (few, many) = if left.len() <= right.len() { (left, right) } else { (right, left) };
    few.iter().filter(|(key, _)| *key != SELF).any(|(key, one)| {
        many.get(key).is_some_and(|other| {
            (is_member(one) && is_member(other))
                || match (children_of(one), children_of(other)) {
                    (Some(one), Some(other)) => intersects(one, other),
                    _ => false,
                }
        })
    })
}

fn subtract(target: &mut Map<String, Value>, other: &Map<String, Value>) {
    for (key, other_node) in other {
        if key == SELF {
            continue;
        }
        let Some(existing) = target.get_mut(key) else { continue };
        let member = is_member(existing) && !is_member(other_node);
        if let (Value::Object(children), Some(others)) = (existing, children_of(other_node)) {
            subtract(children, others);
            set_mark(children, member);
            if !children.is_empty() || member {
                continue;
            }
        }
        target.remove(key);
    }
}

fn subtract_recursively(target: &mut Map<String, Value>, other: &Map<String, Value>) {
    for (key, other_node) in other {
        if key == SELF {
            continue;
        }
        if is_member(other_node) {
            target.remove(key);
            continue;
        }
        let Some(existing) = target.get_mut(key) else { continue };
        let member = is_member(existing);
        if let (Value::Object(children), Some(others)) = (existing, children_of(other_node)) {
            subtract_recursively(children, others);
            set_mark(children, member);
            if children.is_empty() && !member {
                target.remove(key);
            }
        }
    }
}

fn normalised(fields: &Map<String, Value>) -> Result<Map<String, Value>, String> {
    let mut result = Map::new();
    for (key, below) in fields {
        if key == SELF {
            result.insert(SELF.to_owned(), Value::Object(Map::new()));
            continue;
        }
        let Some(element) = normalised_element(key)? else { continue };
        let children = match below {
            Value::Object(children) => normalised(children)?,
            _ => Map::new(),
        };
        let member =
            below.as_object().is_none_or(|children| children.is_empty() || children.contains_key(SELF));
        if let Some(node) = node(member, children) {
            result.insert(element, node);
        }
    }
    Ok(result)
}

/// The one form of an element; absent where its kind is not known.
fn normalised_element(element: &str) -> Result<Option<String>, String> {
    let parse =
        |text: &str| serde_json::from_str::<Value>(text).map_err(|error| format!("{element}: {error}"));
    match element.split_once(':') {
        Some(("f", _)) => Ok(Some(element.to_owned())),
        Some(("v", value)) => Ok(Some(value_element(&parse(value)?))),
        Some(("k", keys)) => match parse(keys)? {
            Value::Object(keys) => {
                Ok(Some(key_element(keys.iter().map(|(name, value)| (name.as_str(), value)))))
            }
            _ => Err(format!("{element}: keys must be an object")),
        },
        Some(("i", index)) => match index.parse::<u64>() {
            Ok(index) => Ok(Some(format!("i:{index}"))),
            Err(error) => Err(format!("{element}: {error}")),
        },
        Some(_) => Ok(None),
        None => Err(format!("{element}: missing colon")),
    }
}

/// `f:name`.
pub(super) fn field_element(name: &str) -> String {
    let mut element = String::with_capacity(name.len() + 2);
    element.push_str("f:");
    element.push_str(name);
    element
}

/// `v:value`.
pub(super) fn value_element(value: &Value) -> String {
    let mut element = "v:".to_owned();
    write_scalar(value, &mut element);
    element
}

/// `k:{...}`; the keys must come sorted by name.
pub(super) fn key_element<'a>(keys: impl Iterator<Item = (&'a str, &'a Value)>) -> String {
    let mut element = "k:{".to_owned();
    for (index, (name, value)) in keys.enumerate() {
        if index > 0 {
            element.push(',');
        }
        element.push_str(&Value::from(name).to_string());
        element.push(':');
        write_scalar(value, &mut element);
    }
    element.push('}');
    element
}

/// JSON, with whole floating-point numbers written as integers: 1.0 and 1 are the same key.
fn write_scalar(value: &Value, out: &mut String) {
    match whole(value) {
        Some(whole) => out.push_str(&whole.to_string()),
        None => out.push_str(&value.to_string()),
    }
}

fn whole(value: &Value) -> Option<i64> {
    let number = value.as_number()?;
    if !number.is_f64() {
        return None;
    }
    let float = number.as_f64()?;
    #[allow(clippy::cast_possible_truncation)] // bounded right here
    let whole = (float.fract() == 0.0 && float.abs() < 9.0e15).then_some(float as i64);
    whole
}

/// An element as messages show it: `.name`, `[name="x"]`, `[="x"]`, `[0]`.
pub(super) fn show_element(element: &str) -> String {
    match element.split_once(':') {
        Some(("f", name)) => format!(".{name}"),
        Some(("i", index)) => format!("[{index}]"),
        Some(("v", value)) => {
            format!("[={}]", show_scalar(&serde_json::from_str(value).unwrap_or(Value::Null)))
        }
        Some(("k", keys)) => {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let shown: Vec<String> =
                keys.iter().map(|(name, value)| format!("{name}={}", show_scalar(value))).collect();
            format!("[{}]", shown.join(","))
        }
        _ => format!("[{element}]"),
    }
}

fn show_scalar(value: &Value) -> String {
    match value {
        Value::String(text) => crate::status::quote(text),
        other => other.to_string(),
    }
}

fn rank(element: &str) -> u8 {
    match element.as_bytes().first() {
        Some(b'f') => 0,
        Some(b'k') => 1,
        Some(b'v') => 2,
        _ => 3,
    }
}

fn list_paths(level: &Map<String, Value>, prefix: &str, paths: &mut Vec<String>) {
    let mut elements: Vec<(&String, &Value)> = level.iter().filter(|(key, _)| *key != SELF).collect();
    elements.sort_by_key(|(key, _)| rank(key));
    for (key, node) in &elements {
        if is_member(node) {
            paths.push(format!("{prefix}{}", show_element(key)));
        }
    }
    for (key, node) in elements {
        if let Some(children) = children_of(node)
            && !children.is_empty()
        {
            list_paths(children, &format!("{prefix}{}", show_element(key)), paths);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// The model: a set of paths.
    type Model = BTreeSet<Vec<String>>;

    fn build(model: &Model) -> FieldSet {
        let mut set = FieldSet::new();
        for path in model {
            set.insert(&path.iter().map(String::as_str).collect::<Vec<_>>());
        }
        set
    }

    fn flatten(set: &FieldSet) -> Model {
        fn walk(view: FieldSetView<'_>, prefix: &[String], model: &mut Model) {
            for (element, member, below) in view.elements() {
                let mut path = prefix.to_vec();
                path.push(element.to_owned());
                if member {
                    model.insert(path.clone());
                }
                if let Some(below) = below {
                    walk(below, &path, model);
                }
            }
        }
        let mut model = Model::new();
        walk(set.view(), &[], &mut model);
        model
    }

    fn models() -> impl Strategy<Value = Model> {
        let element =
            prop::sample::select(vec!["f:a", "f:b", "k:{\"n\":\"x\"}", "v:1"]).prop_map(str::to_owned);
        prop::collection::btree_set(prop::collection::vec(element, 1..4), 0..8)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn algebra_agrees_with_sets_of_paths(left in models(), right in models()) {
            let (a, b) = (build(&left), build(&right));
            prop_assert_eq!(flatten(&a), left.clone());
            prop_assert_eq!(flatten(&a.clone().union(&b)), &left | &right);
            prop_assert_eq!(flatten(&a.intersection(&b)), &left & &right);
            prop_assert_eq!(flatten(&a.clone().difference(&b)), &left - &right);
            prop_assert_eq!(a.intersects(&b), !(&left & &right).is_empty());
            let below: Model =
                left.iter().filter(|path| (1..=path.len()).all(|n| !right.contains(&path[..n]))).cloned().collect();
            let mut recursive = a.clone();
            recursive.subtract_recursively(&b);
            prop_assert_eq!(flatten(&recursive), below);
            prop_assert_eq!(FieldSet::from_foreign(&Value::Object(a.as_fields_v1().clone())).unwrap(), a);
        }
    }

    #[test]
    fn wire_form_marks_parents() {
        let mut set = FieldSet::new();
        set.insert(&["f:spec", "f:a"]);
        set.insert(&["f:spec"]);
        set.insert(&["f:data", "f:k"]);
        assert_eq!(
            Value::Object(set.into_fields_v1()),
            json!({"f:spec": {".": {}, "f:a": {}}, "f:data": {"f:k": {}}})
        );
    }

    #[test]
    fn foreign_sets_are_brought_into_one_form() {
        let set = FieldSet::from_foreign(
            &json!({"f:l": {"k:{\"n\": 1.0, \"a\": \"b\"}": {".": {}, "f:x": {}}}, "z:q": {}}),
        );
        let expected = json!({"f:l": {"k:{\"a\":\"b\",\"n\":1}": {".": {}, "f:x": {}}}});
        assert_eq!(Value::Object(set.unwrap().into_fields_v1()), expected);
        assert!(FieldSet::from_foreign(&json!({"k:{": {}})).is_err());
        assert!(FieldSet::from_foreign(&json!({"nocolon": {}})).is_err());
    }

    #[test]
    fn paths_read_like_conflicts() {
        let set = FieldSet::from_foreign(&json!({
            "f:spec": {"f:l": {"k:{\"n\":1,\"name\":\"x\"}": {".": {}, "f:v": {}}, "v:\"a\"": {}}},
        }));
        let paths = set.unwrap().paths();
        assert_eq!(paths, [".spec.l[n=1,name=\"x\"]", ".spec.l[=\"a\"]", ".spec.l[n=1,name=\"x\"].v"]);
    }
}
