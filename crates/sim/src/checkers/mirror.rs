//! What the server holds, kept up to date event by event, so that each write costs the checkers that write and no more.

use std::collections::BTreeMap;
use std::sync::Arc;

use apiserver::ApiServer;
use serde_json::Value;
use store::{Event, EventKind, Watch};

use super::{Violation, missed};

/// A kind that checkers look at: group and plural.
pub type Resource = (&'static str, &'static str);

/// The kinds that are mirrored.
pub const RESOURCES: [Resource; 12] = [
    ("cluster.x-k8s.io", "clusters"),
    ("cluster.x-k8s.io", "machines"),
    ("cluster.x-k8s.io", "machinesets"),
    ("cluster.x-k8s.io", "machinedeployments"),
    ("bootstrap.cluster.x-k8s.io", "kubeadmconfigs"),
    ("bootstrap.cluster.x-k8s.io", "kubeadmconfigtemplates"),
    ("controlplane.cluster.x-k8s.io", "kubeadmcontrolplanes"),
    ("infrastructure.cluster.x-k8s.io", "devmachines"),
    ("infrastructure.cluster.x-k8s.io", "devclusters"),
    ("infrastructure.cluster.x-k8s.io", "devmachinetemplates"),
    ("", "secrets"),
    ("", "configmaps"),
];

/// One write, as the checkers see it.
#[derive(Clone, Debug)]
pub struct Transition {
    /// The plural of the object's kind.
    pub plural: &'static str,
    /// The object before, unless the write created it.
    pub before: Option<Arc<Value>>,
    /// The object after, unless the write removed it.
    pub after: Option<Arc<Value>>,
}

impl Transition {
    /// The object, where this write created it.
    pub fn created(&self) -> Option<&Value> {
        self.after.as_deref().filter(|_| self.before.is_none())
    }

    /// The object as it was, where this write began its deletion or removed it at once.
    pub fn doomed(&self) -> Option<&Value> {
        let before = self.before.as_deref().filter(|before| !is_deleting(before))?;
        self.after.as_deref().is_none_or(is_deleting).then_some(before)
    }
}

/// Whether somebody asked for the object's end.
pub fn is_deleting(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

/// All objects of the mirrored kinds.
pub struct Mirror {
    watch: Watch,
    arrived: Option<Event>,
    kinds: Vec<(String, &'static str)>,
    objects: BTreeMap<&'static str, BTreeMap<Arc<str>, Arc<Value>>>,
}

impl Mirror {
    /// A mirror of a server that knows the kinds and has had few writes yet.
    ///
    /// # Errors
    /// When the server does not know a kind, or has forgotten its first writes.
    pub fn new(server: &ApiServer) -> Result<Self, Violation> {
        let registry = server.reader().registry();
        let mut kinds = Vec::new();
        for (group, plural) in RESOURCES {
            let unknown = || Violation::new("the server knows all kinds", format!("not {plural}.{group}"));
            kinds.push((registry.find(group, plural).ok_or_else(unknown)?.prefix(), plural));
        }
        let watch = server.store().watch("/", 0).map_err(missed)?;
        Ok(Self { watch, arrived: None, kinds, objects: BTreeMap::new() })
    }

    /// Waits for a write. Safe to drop half-way.
    pub async fn changed(&mut self) {
        if self.arrived.is_none() {
            // A watch that is over says so again when asked for the next write.
            self.arrived = self.watch.next().await.ok();
        }
    }

    /// Takes over the next write that concerns a mirrored kind, if there is one already.
    ///
    /// # Errors
    /// When writes were missed.
    pub fn step(&mut self) -> Result<Option<Transition>, Violation> {
        loop {
            let next = match self.arrived.take() {
                Some(event) => Some(event),
                None => self.watch.try_next().map_err(missed)?,
            };
            let Some(event) = next else { return Ok(None) };
            let plural = self.kinds.iter().find(|(prefix, _)| event.key.starts_with(prefix.as_str()));
            if let Some((_, plural)) = plural {
                return Ok(Some(self.apply(plural, event)));
            }
        }
    }

    fn apply(&mut self, plural: &'static str, event: Event) -> Transition {
        let objects = self.objects.entry(plural).or_default();
        if event.kind == EventKind::Deleted {
            return Transition { plural, before: objects.remove(&event.key), after: None };
        }
        let after: Arc<Value> = Arc::new(serde_json::from_slice(&event.value).unwrap_or_default());
        let before = objects.insert(event.key, Arc::clone(&after));
        Transition { plural, before, after: Some(after) }
    }

    /// All objects of a kind, in order of namespace and name.
    pub fn all(&self, plural: &str) -> impl Iterator<Item = &Arc<Value>> + Clone {
        self.objects.get(plural).into_iter().flat_map(BTreeMap::values)
    }

    /// The object of a kind with this uid.
    pub fn by_uid(&self, plural: &str, uid: &Value) -> Option<&Arc<Value>> {
        self.all(plural).find(|object| object["metadata"]["uid"] == *uid)
    }

    /// The object of a kind that controls `object`.
    pub fn controller_of(&self, plural: &str, object: &Value) -> Option<&Arc<Value>> {
        self.by_uid(plural, controller_uid(object)?)
    }

    /// The objects of a kind that `owner` controls.
    pub fn controlled<'a>(&'a self, plural: &str, owner: &'a Value) -> impl Iterator<Item = &'a Arc<Value>> {
        let uid = &owner["metadata"]["uid"];
        self.all(plural).filter(move |object| controller_uid(object) == Some(uid))
    }

    /// Whether the Cluster of `object` is there and nobody asked for its end.
    pub fn is_cluster_alive(&self, namespace: &str, name: &str) -> bool {
        self.all("clusters").any(|cluster| {
            let metadata = &cluster["metadata"];
            metadata["namespace"] == namespace && metadata["name"] == name && !is_deleting(cluster)
        })
    }
}

/// The uid of the owner that is marked as controller.
pub fn controller_uid(object: &Value) -> Option<&Value> {
    let owners = object["metadata"]["ownerReferences"].as_array()?;
    owners.iter().find(|owner| owner["controller"] == true).map(|owner| &owner["uid"])
}
