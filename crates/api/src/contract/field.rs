//! A typed value at a path of an object.

use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// A value of type `T` at a fixed path.
pub struct Field<T> {
    path: &'static [&'static str],
    value: PhantomData<fn() -> T>,
}

/// Why a field could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FieldError {
    /// The value has another shape than the contract says.
    #[error(".{path}: {problem}")]
    Unexpected {
        /// The path of the field, its names joined by dots.
        path: String,
        /// What is wrong with the value.
        problem: String,
    },
    /// Something on the way to the field is not an object.
    #[error(".{path}: cannot be set: .{blocked} is not an object")]
    Blocked {
        /// The path of the field.
        path: String,
        /// The path of the value that is in the way.
        blocked: String,
    },
}

impl<T> Clone for Field<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Field<T> {}

impl<T> fmt::Debug for Field<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Field(.{self})")
    }
}

impl<T> fmt::Display for Field<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.path.join("."))
    }
}

impl<T> Field<T> {
    /// The field at the given path.
    pub const fn at(path: &'static [&'static str]) -> Self {
        Self { path, value: PhantomData }
    }

    /// The names on the way from the root of the object to the field.
    pub const fn path(&self) -> &'static [&'static str] {
        self.path
    }

    /// The value as it stands; `None` where it, or anything on the way to it, is absent or null.
    pub fn raw<'a>(&self, object: &'a Value) -> Option<&'a Value> {
        let found = self.path.iter().try_fold(object, |value, name| value.get(name))?;
        (!found.is_null()).then_some(found)
    }

    /// Takes the value out, leaving nothing behind. Objects on the way stay, even empty.
    pub fn remove(&self, object: &mut Value) -> Option<Value> {
        let (last, parents) = self.path.split_last()?;
        let parent = parents.iter().try_fold(object, |value, name| value.get_mut(name))?;
        parent.as_object_mut()?.remove(*last)
    }

    fn unexpected(&self, problem: impl fmt::Display) -> FieldError {
        FieldError::Unexpected { path: self.to_string(), problem: problem.to_string() }
    }
}

impl<T: DeserializeOwned> Field<T> {
    /// The value; `None` where it is absent.
    pub fn get(&self, object: &Value) -> Result<Option<T>, FieldError> {
        match self.raw(object) {
            None => Ok(None),
            Some(value) => T::deserialize(value).map(Some).map_err(|error| self.unexpected(error)),
        }
    }
}

impl<T: Serialize> Field<T> {
    /// Writes the value, making the objects on the way to it.
    pub fn set(&self, object: &mut Value, value: &T) -> Result<(), FieldError> {
        let value = serde_json::to_value(value).map_err(|error| self.unexpected(error))?;
        *self.slot(object)? = value;
        Ok(())
    }

    /// The place of the value, made if it is not there.
    fn slot<'a>(&self, object: &'a mut Value) -> Result<&'a mut Value, FieldError> {
        let mut slot = object;
        for (depth, name) in self.path.iter().enumerate() {
            if slot.is_null() {
                *slot = Value::Object(Map::new());
            }
            let Value::Object(parent) = slot else {
                let blocked = self.path.iter().take(depth).copied().collect::<Vec<_>>().join(".");
                return Err(FieldError::Blocked { path: self.to_string(), blocked });
            };
            slot = parent.entry(*name).or_insert(Value::Null);
        }
        Ok(slot)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    const REPLICAS: Field<i32> = Field::at(&["spec", "replicas"]);

    #[test]
    fn absent_and_null_are_nothing() {
        for object in [
            json!({}),
            json!({ "spec": null }),
            json!({ "spec": {} }),
            json!({ "spec": { "replicas": null } }),
        ] {
            assert_eq!(REPLICAS.get(&object).unwrap(), None);
        }
        assert_eq!(REPLICAS.get(&json!({ "spec": { "replicas": 3 } })).unwrap(), Some(3));
    }

    #[test]
    fn a_wrong_type_is_an_error_that_names_the_path() {
        let error = REPLICAS.get(&json!({ "spec": { "replicas": "3" } })).unwrap_err().to_string();
        assert!(error.starts_with(".spec.replicas: "), "{error}");
    }

    #[test]
    fn setting_makes_the_way_and_keeps_the_rest() {
        let mut object = json!({ "spec": { "other": 1 } });
        REPLICAS.set(&mut object, &5).unwrap();
        assert_eq!(object, json!({ "spec": { "other": 1, "replicas": 5 } }));
        let mut empty = json!({});
        REPLICAS.set(&mut empty, &5).unwrap();
        assert_eq!(empty, json!({ "spec": { "replicas": 5 } }));
    }

    #[test]
    fn setting_through_something_else_is_refused() {
        let mut object = json!({ "spec": "text" });
        let error = REPLICAS.set(&mut object, &5).unwrap_err().to_string();
        assert_eq!(error, ".spec.replicas: cannot be set: .spec is not an object");
        assert_eq!(object, json!({ "spec": "text" }));
    }

    #[test]
    fn removing_gives_the_value_back() {
        let mut object = json!({ "spec": { "replicas": 3 } });
        assert_eq!(REPLICAS.remove(&mut object), Some(json!(3)));
        assert_eq!(object, json!({ "spec": {} }));
        assert_eq!(REPLICAS.remove(&mut object), None);
    }
}
