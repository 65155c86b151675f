//! The work: clusters created through the API by a few clients at once, and seen to be Available on a watch.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use machinery::gvk::GroupVersionKind;
use manager::Environment;
use runtime::cache::Cache;
use runtime::client::{Call, Client, Verb};
use runtime::clock::Clock;
use runtime::key::Key;
use runtime::kind::Kind;
use runtime::shutdown::Shutdown;
use serde_json::Value;
use tokio::sync::Notify;

use crate::commands::objects::{self, Document};
use crate::commands::read;
use crate::error::CommandError;
use crate::tree;

/// One cluster; `NAME` stands for its name.
const OBJECTS: &str = include_str!("cluster.yaml");
const PLACEHOLDER: &str = "NAME";

/// When what happened.
#[derive(Debug, Default)]
pub struct Times {
    /// Before the first request.
    pub began: Timestamp,
    /// After the answer to the last.
    pub all_accepted: Timestamp,
    /// After the answer that accepted a Cluster, by its name.
    pub accepted: BTreeMap<String, Timestamp>,
    /// When a Cluster was seen Available first, by its name.
    pub available: BTreeMap<String, Timestamp>,
}

/// Times as they are gathered.
struct Gathered {
    times: Mutex<Times>,
    wanted: usize,
    complete: Notify,
}

impl Gathered {
    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Creates `clusters` clusters with as many `creators` at once and waits until all are Available, or the time is over.
pub async fn run(
    kubeconfig: &Path,
    environment: &Environment,
    clusters: u32,
    creators: u32,
    timeout: Duration,
) -> Result<Times, CommandError> {
    let (client, _) = read::connect(kubeconfig)?;
    let template = template(&client).await?;
    let gathered = Arc::new(Gathered {
        times: Mutex::default(),
        wanted: usize::try_from(clusters).unwrap_or(usize::MAX),
        complete: Notify::new(),
    });
    let watching = Shutdown::new();
    watch(client.clone(), environment, &gathered, &watching).await?;
    let clock = &environment.clock;
    let deadline = clock.after(timeout);
    gathered.times().began = clock.now();
    create_all(&client, clock, &template, &gathered, clusters, creators).await?;
    gathered.times().all_accepted = clock.now();
    tokio::select! {
        biased;
        () = gathered.complete.notified() => {}
        () = clock.sleep_until(deadline) => {}
    }
    watching.request();
    Ok(std::mem::take(&mut *gathered.times()))
}

type Template = Arc<Vec<(Kind, Document)>>;

async fn template(client: &Client) -> Result<Template, CommandError> {
    let mut template = Vec::new();
    for document in objects::parse(OBJECTS)? {
        template.push((objects::discover(client, &document.kind).await?, document));
    }
    Ok(Arc::new(template))
}

/// Notes, from now on, when each Cluster is Available.
async fn watch(
    client: Client,
    environment: &Environment,
    gathered: &Arc<Gathered>,
    shutdown: &Shutdown,
) -> Result<(), CommandError> {
    let cache = Cache::builder(client, environment.clock.clone(), environment.entropy.clone());
    let cache = cache.dynamic_managers(|_| false).start(shutdown);
    let kind = GroupVersionKind::new("cluster.x-k8s.io", "v1beta2", "Cluster");
    let clusters = cache.dynamic(&kind).await.map_err(CommandError::unmet)?;
    let (gathered, clock) = (Arc::clone(gathered), environment.clock.clone());
    clusters.observe(move |_, new, _| {
        let Some(cluster) = new.filter(|cluster| tree::is_available(cluster.value())) else { return };
        let mut times = gathered.times();
        if !times.available.contains_key(cluster.name()) {
            times.available.insert(cluster.name().to_owned(), clock.now());
            if times.available.len() >= gathered.wanted {
                gathered.complete.notify_one();
            }
        }
    });
    Ok(())
}

async fn create_all(
    client: &Client,
    clock: &Clock,
    template: &Template,
    gathered: &Arc<Gathered>,
    clusters: u32,
    creators: u32,
) -> Result<(), CommandError> {
    let next = Arc::new(AtomicU32::new(0));
    let mut creating = tokio::task::JoinSet::new();
    for _ in 0..creators.min(clusters) {
        let (client, clock) = (client.clone(), clock.clone());
        let (template, gathered, next) = (Arc::clone(template), Arc::clone(gathered), Arc::clone(&next));
        creating.spawn(async move {
            loop {
                let number = next.fetch_add(1, Relaxed);
                if number >= clusters {
                    return Ok(());
                }
                create(&client, &clock, &template, &gathered, number).await?;
            }
        });
    }
    while let Some(created) = creating.join_next().await {
        created.map_err(CommandError::internal)??;
    }
    Ok(())
}

/// Creates one cluster, its Cluster object first.
async fn create(
    client: &Client,
    clock: &Clock,
    template: &[(Kind, Document)],
    gathered: &Gathered,
    number: u32,
) -> Result<(), CommandError> {
    let name = format!("cluster-{number:05}");
    for (kind, document) in template {
        let key = Key::new(document.key.namespace(), &document.key.name().replace(PLACEHOLDER, &name));
        let mut call = Call::new(Verb::Create, kind, &key);
        call.body = named(&document.object, &name).to_string().into();
        client.call(call).await.map_err(CommandError::unmet)?;
        if kind.kind == "Cluster" {
            gathered.times().accepted.insert(name.clone(), clock.now());
        }
    }
    Ok(())
}

/// The object with the name of its cluster in place of the placeholder.
fn named(object: &Value, name: &str) -> Value {
    match object {
        Value::String(text) => Value::String(text.replace(PLACEHOLDER, name)),
        Value::Array(items) => items.iter().map(|item| named(item, name)).collect(),
        Value::Object(members) => {
            members.iter().map(|(member, value)| (member.clone(), named(value, name))).collect()
        }
        other => other.clone(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn every_object_gets_the_name_of_its_cluster() {
        let documents = objects::parse(OBJECTS).unwrap();
        assert_eq!(documents.len(), 7);
        for document in documents {
            let object = named(&document.object, "a");
            assert!(!object.to_string().contains(PLACEHOLDER), "{object}");
            assert!(object["metadata"]["name"].as_str().unwrap().starts_with('a'), "{object}");
        }
    }
}
