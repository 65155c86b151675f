//! Reading and writing the few members of an object that every kind has.

use std::collections::BTreeMap;
use std::io;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::ser::Formatter;
use serde_json::{Map, Value};

/// An object's metadata; `None` where there is none or it is no object.
pub fn metadata(object: &Value) -> Option<&Map<String, Value>> {
    object.get("metadata").and_then(Value::as_object)
}

/// An object's metadata, made where it is missing. `object` must be a JSON object; anything else is replaced by one.
pub fn metadata_mut(object: &mut Value) -> &mut Map<String, Value> {
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    member_mut(object, "metadata")
}

/// A member that is an object, made where it is missing.
pub fn member_mut<'a>(object: &'a mut Value, name: &str) -> &'a mut Map<String, Value> {
    as_map(as_map(object).entry(name).or_insert_with(|| Value::Object(Map::new())))
}

/// The value as a map; whatever else it was is replaced by an empty one.
fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let Value::Object(map) = value else { unreachable!("it was made an object just above") };
    map
}

/// A text member of the metadata; empty where absent.
pub fn meta_text<'a>(object: &'a Value, name: &str) -> &'a str {
    metadata(object).and_then(|metadata| metadata.get(name)).and_then(Value::as_str).unwrap_or_default()
}

/// The object's name.
pub fn name(object: &Value) -> &str {
    meta_text(object, "name")
}

/// Whether the object is being deleted.
pub fn deleting(object: &Value) -> bool {
    !meta_text(object, "deletionTimestamp").is_empty()
}

/// The object's finalizers.
pub fn finalizers(object: &Value) -> Vec<&str> {
    let list = metadata(object).and_then(|metadata| metadata.get("finalizers")).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Sets a member of the metadata, or removes it where the value is null.
pub fn set_meta(object: &mut Value, name: &str, value: impl Into<Value>) {
    let value = value.into();
    let metadata = metadata_mut(object);
    if value.is_null() {
        metadata.remove(name);
    } else {
        metadata.insert(name.to_owned(), value);
    }
}

/// Makes one member of an object the same as another object's: present or absent.
pub fn copy_member(from: &Value, to: &mut Value, name: &str) {
    let Some(to) = to.as_object_mut() else { return };
    match from.get(name) {
        Some(value) => to.insert(name.to_owned(), value.clone()),
        None => to.remove(name),
    };
}

/// The part of an object that selectors, garbage collection and deletion look at, read from stored bytes without making
/// a tree of the rest.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Head {
    /// The metadata members of interest.
    #[serde(default)]
    pub metadata: HeadMetadata,
}

/// See [`Head`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HeadMetadata {
    /// Name.
    pub name: String,
    /// Namespace; empty for objects outside of namespaces.
    pub namespace: String,
    /// Uid.
    pub uid: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Set when the object is being deleted.
    pub deletion_timestamp: Option<String>,
    /// Finalizers.
    pub finalizers: Vec<String>,
    /// Owners.
    pub owner_references: Vec<Owner>,
}

/// An owner reference.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct Owner {
    /// Group and version.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Uid.
    pub uid: String,
    /// The owner's foreground deletion waits for this dependent.
    pub block_owner_deletion: Option<bool>,
}

impl Head {
    /// Reads the head of stored bytes; an empty head where they are no object.
    pub fn read(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_default()
    }
}

/// Stored bytes as a tree. Bytes in the store were written by this server; should they be damaged, the tree is null.
pub fn parse(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or(Value::Null)
}

/// An object written as JSON except for its resource version, which is known only when the write gets its place.
pub struct Encoded {
    bytes: Vec<u8>,
    hole: usize,
}

impl Encoded {
    /// Writes the object. Its own resource version is left out.
    pub fn new(object: &Value) -> Self {
        let mut bytes = Vec::with_capacity(1024);
        let mut hole = 0;
        bytes.push(b'{');
        let mut first = true;
        // What the object is and its metadata come first: lists of built-in kinds leave out the former by a slice, and
        // whoever reads heads finds them at once.
        for name in LEADING {
            match object.get(name) {
                Some(Value::Object(metadata)) if name == "metadata" => {
                    separate(&mut bytes, &mut first, name);
                    hole = write_metadata(&mut bytes, metadata);
                }
                Some(value) => {
                    separate(&mut bytes, &mut first, name);
                    write(&mut bytes, value);
                }
                None => {}
            }
        }
        for (name, value) in object.as_object().into_iter().flatten() {
            if !LEADING.contains(&name.as_str()) {
                separate(&mut bytes, &mut first, name);
                write(&mut bytes, value);
            }
        }
        bytes.push(b'}');
        Self { bytes, hole }
    }

