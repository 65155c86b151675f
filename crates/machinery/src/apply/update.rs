//! Who owns what after a write: the part that applies and other writes share, and the tracking of other writes.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::ApplyError;
use super::compare::{Comparison, compare};
use super::conflict;
use super::fieldset::FieldSet;
use super::managed::{
    Identity, Managed, ManagedFieldsEntry, Operation, managed_fields, put_managed_fields, take_managed_fields,
};
use super::reconcile::reconcile;
use super::typed::Type;
use crate::schema::Schema;

/// Nobody owns what the server itself sets, nor the identity of an object.
static NEVER_OWNED: LazyLock<FieldSet> = LazyLock::new(|| {
    let fields = json!({
        "f:apiVersion": {},
        "f:kind": {},
        "f:metadata": {
            ".": {}, "f:name": {}, "f:namespace": {}, "f:creationTimestamp": {}, "f:selfLink": {}, "f:uid": {},
            "f:clusterName": {}, "f:generation": {}, "f:managedFields": {}, "f:resourceVersion": {},
        },
    });
    match fields {
        Value::Object(fields) => FieldSet::from_fields_v1(fields),
        _ => FieldSet::new(),
    }
});

/// More entries of updates than this are merged into one by version.
const MAXIMUM_UPDATERS: usize = 10;

/// The manager of merged entries.
const ANCIENT: &str = "ancient-changes";

/// The manager of what was there before the first apply, where nothing had been tracked.
pub(super) const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// The manager of writes that name none.
const UNKNOWN: &str = "unknown";

/// Who and when, of a write that is not an apply.
#[derive(Debug, Clone, Copy)]
pub struct Writer<'a> {
    /// Field manager; empty counts as `unknown`.
    pub manager: &'a str,
    /// Version that the object is in.
    pub api_version: &'a str,
    /// `status`, `scale`, or absent.
    pub subresource: Option<&'a str>,
    /// Fields that this way of writing does not change; see [`super::reset_fields`].
    pub reset_fields: &'a FieldSet,
    /// Now, for the entry's time.
    pub now: Timestamp,
}

/// The manager's name as entries have it.
pub(super) fn manager_name(manager: &str) -> &str {
    if manager.is_empty() { UNKNOWN } else { manager }
}

pub(super) fn strip(fields: &mut FieldSet) {
    fields.subtract(&NEVER_OWNED);
}

/// Takes written and removed fields away from all other managers. Without `force`, written ones are conflicts.
pub(super) fn disown(
    managed: &mut Managed,
    comparison: &Comparison,
    except: Option<Identity<'_>>,
    force: bool,
) -> Result<(), ApplyError> {
    let written = comparison.written();
    let is_other = |entry: &ManagedFieldsEntry| except.is_none_or(|identity| !entry.is(identity));
    if !force {
        let conflicting =
            managed.entries.iter().filter(|entry| is_other(entry) && entry.fields.intersects(&written));
        let owners: Vec<_> =
            conflicting.map(|entry| (entry.clone(), entry.fields.intersection(&written).paths())).collect();
        if !owners.is_empty() {
            return Err(ApplyError::Conflicts(conflict::list(owners)));
        }
    }
    for entry in managed.entries.iter_mut().filter(|entry| is_other(entry)) {
        entry.fields.subtract(&written);
        entry.fields.subtract(&comparison.removed);
    }
    managed.entries.retain(|entry| !entry.fields.is_empty());
    Ok(())
}

/// Brings all entries in line with the schema as it is now.
pub(super) fn reconcile_all(managed: &mut Managed, root: Type<'_>) {
    for entry in &mut managed.entries {
        reconcile(&mut entry.fields, root);
    }
}

