//! Merging an applied object into the live one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value};

use super::typed::{Shape, Type, is_void};

/// Merges `applied` into `target`, in place. Both fit the type.
pub(super) fn merge(target: &mut Value, applied: &Value, place: Type<'_>) {
    let shape = place.shape(Some(applied));
    let leaf = match shape {
        Shape::Scalar => true,
        Shape::Map => place.map_is_atomic() || (is_void(Some(target)) && is_void(Some(applied))),
        Shape::List => place.list_is_atomic() || (is_void(Some(target)) && is_void(Some(applied))),
    };
    if leaf {
        // Most of what is applied is there already: looking is cheaper than copying.
        if target != applied {
            target.clone_from(applied);
        }
        return;
    }
    match (shape, &mut *target, applied) {
        (Shape::Map, Value::Object(members), Value::Object(changes)) => {
            merge_members(members, changes, place)
        }
        (Shape::List, Value::Array(items), Value::Array(changes)) => merge_items(items, changes, place),
        // Null or a void against something: the something stays.
        (_, Value::Object(_) | Value::Array(_), Value::Null) => {}
        _ => target.clone_from(applied),
    }
}

fn merge_members(members: &mut Map<String, Value>, changes: &Map<String, Value>, place: Type<'_>) {
    for (name, change) in changes {
        let (member_type, _) = place.member(name);
        if matches!(member_type, Type::Hidden) {
            continue;
        }
        match members.get_mut(name) {
            Some(member) => merge(member, change, member_type),
            None => {
                members.insert(name.clone(), change.clone());
            }
        }
    }
}

/// Items of the live list: each is moved out once.
struct LiveItems {
    elements: Vec<String>,
    items: Vec<Option<Value>>,
    /// First place of each element; nothing where it occurs more than once.
    places: BTreeMap<String, Option<usize>>,
}

impl LiveItems {
    fn new(list: Vec<Value>, place: Type<'_>) -> Self {
        let mut live = Self { elements: Vec::new(), items: Vec::new(), places: BTreeMap::new() };
        for item in list {
            let Ok(element) = place.item_element(&item) else { continue };
            let index = live.elements.len();
            live.places.entry(element.clone()).and_modify(|known| *known = None).or_insert(Some(index));
            live.elements.push(element);
            live.items.push(Some(item));
        }
        live
    }

    fn take(&mut self, index: usize) -> Option<Value> {
        self.items.get_mut(index).and_then(Option::take)
    }

    /// The live item of an element, merged with the applied one. What occurs twice in the live list is replaced.
    fn merged(&mut self, element: &str, applied: &Value, item_type: Type<'_>) -> Value {
        let live = self.places.get(element).copied().flatten().and_then(|index| self.take(index));
        match live {
            Some(mut item) => {
                merge(&mut item, applied, item_type);
                item
            }
            None => applied.clone(),
        }
    }
}

/// Merges two keyed lists or sets. The applier's order wins for the applier's items; items of others stay before the
/// neighbour that they stood before.
fn merge_items(items: &mut Vec<Value>, changes: &[Value], place: Type<'_>) {
    let item_type = place.item();
    let mut live = LiveItems::new(std::mem::take(items), place);
    let mut applied: Vec<(String, &Value)> = Vec::with_capacity(changes.len());
    for change in changes {
        if let Ok(element) = place.item_element(change) {
            applied.push((element, change));
        }
    }
    let wanted: BTreeSet<&str> = applied.iter().map(|(element, _)| element.as_str()).collect();
    let shared = applied.iter().map(|(element, _)| element.as_str());
    let mut shared: VecDeque<&str> = shared.filter(|element| live.places.contains_key(*element)).collect();
    let mut next_shared = shared.pop_front();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let (mut left, mut right) = (0, 0);
    while left < live.elements.len() || right < applied.len() {
        let here = live.elements.get(left).cloned();
        let change = applied.get(right);
        if let (Some(here), Some((element, value))) = (&here, change) {
            if here == element {
                items.push(live.merged(element, value, item_type));
                done.insert(element);
                left += 1;
                right += 1;
                next_shared = shared.pop_front();
                continue;
            }
            if wanted.contains(here.as_str()) && next_shared.is_some_and(|next| next != here) {
                // Shared, but its turn comes later.
                left += 1;
                continue;
            }
        }
        if let Some(here) = &here {
            if !wanted.contains(here.as_str()) {
                items.extend(live.take(left));
                left += 1;
                continue;
            }
            if done.contains(here.as_str()) {
                left += 1;
            }
        }
        if let Some((element, value)) = change {
            items.push(live.merged(element, value, item_type));
            done.insert(element);
            right += 1;
            if next_shared == Some(element.as_str()) {
                next_shared = shared.pop_front();
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::Schema;

    fn ordered(live: &str, applied: &str) -> String {
        let schema = json!({"type": "object", "properties": {"l": {
            "type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set",
        }}});
        let schema = Schema::parse(&schema).unwrap();
        let list = |text: &str| json!({"l": text.split(' ').collect::<Vec<_>>()});
        let mut target = list(live);
        merge(&mut target, &list(applied), Type::root(&schema));
        let items = target["l"].as_array().unwrap().iter().map(|item| item.as_str().unwrap());
        items.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn order_of_the_applier_wins_and_neighbours_stay() {
        assert_eq!(ordered("c a b", "d b e"), "c a d b e");
        assert_eq!(ordered("f e c a b", "x a y b z"), "f e c x a y b z");
        assert_eq!(ordered("a b", "b a"), "b a");
        assert_eq!(ordered("a b c", "a b c"), "a b c");
        assert_eq!(ordered("a", "b"), "a b");
    }
}
