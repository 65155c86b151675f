//! JSON patch (RFC 6902) with the liberties that Kubernetes' implementation (evanphx/json-patch v4) takes.
//!
//! `replace` of a missing object member adds it, `add` without a value adds null, the part of a path before the first
//! slash is ignored, negative indexes count from the end, `test` of a missing member never holds.

use serde_json::Value;

/// A patch that cannot be read (400).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPatch(pub String);

/// An operation that cannot be done (422). The message is for logs; the server's answer hides it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("operation {index} ({operation} {path}): {problem}")]
pub struct FailedOperation {
    /// Index of the operation in the patch.
    pub index: usize,
    /// Its name.
    pub operation: String,
    /// Its path.
    pub path: String,
    /// Why it failed.
    pub problem: &'static str,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Inserts into a list, sets a member.
    Add,
    /// Removes.
    Remove,
    /// Sets what is there (or, in objects, is not).
    Replace,
    /// Moves from another place.
    Move,
    /// Copies from another place.
    Copy,
    /// Compares.
    Test,
}

/// One step of a patch.
#[derive(Debug, Clone)]
pub struct Step {
    /// What to do.
    pub operation: Operation,
    /// Where, as written.
    pub path: String,
    /// From where, for move and copy.
    pub from: String,
    /// With what.
    pub value: Option<Value>,
}

/// A parsed patch.
#[derive(Debug, Clone)]
pub struct Patch {
    /// Its steps, in order.
    pub steps: Vec<Step>,
}

impl Patch {
    /// Reads a list of operations.
    pub fn parse(patch: &Value) -> Result<Patch, InvalidPatch> {
        let Value::Array(items) = patch else {
            return Err(InvalidPatch("a JSON patch must be a list of operations".to_owned()));
        };
        let steps = items.iter().map(Step::parse).collect::<Result<_, _>>()?;
        Ok(Patch { steps })
    }

    /// Does all steps in order. After an error `target` is in an undefined state between old and new.
    pub fn apply(&self, target: &mut Value) -> Result<(), FailedOperation> {
        for (index, step) in self.steps.iter().enumerate() {
            step.apply(target).map_err(|problem| FailedOperation {
                index,
                operation: step.operation.name().to_owned(),
                path: step.path.clone(),
                problem,
            })?;
        }
        Ok(())
    }
}

impl Operation {
    /// As written in patches.
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
            Self::Replace => "replace",
            Self::Move => "move",
            Self::Copy => "copy",
            Self::Test => "test",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        let all = [Self::Add, Self::Remove, Self::Replace, Self::Move, Self::Copy, Self::Test];
        all.into_iter().find(|operation| operation.name() == name)
    }
}

impl Step {
    fn parse(item: &Value) -> Result<Step, InvalidPatch> {
        let Value::Object(members) = item else {
            return Err(InvalidPatch("an operation of a JSON patch must be an object".to_owned()));
        };
        let text = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default();
        let operation = Operation::parse(text("op")).ok_or_else(|| {
            let allowed = "add, remove, replace, move, copy, test";
            InvalidPatch(format!("op: Unsupported value: {:?}: supported values: {allowed}", text("op")))
        })?;
        Ok(Step {
            operation,
            path: text("path").to_owned(),
            from: text("from").to_owned(),
            value: members.get("value").cloned(),
        })
    }

    fn apply(&self, target: &mut Value) -> Result<(), &'static str> {
        match self.operation {
            Operation::Add => add(target, &self.path, self.value.clone().unwrap_or(Value::Null)),
            Operation::Remove => remove(target, &self.path).map(drop),
            Operation::Replace => replace(target, &self.path, self.value.clone().unwrap_or(Value::Null)),
            Operation::Move => {
                let value = remove(target, &self.from)?;
                add(target, &self.path, value)
            }
            Operation::Copy => {
                let value = find(target, &self.from).ok_or("nothing at from")?.clone();
                add(target, &self.path, value)
            }
            Operation::Test => test(target, &self.path, self.value.as_ref()),
        }
    }
}

/// Parts of a pointer, unescaped. What stands before the first slash is dropped, as the Go library does.
fn parts(path: &str) -> Vec<String> {
    path.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}

/// The index a part means in a list of `length` items; negative ones count from the end.
fn index_of(part: &str, length: usize) -> Option<usize> {
    let index: i64 = part.parse().ok()?;
    let length = i64::try_from(length).ok()?;
    let index = if index < 0 { index + length } else { index };
    usize::try_from(index).ok()
}

fn child<'a>(value: &'a Value, part: &str) -> Option<&'a Value> {
    match value {
        Value::Object(members) => members.get(part),
        Value::Array(items) => items.get(index_of(part, items.len())?),
        _ => None,
    }
}

fn child_mut<'a>(value: &'a mut Value, part: &str) -> Option<&'a mut Value> {
    match value {
        Value::Object(members) => members.get_mut(part),
        Value::Array(items) => {
            let index = index_of(part, items.len())?;
            items.get_mut(index)
        }
        _ => None,
    }
}