/// Records in `new` who owns what after a create, update or patch. `old` is the stored object, absent on create.
///
/// `new` may carry `managedFields` of its own: entries a client has changed count, an empty list (or one empty entry)
/// resets, null and unreadable entries are ignored. Through a subresource they are always ignored.
pub fn track_update(schema: &Schema, old: Option<&Value>, new: &mut Value, writer: &Writer<'_>) {
    let sent = take_managed_fields(new);
    let stored = old.and_then(managed_fields);
    let root = Type::root(schema);
    let unchanged = sent.as_ref() == stored || sent.is_none() || writer.subresource.is_some();
    let comparison = compare(Some(old.unwrap_or(&bare(new))), Some(new), root).without(writer.reset_fields);
    if unchanged && comparison.is_empty() {
        let kept = if sent.is_some() && sent.as_ref() == stored { sent } else { stored.cloned() };
        put_managed_fields(new, kept);
        return;
    }
    let mut managed = entries_to_start_from(sent, stored, writer.subresource.is_some());
    let exists =
        old.is_some_and(|old| old.get("metadata").and_then(|metadata| metadata.get("uid")).is_some());
    if managed.entries.is_empty() && exists {
        // Tracking starts with a create or an apply only.
        return;
    }
    reconcile_all(&mut managed, root);
    own_written(&mut managed, &comparison, writer);
    cap_updaters(&mut managed);
    put_managed_fields(new, managed.into_json());
}

/// What a new object is compared with: its version and kind alone.
fn bare(object: &Value) -> Value {
    let member = |name: &str| object.get(name).cloned().unwrap_or(Value::Null);
    json!({"apiVersion": member("apiVersion"), "kind": member("kind")})
}

fn is_reset(sent: &Value) -> bool {
    match sent.as_array().map(Vec::as_slice) {
        Some([]) => true,
        Some([only]) => only.as_object().is_some_and(serde_json::Map::is_empty),
        _ => false,
    }
}

fn entries_to_start_from(sent: Option<Value>, stored: Option<&Value>, ignore_sent: bool) -> Managed {
    if !ignore_sent && let Some(sent) = sent {
        if Some(&sent) == stored {
            return Managed::from_own(Some(sent));
        }
        if is_reset(&sent) {
            return Managed::default();
        }
        let entries = sent.as_array().and_then(|entries| Managed::from_foreign(entries));
        if let Some(managed) = entries.filter(|managed| !managed.entries.is_empty()) {
            return managed;
        }
    }
    Managed::from_own(stored.cloned())
}

/// Gives the writer what it wrote, and takes it (and what it removed) from everybody.
pub(super) fn own_written(managed: &mut Managed, comparison: &Comparison, writer: &Writer<'_>) {
    // Forced, so there is no error to have.
    let _ = disown(managed, comparison, None, true);
    let mut written = comparison.written();
    strip(&mut written);
    if written.is_empty() {
        return;
    }
    let identity = Identity {
        manager: manager_name(writer.manager),
        operation: Operation::Update,
        api_version: writer.api_version,
        subresource: writer.subresource.unwrap_or_default(),
    };
    let mut entry = match managed.take(identity) {
        Some(mut previous) => {
            previous.fields.unite(&written);
            previous
        }
        None => ManagedFieldsEntry::new(identity, written),
    };
    // Writes through `scale` leave times alone: the server translates entries there and back without a clock.
    if writer.subresource != Some("scale") {
        entry.touch(writer.now);
    }
    managed.entries.push(entry);
}

/// Merges the oldest entries of updates where there are too many.
fn cap_updaters(managed: &mut Managed) {
    let mut updaters: Vec<(String, usize)> = Vec::new();
    for (index, entry) in managed.entries.iter().enumerate() {
        if entry.operation == Operation::Update {
            let key =
                format!("{}\0{}\0{}\0{}", entry.time, entry.manager, entry.api_version, entry.subresource);
            updaters.push((key, index));
        }
    }
    let mut excess = updaters.len().saturating_sub(MAXIMUM_UPDATERS);
    if excess == 0 {
        return;
    }
    updaters.sort();
    // By version, the place that older entries are merged into.
    let mut buckets: BTreeMap<String, usize> = BTreeMap::new();
    let mut merged: Vec<usize> = Vec::new();
    for (_, index) in updaters {
        if excess == 0 {
            break;
        }
        let Some(entry) = managed.entries.get(index) else { continue };
        let (version, time, fields) = (entry.api_version.clone(), entry.time.clone(), entry.fields.clone());
        match buckets.get(&version).and_then(|bucket| managed.entries.get_mut(*bucket)) {
            Some(bucket) => {
                ANCIENT.clone_into(&mut bucket.manager);
                bucket.subresource.clear();
                bucket.fields.unite(&fields);
                bucket.time = time;
                merged.push(index);
                excess -= 1;
            }
            None => {
                buckets.insert(version, index);
            }
        }
    }
    let mut index = 0;
    managed.entries.retain(|_| {
        let keep = !merged.contains(&index);
        index += 1;
        keep
    });
}
