//! The hands: the only place that writes. Every action is carried out as it stands; nothing is decided here.

use decide::plan::{Action, ObjectRef, Part, Write};
use machinery::gvk::GroupVersionKind;
use runtime::cache::Typed;
use runtime::key::Key;
use serde::Serialize;
use serde_json::Value;

use crate::context::Context;
use crate::error::Error;

/// What came of carrying out a plan's actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// There was nothing to do, or nothing that would have changed anything.
    Nothing,
    /// Something was written that the cache shows now: look again.
    Visible,
    /// Something was done where no cache shows it yet; an event will tell.
    OutOfSight,
}

/// Carries out `actions` in order; the first that fails stops those behind it.
///
/// # Errors
/// Of the action that failed.
pub async fn perform(
    cx: &Context,
    controller: &str,
    key: &Key,
    actions: &[Action],
) -> Result<Progress, Error> {
    let mut progress = Progress::Nothing;
    for action in actions {
        let done = one(cx, action).await?;
        if done != Progress::Nothing {
            tracing::debug!(controller, object = %key, "{action}");
        }
        progress = match (progress, done) {
            (Progress::OutOfSight, _) | (_, Progress::OutOfSight) => Progress::OutOfSight,
            (Progress::Visible, _) | (_, Progress::Visible) => Progress::Visible,
            (Progress::Nothing, Progress::Nothing) => Progress::Nothing,
        };
    }
    Ok(progress)
}

async fn one(cx: &Context, action: &Action) -> Result<Progress, Error> {
    match action {
        Action::Write { write, .. } => management(cx, write).await,
        Action::Workload { cluster, write, .. } => crate::workload::write(cx, cluster, write).await,
        Action::Etcd { cluster, nodes, change, .. } => {
            crate::workload::etcd(cx, cluster, nodes, change).await
        }
    }
}

/// A write to the management API.
async fn management(cx: &Context, write: &Write) -> Result<Progress, Error> {
    let reference = write.target();
    let key = Key::new(&reference.namespace, &reference.name);
    let target = cx.target(&kind_of(&reference)?).await?;
    match write {
        Write::Apply { object, manager, part } => {
            return match target.apply(&cx.writer, &key, manager, *part, object).await {
                // An object that is gone needs no status.
                Err(error) if *part == Part::Status && error.is_not_found() => Ok(Progress::Nothing),
                Err(error) => Err(error.into()),
                Ok(true) => Ok(Progress::Visible),
                Ok(false) => Ok(Progress::Nothing),
            };
        }
        Write::Create { object } => create(cx, target.as_ref(), &key, object).await?,
        Write::Patch { patch, part, .. } => match target.patch(&cx.writer, &key, *part, patch).await {
            Err(error) if error.is_not_found() => {}
            other => other?,
        },
        Write::Delete { uid, .. } => target.delete(&cx.writer, &key, uid.as_deref()).await?,
        Write::Evict { .. } => {
            return Err(malformed("evict", &reference, "Pods are evicted in workload clusters only"));
        }
    }
    Ok(Progress::Visible)
}

/// Creates an object. One that is there already counts as done if the same owner controls it: then this very step was
/// done before, and its answer was lost.
async fn create(
    cx: &Context,
    target: &dyn crate::target::Target,
    key: &Key,
    object: &Value,
) -> Result<(), Error> {
    let error = match target.create(&cx.writer, key, object).await {
        Err(error) if error.is_already_exists() => error,
        other => return Ok(other?),
    };
    let wanted = controller_of(object).unwrap_or_default();
    match target.controller_on_server(&cx.writer, key).await? {
        Some(found) if found == wanted => Ok(()),
        Some(_) => Err(error.into()),
        // Gone again in between: the next round creates it.
        None => Ok(()),
    }
}

fn controller_of(object: &Value) -> Option<&str> {
    let owners = object["metadata"]["ownerReferences"].as_array()?;
    owners.iter().find(|owner| owner["controller"] == true)?["uid"].as_str()
}

/// Publishes a status by server-side apply: the fields and conditions that `manager` owns.
///
/// Says whether anything was sent.
///
/// # Errors
/// When the server refuses it. An object that is gone needs no status.
pub async fn publish_status<K: Typed, S: Serialize>(
    cx: &Context,
    manager: &str,
    key: &Key,
    status: &S,
) -> Result<bool, Error> {
    let store = cx.kind::<K>()?;
    if store.get(key).is_none() {
        return Ok(false);
    }
    match cx.writer.publish_status(&store, key, manager, status).await {
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error.into()),
        Ok(published) => {
            if published.sent {
                tracing::debug!(controller = manager, object = %key, "publish status");
                let text = || serde_json::to_string(status).unwrap_or_default();
                tracing::trace!(controller = manager, object = %key, status = text(), "published");
            }
            Ok(published.sent)
        }
    }
}

/// The kind that a reference names.
///
/// # Errors
/// When its apiVersion is none.
pub fn kind_of(reference: &ObjectRef) -> Result<GroupVersionKind, Error> {
    GroupVersionKind::parse(&reference.api_version, &reference.kind)
        .map_err(|error| malformed("address", reference, &error.to_string()))
}

/// A plan's object that cannot be addressed.
pub fn malformed(act: &'static str, reference: &ObjectRef, reason: &str) -> Error {
    Error::Malformed { act, what: reference.to_string(), reason: reason.to_owned() }
}