fn find<'a>(root: &'a Value, path: &str) -> Option<&'a Value> {
    parts(path).iter().try_fold(root, |value, part| child(value, part))
}

/// The container a path ends in, and the last part.
fn container<'a>(root: &'a mut Value, path: &str) -> Result<(&'a mut Value, String), &'static str> {
    let mut parts = parts(path);
    let last = parts.pop().ok_or("the path must name a member")?;
    let mut value = root;
    for part in &parts {
        value = child_mut(value, part).ok_or("no such parent")?;
    }
    Ok((value, last))
}

fn add(root: &mut Value, path: &str, value: Value) -> Result<(), &'static str> {
    if path.is_empty() {
        *root = value;
        return Ok(());
    }
    let (parent, last) = container(root, path)?;
    match parent {
        Value::Object(members) => {
            members.insert(last, value);
            Ok(())
        }
        Value::Array(items) if last == "-" => {
            items.push(value);
            Ok(())
        }
        Value::Array(items) => {
            // One past the end is allowed, and a negative index counts from there.
            let index = index_of(&last, items.len() + 1).ok_or("bad list index")?;
            if index > items.len() {
                return Err("list index out of range");
            }
            items.insert(index, value);
            Ok(())
        }
        _ => Err("the parent is neither object nor list"),
    }
}

fn remove(root: &mut Value, path: &str) -> Result<Value, &'static str> {
    let (parent, last) = container(root, path)?;
    match parent {
        Value::Object(members) => members.remove(&last).ok_or("nothing to remove"),
        Value::Array(items) => {
            let index = index_of(&last, items.len()).ok_or("bad list index")?;
            if index < items.len() { Ok(items.remove(index)) } else { Err("list index out of range") }
        }
        _ => Err("the parent is neither object nor list"),
    }
}

fn replace(root: &mut Value, path: &str, value: Value) -> Result<(), &'static str> {
    if path.is_empty() {
        *root = value;
        return Ok(());
    }
    let (parent, last) = container(root, path)?;
    match parent {
        Value::Object(members) => {
            members.insert(last, value);
            Ok(())
        }
        Value::Array(_) => {
            *child_mut(parent, &last).ok_or("list index out of range")? = value;
            Ok(())
        }
        _ => Err("the parent is neither object nor list"),
    }
}

fn test(root: &Value, path: &str, value: Option<&Value>) -> Result<(), &'static str> {
    let found = find(root, path).ok_or("nothing to test")?;
    let wanted = value.unwrap_or(&Value::Null);
    if found == wanted { Ok(()) } else { Err("the value is another one") }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patched(mut target: Value, patch: &Value) -> Option<Value> {
        Patch::parse(patch).unwrap().apply(&mut target).ok().map(|()| target)
    }

    #[test]
    fn operations_do_what_kubernetes_does() {
        let target = || json!({"a": {"b": 1}, "l": [1, 2, 3], "x/y": 0, "n": null});
        for (patch, expected) in [
            (json!({"op": "add", "path": "/a/c", "value": 2}), json!({"a": {"b": 1, "c": 2}})),
            (json!({"op": "add", "path": "/a/b"}), json!({"a": {"b": null}})),
            (json!({"op": "add", "path": "/l/-", "value": 4}), json!({"l": [1, 2, 3, 4]})),
            (json!({"op": "add", "path": "/l/1", "value": 9}), json!({"l": [1, 9, 2, 3]})),
            (json!({"op": "replace", "path": "/a/new", "value": 2}), json!({"a": {"b": 1, "new": 2}})),
            (json!({"op": "replace", "path": "/l/-1", "value": 9}), json!({"l": [1, 2, 9]})),
            (json!({"op": "remove", "path": "/l/-1"}), json!({"l": [1, 2]})),
            (json!({"op": "remove", "path": "/x~1y"}), json!({})),
            (json!({"op": "move", "from": "/a/b", "path": "/m"}), json!({"a": {}, "m": 1})),
            (json!({"op": "copy", "from": "/a", "path": "/m"}), json!({"m": {"b": 1}})),
            (json!({"op": "test", "path": "/n", "value": null}), json!({})),
            (json!({"op": "add", "path": "dropped/a/c", "value": 1}), json!({"a": {"b": 1, "c": 1}})),
        ] {
            let result = patched(target(), &json!([patch])).unwrap();
            for (name, value) in expected.as_object().unwrap() {
                assert_eq!(&result[name], value, "{patch}");
            }
        }
        for patch in [
            json!({"op": "remove", "path": "/missing"}),
            json!({"op": "test", "path": "/missing", "value": null}),
            json!({"op": "test", "path": "/a/b", "value": 2}),
            json!({"op": "add", "path": "/l/9", "value": 1}),
            json!({"op": "add", "path": "/missing/x", "value": 1}),
            json!({"op": "move", "from": "/missing", "path": "/m"}),
        ] {
            assert_eq!(patched(target(), &json!([patch])), None, "{patch}");
        }
        assert!(Patch::parse(&json!([{"op": "jump", "path": "/a"}])).is_err());
        assert!(Patch::parse(&json!({})).is_err());
    }
}
