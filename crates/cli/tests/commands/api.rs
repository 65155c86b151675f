//! The API of a plane, as a client outside its process sees it.

use std::path::Path;
use std::sync::{Arc, Mutex};

use machinery::gvk::GroupVersionKind;
use runtime::cache::Cache;
use runtime::client::{Call, Client, Error, Verb};
use runtime::clock::Clock;
use runtime::entropy::Entropy;
use runtime::key::Key;
use runtime::kind::Kind;
use runtime::kubeconfig::Kubeconfig;
use runtime::shutdown::Shutdown;
use runtime::{network, transport};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::sandbox::PATIENCE;

pub struct Api {
    client: Client,
}

impl Api {
    pub fn connect(kubeconfig: &Path) -> Self {
        let kubeconfig = Kubeconfig::load(kubeconfig, None).unwrap();
        let clock = Clock::system();
        Self { client: transport::client(&kubeconfig, &network::tcp(), &clock).unwrap() }
    }

    /// Applies all documents of a YAML text.
    pub async fn apply(&self, yaml: &str) {
        let documents: Vec<Value> = serde_saphyr::from_multiple(yaml).unwrap();
        for object in documents.iter().filter(|object| !object.is_null()) {
            let kind = self.client.discover(&GroupVersionKind::of(object).unwrap()).await.unwrap();
            let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
            let key = Key::new(text("namespace"), text("name"));
            let mut call = Call::new(Verb::Apply, &kind, &key);
            call.query = &[("fieldManager", "test"), ("force", "true")];
            call.body = object.to_string().into();
            self.client.call(call).await.unwrap();
        }
    }

    pub async fn create_config_map(&self, name: &str) -> Result<(), Error> {
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": "default"}, "data": {"name": name},
        });
        let (kind, key) = (config_maps(), Key::new("default", name));
        let mut call = Call::new(Verb::Create, &kind, &key);
        call.body = object.to_string().into();
        self.client.call(call).await.map(drop)
    }

    pub async fn has_config_map(&self, name: &str) -> bool {
        match self.client.get(&config_maps(), &Key::new("default", name)).await {
            Ok(body) => serde_json::from_slice::<Value>(&body).unwrap()["data"]["name"] == name,
            Err(error) if error.is_not_found() => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// Waits until an object of the namespace `default` is as `wanted` says, and returns it.
    pub async fn until(
        &self,
        kind: &GroupVersionKind,
        name: &str,
        wanted: impl Fn(&Value) -> bool + Send + Sync + 'static,
    ) -> Value {
        let shutdown = Shutdown::new();
        let cache = Cache::builder(self.client.clone(), Clock::system(), Entropy::seeded(1)).start(&shutdown);
        let (last, reached) = (Arc::new(Mutex::new(Value::Null)), Arc::new(Notify::new()));
        let (seen, tell, key) = (Arc::clone(&last), Arc::clone(&reached), Key::new("default", name));
        cache.dynamic(kind).await.unwrap().observe(move |_, new, _| {
            let Some(object) = new.filter(|object| object.key() == key) else { return };
            *seen.lock().unwrap() = object.value().clone();
            if wanted(object.value()) {
                tell.notify_one();
            }
        });
        let outcome = tokio::time::timeout(PATIENCE, reached.notified()).await;
        shutdown.request();
        let last = last.lock().unwrap().clone();
        assert!(outcome.is_ok(), "{} {name} did not become what was wanted; it was last {last:#}", kind.kind);
        last
    }

    /// Waits until an object has a condition with status True.
    pub async fn until_condition(
        &self,
        kind: &GroupVersionKind,
        name: &str,
        condition: &'static str,
    ) -> Value {
        self.until(kind, name, move |object| {
            let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
            conditions.iter().any(|each| each["type"] == condition && each["status"] == "True")
        })
        .await
    }
}

fn config_maps() -> Kind {
    Kind::new("", "v1", "ConfigMap", "configmaps")
}

/// A kind of the core.
pub fn core(kind: &str) -> GroupVersionKind {
    GroupVersionKind::new("cluster.x-k8s.io", "v1beta2", kind)
}

/// The kind of control planes.
pub fn control_plane() -> GroupVersionKind {
    GroupVersionKind::new("controlplane.cluster.x-k8s.io", "v1beta2", "KubeadmControlPlane")
}
