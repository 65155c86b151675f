//! From client-side to server-side apply, for the manager `kubectl` alone.
//!
//! What the last client-side apply set and still stands as it set it may be taken over without force. The annotation that
//! client-side apply left is kept in step as long as it is there.

use serde_json::Value;

use super::collect::fields_of;
use super::compare::compare;
use super::fieldset::FieldSet;
use super::typed::Type;

/// The annotation of client-side apply.
pub const LAST_APPLIED_ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// All annotations of an object together may have this many bytes.
const MAXIMUM_ANNOTATIONS_SIZE: usize = 256 * 1024;

/// The one manager that takes over.
pub(super) const KUBECTL: &str = "kubectl";

fn last_applied(object: &Value) -> Option<&str> {
    let text = object.get("metadata")?.get("annotations")?.get(LAST_APPLIED_ANNOTATION)?.as_str()?;
    (!text.is_empty()).then_some(text)
}

/// Fields that were applied by the client and are as it left them; nothing where it left no trace.
pub(super) fn may_take_over(live: &Value, api_version: &str, root: Type<'_>) -> Option<FieldSet> {
    let applied: Value = serde_json::from_str(last_applied(live)?).ok()?;
    if applied.get("apiVersion").and_then(Value::as_str) != Some(api_version) {
        return None;
    }
    super::check::check(&applied, root).ok()?;
    let mut fields = fields_of(&applied, root);
    let difference = compare(Some(&applied), Some(live), root);
    fields.subtract(&difference.modified);
    fields.subtract(&difference.added);
    fields.subtract(&difference.removed);
    Some(fields)
}

/// Writes what is applied now into the annotation, if the object has it.
pub(super) fn keep_in_step(object: &mut Value, applied: &Value) {
    if last_applied(object).is_none() {
        return;
    }
    let mut bare = applied.clone();
    if let Some(metadata) = bare.get_mut("metadata").and_then(Value::as_object_mut)
        && let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut)
    {
        annotations.remove(LAST_APPLIED_ANNOTATION);
        if annotations.is_empty() {
            metadata.remove("annotations");
        }
    }
    let annotations = object.get_mut("metadata").and_then(|metadata| metadata.get_mut("annotations"));
    let Some(Value::Object(annotations)) = annotations else { return };
    // The encoder of Go ends its output with a newline.
    annotations.insert(LAST_APPLIED_ANNOTATION.to_owned(), Value::String(format!("{bare}\n")));
    let size: usize =
        annotations.iter().map(|(key, value)| key.len() + value.as_str().map_or(0, str::len)).sum();
    if size > MAXIMUM_ANNOTATIONS_SIZE {
        annotations.remove(LAST_APPLIED_ANNOTATION);
    }
}
