//! Reading JSON while noticing members that are given twice. The last one wins, as everywhere.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How values without members are read.
macro_rules! scalars {
    () => {
        fn visit_unit<E: Error>(self) -> Result<Value, E> {
            Ok(Value::Null)
        }

        fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
            Ok(Value::Bool(value))
        }

        fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
            Ok(value.into())
        }

        fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
            Ok(value.into())
        }

        fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
            Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
        }

        fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
            Ok(Value::String(value.to_owned()))
        }

        fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
            Ok(Value::String(value))
        }
    };
}

/// What was read, and the paths of the members that were given more than once.
pub struct Read {
    /// The tree.
    pub value: Value,
    /// Paths such as `metadata.labels.a`.
    pub duplicates: Vec<String>,
}

/// Reads JSON text.
pub fn read(bytes: &[u8]) -> Result<Read, serde_json::Error> {
    // Where a member was is worked out only if there is one to tell about.
    let seen = Cell::new(false);
    let value = read_with(bytes, Plain(&seen))?;
    if !seen.get() {
        return Ok(Read { value, duplicates: Vec::new() });
    }
    let notes = Notes::default();
    let value = read_with(bytes, Seed(&notes))?;
    Ok(Read { value, duplicates: notes.duplicates.into_inner() })
}

fn read_with<'de, S: DeserializeSeed<'de, Value = Value>>(
    bytes: &'de [u8],
    seed: S,
) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = seed.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Reads a value and notices that members are given twice, but not which.
#[derive(Clone, Copy)]
struct Plain<'a>(&'a Cell<bool>);

impl<'de> DeserializeSeed<'de> for Plain<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Plain<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    scalars!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            if map.insert(name, access.next_value_seed(self)?).is_some() {
                self.0.set(true);
            }
        }
        Ok(Value::Object(map))
    }
}

#[derive(Default)]
struct Notes {
    path: RefCell<Vec<Step>>,
    duplicates: RefCell<Vec<String>>,
}

enum Step {
    Member(String),
    Item(usize),
}

impl Notes {
    fn enter(&self, step: Step) {
        self.path.borrow_mut().push(step);
    }

    fn leave(&self) -> Option<Step> {
        self.path.borrow_mut().pop()
    }

    fn duplicate(&self, name: &str) {
        let mut text = String::new();
        for step in self.path.borrow().iter() {
            match step {
                Step::Member(member) if text.is_empty() => text.push_str(member),
                Step::Member(member) => {
                    text.push('.');
                    text.push_str(member);
                }
                Step::Item(index) => text.push_str(&format!("[{index}]")),
            }
        }
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(name);
        self.duplicates.borrow_mut().push(text);
    }
}

struct Seed<'a>(&'a Notes);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    scalars!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        loop {
            self.0.enter(Step::Item(items.len()));
            let item = access.next_element_seed(Seed(self.0))?;
            self.0.leave();
            match item {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            self.0.enter(Step::Member(name));
            let value = access.next_value_seed(Seed(self.0))?;
            let Some(Step::Member(name)) = self.0.leave() else { continue };
            if map.contains_key(&name) {
                self.0.duplicate(&name);
            }
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_named_and_the_last_one_wins() {
        let read = read(br#"{"a": 1, "b": [{"c": 1, "c": 2}], "a": {"x": null}}"#).unwrap();
        assert_eq!(read.duplicates, ["b[0].c", "a"]);
        assert_eq!(read.value, serde_json::json!({"a": {"x": null}, "b": [{"c": 2}]}));
        assert!(super::read(b"{} x").is_err());
    }
}
