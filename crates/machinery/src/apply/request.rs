//! One apply, from request to merged object.

use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::check::check;
use super::collect::fields_of;
use super::compare::compare;
use super::conflict::{self, Conflict};
use super::fieldset::FieldSet;
use super::last_applied::{KUBECTL, keep_in_step, may_take_over};
use super::managed::{
    Identity, Managed, ManagedFieldsEntry, Operation, managed_fields, put_managed_fields, take_managed_fields,
};
use super::merge::merge;
use super::remove::prune;
use super::typed::{Type, same};
use super::update::{BEFORE_FIRST_APPLY, Writer, disown, manager_name, own_written, reconcile_all, strip};
use crate::gvk::GroupVersionKind;
use crate::schema::Schema;
use crate::status::Status;

/// One apply.
#[derive(Debug, Clone, Copy)]
pub struct ApplyRequest<'a> {
    /// Schema of the kind's root object. Rules for `metadata` are built in.
    pub schema: &'a Schema,
    /// The object as it is, in `api_version`; absent where the apply creates.
    pub live: Option<&'a Value>,
    /// What is applied.
    pub applied: &'a Value,
    /// Field manager.
    pub manager: &'a str,
    /// Whether to take fields from others.
    pub force: bool,
    /// Version that `applied` and `live` are in.
    pub api_version: &'a str,
    /// `status`, `scale`, or absent.
    pub subresource: Option<&'a str>,
    /// Fields that this way of writing does not change; see [`reset_fields`].
    pub reset_fields: &'a FieldSet,
    /// Now, for the entry's time.
    pub now: Timestamp,
}

/// Why an apply was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ApplyError {
    /// Others own fields that would change (409).
    #[error("{}", conflict::message(.0))]
    Conflicts(Vec<Conflict>),
    /// The applied object does not fit the schema (500 without a reason).
    #[error("{0}")]
    Schema(String),
    /// The applied object is not one that may be applied here (400).
    #[error("{0}")]
    BadRequest(String),
}

impl ApplyError {
    /// The answer that kube-apiserver gives.
    pub fn status(&self) -> Status {
        match self {
            Self::Conflicts(conflicts) => conflict::status(conflicts),
            Self::Schema(message) => Status::plain_error(message.clone()),
            Self::BadRequest(message) => Status::bad_request(message.clone()),
        }
    }
}

static NOTHING: LazyLock<FieldSet> = LazyLock::new(FieldSet::new);
static STATUS: LazyLock<FieldSet> = LazyLock::new(|| set_of(&["f:status"]));
static ALL_BUT_STATUS: LazyLock<FieldSet> = LazyLock::new(|| set_of(&["f:metadata", "f:spec"]));

fn set_of(elements: &[&str]) -> FieldSet {
    let mut set = FieldSet::new();
    for element in elements {
        set.insert(&[element]);
    }
    set
}

/// The fields that a write does not change, for kinds of the usual shape: through `status` all but the status; otherwise,
/// where the kind has a status subresource, the status. Nobody comes to own them by such a write.
pub fn reset_fields(subresource: Option<&str>, has_status: bool) -> &'static FieldSet {
    match subresource {
        Some("status") => &ALL_BUT_STATUS,
        _ if has_status => &STATUS,
        _ => &NOTHING,
    }
}

/// Applies. The answer is the merged object including its `managedFields`, not yet defaulted nor validated. Where it
/// equals the live object there is nothing to write.
pub fn apply(request: &ApplyRequest<'_>) -> Result<Value, ApplyError> {
    refuse_unfit(request)?;
    let root = Type::root(request.schema);
    let created;
    let live = match request.live {
        Some(live) => live,
        None => {
            created = json!({"apiVersion": request.applied["apiVersion"], "kind": request.applied["kind"]});
            &created
        }
    };
    let outcome = apply_once(request, live, root, request.force);
    let mut merged = match outcome {
        Err(ApplyError::Conflicts(conflicts)) if request.manager == KUBECTL => {
            take_over(request, live, root, conflicts)?
        }
        outcome => outcome?,
    };
    if request.manager == KUBECTL {
        keep_in_step(&mut merged, request.applied);
    }
    Ok(merged)
}

fn refuse_unfit(request: &ApplyRequest<'_>) -> Result<(), ApplyError> {
    let kind =
        GroupVersionKind::of(request.applied).map_err(|error| ApplyError::BadRequest(error.to_string()))?;
    if kind.api_version() != request.api_version {
        return Err(ApplyError::BadRequest(format!("invalid object type: {kind}")));
    }
    if managed_fields(request.applied).is_some_and(|fields| !fields.is_null()) {
        return Err(ApplyError::BadRequest("metadata.managedFields must be nil".to_owned()));
    }
    check(request.applied, Type::root(request.schema)).map_err(|problem| {
        let metadata = |name: &str| request.applied["metadata"][name].as_str().unwrap_or_default();
        let (namespace, name) = (metadata("namespace"), metadata("name"));
        ApplyError::Schema(format!(
            "failed to create typed patch object ({namespace}/{name}; {kind}): {problem}"
        ))
    })
}

/// After conflicts of kubectl: applies with force what the last client-side apply had set.
fn take_over(
    request: &ApplyRequest<'_>,
    live: &Value,
    root: Type<'_>,
    conflicts: Vec<Conflict>,
) -> Result<Value, ApplyError> {
    let Some(allowed) = may_take_over(live, request.api_version, root) else {
        return Err(ApplyError::Conflicts(conflicts));
    };
    let allowed = allowed.paths();
    let left: Vec<Conflict> =
        conflicts.into_iter().filter(|conflict| !allowed.contains(&conflict.path)).collect();
    if left.is_empty() { apply_once(request, live, root, true) } else { Err(ApplyError::Conflicts(left)) }
}

