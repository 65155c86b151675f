//! Schemas of definitions, read and found sound once in a process and shared by all its servers.
//!
//! A process may hold many servers that are told the same definitions, and one server reads each definition several times:
//! when it is judged, when it is installed, when it is installed again after a status was written. Reading a schema makes
//! thousands of nodes and compiles its patterns; recognizing one is a pass over its text.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use machinery::schema::Schema;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// How many schemas are remembered. One of the large ones takes some hundred KiB, most of which its users share.
const LIMIT: usize = 32;

/// A schema in which nothing is wrong.
#[derive(Clone)]
pub struct Sound {
    /// The tree.
    pub schema: Arc<Schema>,
    /// Whether objects hold whole objects of other kinds.
    pub embeds: bool,
}

impl Sound {
    fn new(schema: Arc<Schema>) -> Self {
        let embeds = crate::decode::embeds(&schema);
        Self { schema, embeds }
    }
}

type Name = [u8; 32];

/// The most recently used last. Few enough to look through.
static KNOWN: Mutex<VecDeque<(Name, Sound)>> = Mutex::new(VecDeque::new());

/// The schema of this text, if it is remembered.
pub fn known(text: &Value) -> Option<Sound> {
    find(&name(text))
}

/// Remembers a schema that was found sound.
pub fn remember(text: &Value, schema: Arc<Schema>) {
    keep(name(text), Sound::new(schema));
}

/// The schema of a text that was judged before. One that cannot be read allows everything.
pub fn read(text: Option<&Value>) -> Sound {
    let Some(text) = text else { return Sound::new(Arc::new(anything())) };
    let name = name(text);
    if let Some(sound) = find(&name) {
        return sound;
    }
    match Schema::parse(text) {
        Ok(schema) => {
            let sound = Sound::new(Arc::new(schema));
            keep(name, sound.clone());
            sound
        }
        Err(_) => Sound::new(Arc::new(anything())),
    }
}

fn anything() -> Schema {
    Schema { preserve_unknown_fields: true, ..Schema::default() }
}

fn find(name: &Name) -> Option<Sound> {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let found = known.iter().position(|(other, _)| other == name)?;
    let entry = known.remove(found)?;
    let sound = entry.1.clone();
    known.push_back(entry);
    Some(sound)
}

fn keep(name: Name, sound: Sound) {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if known.iter().any(|(other, _)| *other == name) {
        return;
    }
    if known.len() >= LIMIT {
        known.pop_front();
    }
    known.push_back((name, sound));
}

/// What tells one text from another: a digest, since anybody who may define kinds chooses the text.
fn name(text: &Value) -> Name {
    let mut digest = Sha256::new();
    let mut buffer = Vec::with_capacity(BUFFER_BYTES);
    feed(text, &mut buffer, &mut digest);
    digest.update(&buffer);
    digest.finalize().into()
}

/// Digests take large pieces faster than small ones.
const BUFFER_BYTES: usize = 8 * 1024;

/// Every value begins with its type, and every text and collection with its length: no two trees read the same.
fn feed(value: &Value, buffer: &mut Vec<u8>, digest: &mut Sha256) {
    if buffer.len() > BUFFER_BYTES / 2 {
        digest.update(&*buffer);
        buffer.clear();
    }
    match value {
        Value::Null => buffer.push(b'n'),
        Value::Bool(false) => buffer.push(b'f'),
        Value::Bool(true) => buffer.push(b't'),
        Value::Number(number) => feed_text(b'#', &number.to_string(), buffer),
        Value::String(text) => feed_text(b'"', text, buffer),
        Value::Array(items) => {
            feed_length(b'[', items.len(), buffer);
            items.iter().for_each(|item| feed(item, buffer, digest));
        }
        Value::Object(members) => {
            feed_length(b'{', members.len(), buffer);
            for (name, member) in members {
                feed_text(b'"', name, buffer);
                feed(member, buffer, digest);
            }
        }
    }
}

fn feed_length(kind: u8, length: usize, buffer: &mut Vec<u8>) {
    buffer.push(kind);
    buffer.extend_from_slice(&length.to_le_bytes());
}

fn feed_text(kind: u8, text: &str, buffer: &mut Vec<u8>) {
    feed_length(kind, text.len(), buffer);
    buffer.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_that_differ_have_different_names() {
        let texts = [
            json!({"a": "b"}),
            json!({"a": ["b"]}),
            json!({"ab": ""}),
            json!([{"a": "b"}]),
            json!({"a": {"b": null}}),
            json!({"a": 1}),
            json!({"a": "1"}),
            json!({"a": true}),
        ];
        for (index, text) in texts.iter().enumerate() {
            for other in texts.iter().skip(index + 1) {
                assert_ne!(name(text), name(other), "{text} {other}");
            }
            assert_eq!(name(text), name(&text.clone()));
        }
    }

    #[test]
    fn equal_texts_share_one_tree_and_a_limited_number_is_kept() {
        let text =
            |index: usize| json!({"type": "object", "properties": {format!("p{index}"): {"type": "string"}}});
        let first = read(Some(&text(0)));
        assert!(Arc::ptr_eq(&first.schema, &read(Some(&text(0))).schema));
        for index in 1..=LIMIT * 2 {
            read(Some(&text(index)));
        }
        assert!(known(&text(0)).is_none());
        assert!(KNOWN.lock().unwrap_or_else(PoisonError::into_inner).len() <= LIMIT);
    }
}