    /// The bytes with this resource version.
    pub fn with_version(self, revision: u64) -> Bytes {
        let (Some(before), Some(after)) = (self.bytes.get(..self.hole), self.bytes.get(self.hole..)) else {
            return self.without_version();
        };
        if before.is_empty() {
            return self.without_version();
        }
        // The hole may be the first member, the last, or the only one: commas stand between members.
        let comma_before = if before.ends_with(b"{") { "" } else { "," };
        let comma_after = if comma_before.is_empty() && !after.starts_with(b"}") { "," } else { "" };
        let text = format!("{comma_before}\"resourceVersion\":\"{revision}\"{comma_after}");
        // What is stored stays for long: it takes no byte more than it needs.
        let mut whole = Vec::with_capacity(self.bytes.len() + text.len());
        whole.extend_from_slice(before);
        whole.extend_from_slice(text.as_bytes());
        whole.extend_from_slice(after);
        Bytes::from(whole)
    }

    /// The bytes without any resource version.
    pub fn without_version(self) -> Bytes {
        Bytes::from(self.bytes.into_boxed_slice())
    }
}

/// Members that come first in stored bytes.
const LEADING: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// What stored bytes of a kind begin with, up to and including the comma before the metadata.
pub fn leading(api_version: &str, kind: &str) -> String {
    format!("{{\"apiVersion\":\"{api_version}\",\"kind\":\"{kind}\",")
}

fn separate(bytes: &mut Vec<u8>, first: &mut bool, name: &str) {
    if !std::mem::take(first) {
        bytes.push(b',');
    }
    // Writing text to memory cannot fail.
    let _ = serde_json::to_writer(&mut *bytes, name);
    bytes.push(b':');
}

fn write(bytes: &mut Vec<u8>, value: &Value) {
    // Writing to memory cannot fail.
    let _ = value.serialize(&mut serde_json::Serializer::with_formatter(bytes, GoNumbers));
}

/// JSON without spaces whose fractions are written as Go writes them: whole ones look like integers, and only the very
/// small and the very large have an exponent.
struct GoNumbers;

impl Formatter for GoNumbers {
    fn write_f64<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        if value == 0.0 || (1e-6..1e21).contains(&value.abs()) {
            return write!(writer, "{value}");
        }
        let text = format!("{value:e}");
        let text = if text.contains("e-") { text } else { text.replace('e', "e+") };
        writer.write_all(text.as_bytes())
    }
}

/// Writes metadata without its resource version and returns the place where it belongs: members are sorted.
fn write_metadata(bytes: &mut Vec<u8>, metadata: &Map<String, Value>) -> usize {
    bytes.push(b'{');
    let mut hole = bytes.len();
    let mut first = true;
    for (name, value) in metadata {
        if name == "resourceVersion" {
            continue;
        }
        separate(bytes, &mut first, name);
        write(bytes, value);
        if name.as_str() < "resourceVersion" {
            hole = bytes.len();
        }
    }
    bytes.push(b'}');
    hole
}

/// An object's bytes with another resource version.
pub fn with_version(object: &Value, revision: u64) -> Bytes {
    Encoded::new(object).with_version(revision)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_version_lands_in_its_place() {
        let cases = [
            json!({"metadata": {}}),
            json!({"kind": "K", "metadata": {"name": "a", "resourceVersion": "1", "uid": "u"}, "spec": {"metadata": {"x": 1}}}),
            json!({"metadata": {"uid": "u"}}),
            json!({"metadata": {"name": "a"}}),
        ];
        for mut object in cases {
            let bytes = with_version(&object, 42);
            set_meta(&mut object, "resourceVersion", "42");
            assert_eq!(parse(&bytes), object);
        }
    }

    #[test]
    fn fractions_are_written_as_go_writes_them() {
        for (given, wanted) in [
            ("1.0", "1"),
            ("1e2", "100"),
            ("0.0", "0"),
            ("-0.5", "-0.5"),
            ("1e20", "100000000000000000000"),
            ("1.5e21", "1.5e+21"),
            ("1e300", "1e+300"),
            ("0.000001", "0.000001"),
            ("1.5e-7", "1.5e-7"),
            ("-9.75E-12", "-9.75e-12"),
            ("12345678901234567", "12345678901234567"),
        ] {
            let text = |number| format!(r#"{{"metadata":{{}},"spec":{{"n":[{number},"1.0"]}}}}"#);
            let written = Encoded::new(&parse(text(given).as_bytes())).without_version();
            assert_eq!(std::str::from_utf8(&written).unwrap(), text(wanted));
        }
    }

    #[test]
    fn heads_are_read_without_the_rest() {
        let head = Head::read(
            br#"{"metadata":{"name":"a","labels":{"x":"y"},"finalizers":["f"]},"spec":{"deep":[1]}}"#,
        );
        assert_eq!((head.metadata.name.as_str(), head.metadata.finalizers.len()), ("a", 1));
    }
}