fn apply_once(
    request: &ApplyRequest<'_>,
    live: &Value,
    root: Type<'_>,
    force: bool,
) -> Result<Value, ApplyError> {
    let mut merged = live.clone();
    let mut managed = Managed::from_own(take_managed_fields(&mut merged));
    if managed.entries.is_empty() {
        own_what_was_there(&mut managed, request, live, root);
    }
    reconcile_all(&mut managed, root);

    merge(&mut merged, request.applied, root);
    let mut fields = fields_of(request.applied, root);
    fields.subtract_recursively(request.reset_fields);
    let identity = Identity {
        manager: manager_name(request.manager),
        operation: Operation::Apply,
        api_version: request.api_version,
        subresource: request.subresource.unwrap_or_default(),
    };
    let last = managed.take(identity);
    if let Some(last) = &last {
        merged = prune_if_needed(merged, root, &last.fields, &fields, &managed);
    }

    let comparison = compare(Some(live), Some(&merged), root);
    // Another order of a set is nobody's field, but a change all the same.
    let changed = !comparison.is_empty() || !same_but_for_owners(live, &merged);
    disown(&mut managed, &comparison.without(request.reset_fields), Some(identity), force)?;
    strip(&mut fields);
    if !fields.is_empty() {
        let mut entry = ManagedFieldsEntry::new(identity, fields);
        if changed {
            entry.touch(request.now);
        } else if let Some(last) = last {
            entry.time = last.time;
        }
        managed.entries.push(entry);
    }
    put_managed_fields(&mut merged, managed.into_json());
    Ok(merged)
}

/// Whether two states of an object are the same in all but `managedFields`, the order of lists included.
fn same_but_for_owners(live: &Value, merged: &Value) -> bool {
    let (Value::Object(live), Value::Object(merged)) = (live, merged) else { return same(live, merged) };
    let same_member = |(name, live): (&String, &Value)| match (live, merged.get(name)) {
        (Value::Object(live), Some(Value::Object(merged))) if name == "metadata" => {
            let kept = |(name, _): &(&String, &Value)| *name != "managedFields";
            let (live, merged) = (live.iter().filter(kept), merged.iter().filter(kept));
            live.clone().count() == merged.clone().count()
                && live.zip(merged).all(|(live, merged)| live.0 == merged.0 && same(live.1, merged.1))
        }
        (live, Some(merged)) => same(live, merged),
        (_, None) => false,
    };
    live.len() == merged.len() && live.iter().all(same_member)
}

/// Where nothing was tracked, all that is there belongs to one made-up manager.
fn own_what_was_there(managed: &mut Managed, request: &ApplyRequest<'_>, live: &Value, root: Type<'_>) {
    let bare = json!({"apiVersion": live["apiVersion"], "kind": live["kind"]});
    let comparison = compare(Some(&bare), Some(live), root).without(request.reset_fields);
    let writer = Writer {
        manager: BEFORE_FIRST_APPLY,
        api_version: request.api_version,
        subresource: request.subresource,
        reset_fields: request.reset_fields,
        now: request.now,
    };
    own_written(managed, &comparison, &writer);
}

fn prune_if_needed(
    merged: Value,
    root: Type<'_>,
    last: &FieldSet,
    fields: &FieldSet,
    others: &Managed,
) -> Value {
    if last.is_subset_of(fields) {
        return merged;
    }
    let mut all = fields.clone();
    for entry in &others.entries {
        all.unite(&entry.fields);
    }
    prune(merged, root, last, &all)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const FIRST: i64 = 1_700_000_000;

    fn apply_at(second: i64, live: Option<&Value>, spec: Value) -> Value {
        let schema = Schema::parse(&json!({"type": "object", "properties": {"spec": {
            "type": "object",
            "properties": {
                "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
                "ports": {
                    "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                    "items": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
                },
            },
        }}}));
        let applied = json!({"apiVersion": "e.com/v1", "kind": "T", "metadata": {"name": "a"}, "spec": spec});
        let request = ApplyRequest {
            schema: &schema.unwrap(),
            live,
            applied: &applied,
            manager: "m",
            force: false,
            api_version: "e.com/v1",
            subresource: None,
            reset_fields: reset_fields(None, false),
            now: Timestamp::from_second(second).unwrap(),
        };
        apply(&request).unwrap()
    }

    #[test]
    fn another_order_is_a_change() {
        let time = |object: &Value| object["metadata"]["managedFields"][0]["time"].clone();
        let specs = [
            (json!({"tags": ["a", "b"]}), json!({"tags": ["b", "a"]})),
            (
                json!({"ports": [{"name": "a"}, {"name": "b"}]}),
                json!({"ports": [{"name": "b"}, {"name": "a"}]}),
            ),
        ];
        for (spec, turned) in specs {
            let made = apply_at(FIRST, None, spec.clone());
            let again = apply_at(FIRST + 60, Some(&made), spec);
            assert_eq!(again, made, "nothing changed");
            let changed = apply_at(FIRST + 60, Some(&made), turned.clone());
            assert_eq!(changed["spec"], turned);
            assert_ne!(time(&changed), time(&made));
        }
    }
}
