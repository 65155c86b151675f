//! What the collector does about one object.

use std::sync::Arc;

use serde_json::{Value, json};
use store::{Change, CommitError, Precondition};

use crate::gc::graph::Graph;
use crate::kinds::Kind;
use crate::kinds::definition::set_condition;
use crate::object::{self, Encoded, Owner};
use crate::request::{DeleteOptions, Propagation};
use crate::server::ApiServer;
use crate::verbs;

/// Looks at everything that is pending. What it brings about comes back as events.
pub async fn all(server: &ApiServer, graph: &mut Graph) {
    while let Some(key) = graph.next() {
        one(server, graph, &key).await;
    }
}

async fn one(server: &ApiServer, graph: &Graph, key: &Arc<str>) {
    let Some(node) = graph.node(key) else { return };
    if node.deleting {
        if key.starts_with("/core/namespaces/") {
            empty_namespace(server, graph, key).await;
        }
        if node.orphans {
            release_dependents(server, graph, key, &node.uid).await;
        } else if node.foreground {
            delete_dependents(server, graph, key, &node.uid).await;
        }
        return;
    }
    if !node.owners.is_empty() {
        judge_owners(server, graph, key).await;
    }
}

/// Group and plural in a key of the store.
fn resource_of(key: &str) -> Option<(&str, &str)> {
    let mut parts = key.split('/').skip(1);
    let group = parts.next()?;
    Some((if group == "core" { "" } else { group }, parts.next()?))
}

fn kind_of(server: &ApiServer, key: &str) -> Option<Arc<Kind>> {
    let (group, plural) = resource_of(key)?;
    server.registry().find(group, plural).cloned()
}

/// How an owner stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It is there.
    Solid,
    /// It is not there, or another object has its name.
    Absent,
    /// It waits for its dependents to go.
    Waiting,
}

fn owner_kind(server: &ApiServer, owner: &Owner) -> Option<Arc<Kind>> {
    let (group, _) = machinery::gvk::split_api_version(&owner.api_version).unwrap_or_default();
    server.registry().find_kind(group, &owner.kind)
}

fn standing(server: &ApiServer, graph: &Graph, owner: &Owner, namespace: &str) -> Standing {
    // Owners of a kind that nobody serves cannot be judged.
    if owner_kind(server, owner).is_none() {
        return Standing::Solid;
    }
    match graph.by_uid(&owner.uid) {
        Some(found) if found.name != owner.name => Standing::Absent,
        // An owner in another namespace is none.
        Some(found) if !found.namespace.is_empty() && found.namespace != namespace => Standing::Absent,
        Some(found) if found.deleting && found.foreground => Standing::Waiting,
        Some(_) => Standing::Solid,
        None => Standing::Absent,
    }
}

/// An object whose owners are all gone goes as well; where some are left, it forgets the others.
async fn judge_owners(server: &ApiServer, graph: &Graph, key: &Arc<str>) {
    let Some(node) = graph.node(key) else { return };
    // What is in no namespace cannot say in which its owner is: nobody knows whether that one is gone, and so the object
    // keeps all that it has.
    let of_a_namespace = |owner| owner_kind(server, owner).is_some_and(|kind| kind.namespaced);
    if node.namespace.is_empty() && node.owners.iter().any(of_a_namespace) {
        return;
    }
    let standings: Vec<(Standing, &Owner)> =
        node.owners.iter().map(|owner| (standing(server, graph, owner, &node.namespace), owner)).collect();
    let any = |wanted: Standing| standings.iter().any(|(standing, _)| *standing == wanted);
    if any(Standing::Solid) {
        let gone: Vec<String> = standings
            .iter()
            .filter(|(standing, _)| *standing != Standing::Solid)
            .map(|(_, owner)| owner.uid.clone())
            .collect();
        if !gone.is_empty() {
            forget_owners(server, key, &gone).await;
        }
        return;
    }
    // A dependent that itself has dependents and whose owner waits goes in the same manner.
    let waits = any(Standing::Waiting) && !graph.dependents(&node.uid).is_empty();
    let propagation = if waits || node.foreground {
        Propagation::Foreground
    } else if node.orphans {
        Propagation::Orphan
    } else {
        Propagation::Background
    };
    delete(server, graph, key, propagation).await;
}

async fn delete(server: &ApiServer, graph: &Graph, key: &str, propagation: Propagation) {
    let (Some(node), Some(kind)) = (graph.node(key), kind_of(server, key)) else { return };
    let options = DeleteOptions {
        propagation: Some(propagation),
        uid: Some(node.uid.clone()),
        ..DeleteOptions::default()
    };
    let namespace = kind.namespaced.then_some(node.namespace.as_str());
    if let Err(status) = verbs::remove_internally(server, kind, namespace, &node.name, &options).await
        && status.code != 409
    {
        tracing::warn!(%key, reason = %status.message, "an object without owners could not be deleted");
    }
}

/// Foreground deletion: dependents first. When none is left that blocks, the object goes.
async fn delete_dependents(server: &ApiServer, graph: &Graph, key: &Arc<str>, uid: &str) {
    let mut blocked = false;
    for dependent in graph.dependents(uid) {
        let Some(node) = graph.node(&dependent) else { continue };
        blocked |=
            node.owners.iter().any(|owner| owner.uid == uid && owner.block_owner_deletion == Some(true));
        if !node.deleting {
            Box::pin(judge_owners(server, graph, &dependent)).await;
        }
    }
    if !blocked {
        drop_finalizer(server, key, "foregroundDeletion").await;
    }
}

/// Orphaning: dependents forget the owner, and then it goes.
async fn release_dependents(server: &ApiServer, graph: &Graph, key: &Arc<str>, uid: &str) {
    for dependent in graph.dependents(uid) {
        forget_owners(server, &dependent, &[uid.to_owned()]).await;
    }
    drop_finalizer(server, key, "orphan").await;
}

/// Changes a stored object in place, or deletes it where its last finalizer goes.
async fn rewrite(server: &ApiServer, key: &str, change: impl Fn(&mut Value)) {
    loop {
        let Some(entry) = server.store().get(key) else { return };
        let old = object::parse(&entry.value);
        let mut new = old.clone();
        change(&mut new);
        if new == old {
            return;
        }
        let over =
            object::deleting(&new) && object::finalizers(&new).is_empty() && !verbs::write::lives_on(&new);
        let (next, last) = (Encoded::new(&new), Encoded::new(&old));
        let put = move |revision| {
            if over {
                Change::Delete { last: last.with_version(revision) }
            } else {
                Change::Put(next.with_version(revision))
            }
        };
        match server.store().commit(key, Precondition::Revision(entry.modified), put).await {
            Err(CommitError::Conflict { .. }) => {}
            Err(error) => {
                tracing::error!(%key, %error, "the garbage collector could not write");
                return;
            }
            Ok(_) => {
                if over
                    && let Some(definition) = kind_of(server, key)
                        .filter(|kind| kind.terminating)
                        .and_then(|kind| kind.definition.clone())
                {
                    crate::kinds::definition::instance_gone(server, &definition).await;
                }
                return;
            }
        }
    }
}

async fn drop_finalizer(server: &ApiServer, key: &str, finalizer: &str) {
    rewrite(server, key, |object| {
        let kept: Vec<String> = object::finalizers(object)
            .into_iter()
            .filter(|name| *name != finalizer)
            .map(str::to_owned)
            .collect();
        object::set_meta(object, "finalizers", if kept.is_empty() { Value::Null } else { kept.into() });
    })
    .await;
}

async fn forget_owners(server: &ApiServer, key: &str, uids: &[String]) {
    rewrite(server, key, |object| {
        let metadata = object::metadata_mut(object);
        let Some(owners) = metadata.get_mut("ownerReferences").and_then(Value::as_array_mut) else { return };
        owners.retain(|owner| !uids.iter().any(|uid| owner.get("uid").and_then(Value::as_str) == Some(uid)));
        if owners.is_empty() {
            metadata.remove("ownerReferences");
        }
    })
    .await;
}

/// Deletes what is in a namespace that is being deleted, tells in its status what is left, and lets it go when nothing is.
async fn empty_namespace(server: &ApiServer, graph: &Graph, key: &Arc<str>) {
    let Some(namespace) = graph.node(key).map(|node| node.name.clone()) else { return };
    let contents: Vec<Arc<str>> = graph.in_namespace(&namespace).cloned().collect();
    for content in &contents {
        if graph.node(content).is_some_and(|node| !node.deleting) {
            delete(server, graph, content, Propagation::Background).await;
        }
    }
    // The graph may be behind what has just been deleted: the store knows.
    let left: Vec<&Arc<str>> =
        contents.iter().filter(|content| server.store().get(content).is_some()).collect();
    let now = crate::time_text(server.now());
    if !left.is_empty() {
        let names: Vec<String> =
            left.iter().filter_map(|key| resource_of(key)).map(|(_, plural)| plural.to_owned()).collect();
        let message = format!("Some resources are remaining: {}", counted(&names));
        rewrite(server, key, |object| {
            set_condition(object, "NamespaceContentRemaining", "True", "SomeResourcesRemain", &message, &now);
        })
        .await;
        return;
    }
    rewrite(server, key, |object| {
        let spec = object::member_mut(object, "spec");
        if let Some(finalizers) = spec.get_mut("finalizers").and_then(Value::as_array_mut) {
            finalizers.retain(|name| *name != json!("kubernetes"));
        }
    })
    .await;
}

/// `pods has 2 resource instances, secrets has 1 resource instances`.
fn counted(names: &[String]) -> String {
    let mut counts: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
        .iter()
        .map(|(name, count)| format!("{name} has {count} resource instances"))
        .collect::<Vec<_>>()
        .join(", ")
}
