//! A workload cluster's API server in miniature: a root page, nodes, a watch, and ways to misbehave.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::channel::mpsc;
use futures::{StreamExt as _, TryStreamExt as _};
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Incoming;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tower::{BoxError, service_fn};

use super::*;
use crate::testing::Site;
use crate::tls;

type Body = UnsyncBoxBody<Bytes, BoxError>;

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Mood {
    #[default]
    Well,
    Silent,
    Unauthorized,
}

#[derive(Default)]
struct FakeState {
    revision: u64,
    objects: BTreeMap<(&'static str, String), Value>,
    watchers: Vec<(&'static str, mpsc::UnboundedSender<Bytes>)>,
    mood: Mood,
    probes: usize,
}

#[derive(Clone)]
struct FakeCluster {
    state: Arc<Mutex<FakeState>>,
    /// Where its pods are reached, as `pod:port`.
    network: SharedNetwork,
}

impl FakeCluster {
    fn put(&self, plural: &'static str, mut object: Value) {
        let mut state = self.state.lock().unwrap();
        state.revision += 1;
        object["metadata"]["resourceVersion"] = state.revision.to_string().into();
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let known = state.objects.insert((plural, name), object.clone()).is_some();
        state.send(plural, if known { "MODIFIED" } else { "ADDED" }, &object);
    }

    fn delete(&self, plural: &'static str, name: &str) {
        let mut state = self.state.lock().unwrap();
        let object = state.objects.remove(&(plural, name.to_owned())).unwrap();
        state.send(plural, "DELETED", &object);
    }

    /// Another server takes its place, with versions of its own.
    fn found_anew(&self, revision: u64, mut node: Value) {
        let mut state = self.state.lock().unwrap();
        node["metadata"]["resourceVersion"] = "1".into();
        node["metadata"]["uid"] = format!("founded at {revision}").into();
        let name = node["metadata"]["name"].as_str().unwrap().to_owned();
        (state.revision, state.objects) = (revision, BTreeMap::from([(("nodes", name), node)]));
    }

    fn set(&self, mood: Mood) {
        self.state.lock().unwrap().mood = mood;
    }

    fn break_watches(&self) {
        self.state.lock().unwrap().watchers.clear();
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Body>, BoxError> {
        let mood = self.state.lock().unwrap().mood;
        match mood {
            Mood::Silent => std::future::pending().await,
            Mood::Unauthorized => return Ok(status(StatusCode::UNAUTHORIZED, "Unauthorized")),
            Mood::Well => {}
        }
        if let Some(pod) = request.uri().path().strip_suffix("/portforward") {
            let pod = pod.rsplit('/').next().unwrap_or_default().to_owned();
            let network = self.network.clone();
            let dial = move |port| {
                let (network, address) = (network.clone(), format!("{pod}:{port}"));
                async move { network.dial(&address).await }
            };
            let response = crate::portforward::serve(request, dial);
            return Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()));
        }
        let query = request.uri().query().unwrap_or_default();
        let mut state = self.state.lock().unwrap();
        match request.uri().path() {
            "/" => {
                state.probes += 1;
                Ok(whole(&json!({"paths": []})))
            }
            "/api/v1/nodes" if query.contains("watch=true") => Ok(state.watch("nodes", query)),
            "/api/v1/nodes" => Ok(state.list("nodes", "Node")),
            "/api/v1/namespaces/kube-system/pods" if query.contains("watch=true") => {
                Ok(state.watch("pods", query))
            }
            "/api/v1/namespaces/kube-system/pods" => Ok(state.list("pods", "Pod")),
            _ => Ok(status(StatusCode::NOT_FOUND, "NotFound")),
        }
    }
}

impl FakeState {
    fn send(&mut self, plural: &str, kind: &str, object: &Value) {
        let line = Bytes::from(format!("{}\n", json!({"type": kind, "object": object})));
        self.watchers
            .retain(|(watched, sender)| *watched != plural || sender.unbounded_send(line.clone()).is_ok());
    }

    fn list(&self, plural: &str, kind: &str) -> Response<Body> {
        let items: Vec<_> =
            self.objects.iter().filter(|((is, _), _)| *is == plural).map(|(_, object)| object).collect();
        let metadata = json!({"resourceVersion": self.revision.to_string()});
        whole(
            &json!({"apiVersion": "v1", "kind": format!("{kind}List"), "metadata": metadata, "items": items}),
        )
    }

    fn watch(&mut self, plural: &'static str, query: &str) -> Response<Body> {
        let since =
            query.split('&').find_map(|pair| pair.strip_prefix("resourceVersion=")).unwrap().parse().unwrap();
        let (sender, receiver) = mpsc::unbounded();
        for (_, object) in self.objects.iter().filter(|((is, _), _)| *is == plural) {
            let revision: u64 = object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
            if revision > since {
                let line = format!("{}\n", json!({"type": "ADDED", "object": object}));
                sender.unbounded_send(Bytes::from(line)).unwrap();
            }
        }
        self.watchers.push((plural, sender));
        let frames = receiver.map(|line| Ok::<_, BoxError>(Frame::data(line))).into_stream();
        Response::new(StreamBody::new(frames).boxed_unsync())
    }
}

fn whole(value: &Value) -> Response<Body> {
    Response::new(Full::new(Bytes::from(value.to_string())).map_err(Into::into).boxed_unsync())
}

fn status(code: StatusCode, reason: &str) -> Response<Body> {
    let mut response = whole(&json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": reason,
        "code": code.as_u16(),
    }));
    *response.status_mut() = code;
    response
}

fn node(name: &str, provider_id: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "managedFields": [{"manager": "kubelet"}]},
        "spec": {"providerID": provider_id},
        "status": {"images": [{"names": ["a"], "sizeBytes": 1}], "phase": "Running"},
    })
}

const ADDRESS: &str = "cluster-a:6443";

/// A management side with one cluster whose kubeconfig can be given and taken.
struct Scene {
    site: Site,
    fake: FakeCluster,
    workloads: Workloads,
    kubeconfig: Arc<Mutex<Option<String>>>,
    log: Arc<Mutex<Vec<String>>>,
    changed: Arc<Notify>,
    cluster: Key,
}

impl Scene {
    fn new() -> Self {
        let site = Site::new();
        let kubeconfig: Arc<Mutex<Option<String>>> = Arc::default();
        let given = kubeconfig.clone();
        let source: KubeconfigSource =
            Arc::new(move |_| given.lock().unwrap().as_ref().map(|text| text.clone().into_bytes()));
        let (network, clock, entropy) = (site.network.clone(), site.clock.clone(), site.entropy.clone());
        let workloads = Workloads::new(network, clock, entropy, source, Settings::default());
        let (log, changed) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
        let (lines, notify) = (log.clone(), changed.clone());
        workloads.subscribe(Arc::new(move |_, change| {
            lines.lock().unwrap().push(describe(change));
            notify.notify_one();
        }));
        let cluster = Key::new("default", "a");
        let fake = FakeCluster { state: Arc::default(), network: site.network.clone() };
        Self { site, fake, workloads, kubeconfig, log, changed, cluster }
    }

    async fn serve(&self) -> JoinHandle<()> {
        let fake = self.fake.clone();
        let service = Wire::new(service_fn(move |request| fake.clone().answer(request)));
        self.site.serve(ADDRESS, &[tls::HTTP_2, tls::HTTP_1_1], service).await.1
    }

    fn give_kubeconfig(&self) {
        *self.kubeconfig.lock().unwrap() = Some(self.site.kubeconfig(&format!("https://{ADDRESS}")));
        self.workloads.nudge(&self.cluster);
    }

    /// Waits until `line` was told, and forgets what was told up to it.
    async fn wait_for(&self, line: &str) {
        loop {
            if self.has_told(line) {
                return;
            }
            let limit = std::time::Duration::from_secs(3600);
            let waiting = tokio::time::timeout(limit, self.changed.notified()).await;
            assert!(waiting.is_ok(), "{line} never came; told: {:?}", self.log.lock().unwrap());
        }
    }

    fn has_told(&self, line: &str) -> bool {
        let mut log = self.log.lock().unwrap();
        let position = log.iter().position(|told| told == line);
        position.is_some_and(|position| log.drain(..=position).count() > 0)
    }

    async fn connected() -> (Self, JoinHandle<()>) {
        let scene = Self::new();
        scene.fake.put("nodes", node("n1", "p1"));
        let server = scene.serve().await;
        scene.give_kubeconfig();
        scene.wait_for("connected").await;
        scene.wait_for("nodes synced").await;
        (scene, server)
    }
}

fn describe(change: &Change<'_>) -> String {
    match change {
        Change::Connection(status) if status.is_connected() && status.last_error.is_none() => {
            "connected".to_owned()
        }
        Change::Connection(status) if status.is_connected() => "failing".to_owned(),
        Change::Connection(_) => "disconnected".to_owned(),
        Change::Synced { watch } => format!("{watch} synced"),
        Change::Object { watch, .. } => {
            let name =
                |node: Option<&Node>| node.and_then(|node| node.metadata.name.clone()).unwrap_or("-".into());
            let (old, new) = change.object::<Node>().unwrap_or_default();
            format!("{watch}: {} -> {}", name(old), name(new))
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_kubeconfig_that_appears_connects_at_once_and_nodes_are_followed() {
    let scene = Scene::new();
    scene.fake.put("nodes", node("n1", "p1"));
    let _server = scene.serve().await;
    scene.workloads.nudge(&scene.cluster);
    scene.site.clock.sleep(Duration::from_secs(60)).await;
    assert_eq!(scene.workloads.status(&scene.cluster), Status::default());
    let start = scene.site.clock.now();
    scene.give_kubeconfig();
    scene.wait_for("connected").await;
    scene.wait_for("nodes: - -> n1").await;
    scene.wait_for("nodes synced").await;
    assert!(scene.site.clock.since(start) < Duration::from_millis(10));
    let nodes = scene.workloads.nodes(&scene.cluster).unwrap();
    assert_eq!(nodes[0].spec.as_ref().unwrap().provider_id.as_deref(), Some("p1"));
    assert!(nodes[0].metadata.managed_fields.is_none());
    assert!(nodes[0].status.as_ref().unwrap().images.is_none());
    scene.fake.put("nodes", node("n2", "p2"));
    scene.wait_for("nodes: - -> n2").await;
    scene.fake.put("nodes", node("n2", "p3"));
    scene.wait_for("nodes: n2 -> n2").await;
    scene.fake.delete("nodes", "n1");
    scene.wait_for("nodes: n1 -> -").await;
    assert!(scene.workloads.node(&scene.cluster, "n1").unwrap().is_none());
    assert!(scene.workloads.node(&scene.cluster, "n2").unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_comes_late_is_found_within_seconds() {
    let scene = Scene::new();
    scene.give_kubeconfig();
    scene.wait_for("disconnected").await;
    let error = scene.workloads.client(&scene.cluster).err().unwrap();
    assert!(error.to_string().contains("nobody listens"), "{error}");
    scene.site.clock.sleep(Duration::from_secs(300)).await;
    let _server = scene.serve().await;
    let start = scene.site.clock.now();
    scene.wait_for("connected").await;
    assert!(
        scene.site.clock.since(start) <= Duration::from_secs(12),
        "retries are at most 10 s and jitter apart"
    );
    assert_eq!(scene.log.lock().unwrap().iter().filter(|line| *line == "disconnected").count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_nudge_shortens_the_wait() {
    let scene = Scene::new();
    scene.give_kubeconfig();
    scene.site.clock.sleep(Duration::from_secs(300)).await;
    let _server = scene.serve().await;
    let start = scene.site.clock.now();
    scene.workloads.nudge(&scene.cluster);
    scene.wait_for("connected").await;
    assert!(scene.site.clock.since(start) < Duration::from_millis(250));
}

#[tokio::test(start_paused = true)]
async fn nudges_without_end_are_no_tries_without_end() {
    let scene = Scene::new();
    scene.give_kubeconfig();
    let mut listener = scene.site.network.listen(ADDRESS).await.unwrap();
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    for _ in 0..2_000 {
        scene.workloads.nudge(&scene.cluster);
        scene.site.clock.sleep(Duration::from_millis(10)).await;
    }
    let tries = tries.load(Ordering::Relaxed);
    assert!((15..30).contains(&tries), "{tries} tries in 20 s");
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up_and_found_again() {
    let (scene, _server) = Scene::connected().await;
    scene.site.clock.sleep(Duration::from_secs(60)).await;
    let probes = scene.fake.state.lock().unwrap().probes;
    assert!((3..=5).contains(&probes), "one probe in 20 s, not {probes} in a minute");
    let last_success = scene.workloads.status(&scene.cluster).last_probe_success_time.unwrap();
    assert!(last_success.subsec_millisecond() < 10, "probes come on a beat, not at {last_success}");
    scene.fake.set(Mood::Silent);
    scene.wait_for("failing").await;
    scene.wait_for("disconnected").await;
    let status = scene.workloads.status(&scene.cluster);
    assert!(status.last_probe_success_time.unwrap() >= last_success);
    assert_eq!(status.consecutive_failures, 5);
    let silent = scene.site.clock.since(status.last_probe_success_time.unwrap());
    assert!(silent < Duration::from_secs(70), "in doubt, probes come sooner; it took {silent:?}");
    assert!(scene.workloads.nodes(&scene.cluster).is_err());
    scene.fake.put("nodes", node("n2", "p2"));
    scene.fake.set(Mood::Well);
    scene.wait_for("connected").await;
    scene.wait_for("nodes: - -> n2").await;
    assert_eq!(scene.workloads.nodes(&scene.cluster).unwrap().len(), 2);
    assert!(scene.log.lock().unwrap().iter().all(|line| !line.contains("n1")), "n1 has not changed");
}

#[tokio::test(start_paused = true)]
async fn a_server_founded_anew_is_seen_as_it_is_whatever_its_versions() {
    for revision in [1, 500] {
        let (scene, _server) = Scene::connected().await;
        scene.fake.put("nodes", node("n1", "p2"));
        scene.fake.put("nodes", node("n2", "p3"));
        scene.wait_for("nodes: - -> n2").await;
        scene.fake.set(Mood::Unauthorized);
        scene.wait_for("disconnected").await;
        scene.fake.break_watches();
        scene.fake.found_anew(revision, node("n1", "other"));
        scene.fake.set(Mood::Well);
        scene.wait_for("nodes: n1 -> n1").await;
        scene.wait_for("nodes: n2 -> -").await;
        let nodes = scene.workloads.nodes(&scene.cluster).unwrap();
        assert_eq!(nodes.len(), 1, "with revision {revision}");
        assert_eq!(nodes[0].spec.as_ref().unwrap().provider_id.as_deref(), Some("other"));
        scene.fake.put("nodes", node("n1", "later"));
        scene.wait_for("nodes: n1 -> n1").await;
    }
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_end_the_connection_at_the_first_probe() {
    let (scene, _server) = Scene::connected().await;
    let start = scene.site.clock.now();
    scene.fake.set(Mood::Unauthorized);
    scene.wait_for("disconnected").await;
    assert!(scene.site.clock.since(start) <= Duration::from_secs(21));
}

#[tokio::test(start_paused = true)]
async fn a_new_kubeconfig_replaces_the_connection() {
    let (scene, _server) = Scene::connected().await;
    scene.workloads.nudge(&scene.cluster);
    scene.site.clock.sleep(Duration::from_secs(1)).await;
    assert!(scene.log.lock().unwrap().is_empty(), "the same kubeconfig is no news");
    scene.give_kubeconfig();
    scene.wait_for("disconnected").await;
    scene.wait_for("connected").await;
    *scene.kubeconfig.lock().unwrap() = None;
    scene.workloads.nudge(&scene.cluster);
    scene.wait_for("disconnected").await;
}

#[tokio::test(start_paused = true)]
async fn a_broken_watch_is_resumed_and_causes_a_probe() {
    let (scene, _server) = Scene::connected().await;
    scene.fake.break_watches();
    scene.fake.put("nodes", node("n3", "p3"));
    scene.wait_for("nodes: - -> n3").await;
    scene.site.clock.sleep(Duration::from_secs(2)).await;
    let start = scene.site.clock.now();
    scene.fake.set(Mood::Unauthorized);
    scene.fake.break_watches();
    scene.wait_for("disconnected").await;
    assert!(scene.site.clock.since(start) < Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_dies_is_noticed_before_the_next_probe() {
    let (scene, server) = Scene::connected().await;
    scene.site.clock.sleep(Duration::from_millis(1500)).await;
    let start = scene.site.clock.now();
    server.abort();
    scene.wait_for("failing").await;
    assert!(scene.site.clock.since(start) < Duration::from_secs(2));
    let _server = scene.serve().await;
    scene.fake.put("nodes", node("n2", "p2"));
    scene.wait_for("nodes: - -> n2").await;
    assert!(
        scene.workloads.status(&scene.cluster).is_connected(),
        "a short outage does not cost the connection"
    );
}

#[tokio::test(start_paused = true)]
async fn other_kinds_are_watched_on_demand() {
    let (scene, _server) = Scene::connected().await;
    scene.fake.put("pods", json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "etcd-n1", "namespace": "kube-system"}}));
    let pods = WatchSpec::<Pod> {
        name: "control plane pods",
        namespace: "kube-system",
        labels: "tier=control-plane",
        trim: |_| {},
    };
    assert!(matches!(scene.workloads.watched(&scene.cluster, &pods), Err(NotAvailable::NotSynced { .. })));
    scene.wait_for("control plane pods synced").await;
    assert_eq!(scene.workloads.watched(&scene.cluster, &pods).unwrap().len(), 1);
    assert_eq!(scene.workloads.nodes(&scene.cluster).unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_removed_cluster_leaves_nothing() {
    let (scene, _server) = Scene::connected().await;
    scene.workloads.remove(&scene.cluster);
    scene.site.clock.sleep(Duration::from_secs(120)).await;
    assert_eq!(scene.fake.state.lock().unwrap().probes, 1);
    assert!(scene.workloads.client(&scene.cluster).is_err());
    assert_eq!(Arc::strong_count(&scene.workloads.shared), 1, "its task is gone");
    scene.fake.put("nodes", node("n9", "p9"));
    assert!(scene.fake.state.lock().unwrap().watchers.is_empty(), "its watch was closed");
}

struct TwoMembers;

impl etcd::server::EtcdService for TwoMembers {
    async fn member_list(
        &self,
        _: etcd::messages::MemberListRequest,
    ) -> Result<etcd::messages::MemberListResponse, tonic::Status> {
        let member =
            |id, name: &str| etcd::messages::Member { id, name: name.to_owned(), ..Default::default() };
        Ok(etcd::messages::MemberListResponse {
            header: None,
            members: vec![member(1, "n1"), member(2, "n2")],
        })
    }
}

#[tokio::test(start_paused = true)]
async fn etcd_is_reached_through_the_api_server_and_let_go() {
    let (scene, _server) = Scene::connected().await;
    let mut listener = scene.site.network.listen("etcd-n1:2379").await.unwrap();
    let tls = scene.site.server_tls("127.0.0.1", &[etcd::PROTOCOL]);
    let member = tokio::spawn(async move {
        let connection = listener.accept().await.unwrap();
        etcd::server::serve(connection, Some(tls), Arc::new(TwoMembers)).await
    });
    let request = crate::pki::CertificateRequest::client("kube-etcd", &[], crate::testing::DAY);
    let (authority, certificate) = (scene.site.authority_pem(), scene.site.certificate(&request).to_pem());
    let key = scene.site.key.to_pem();
    let access = EtcdAccess::new(authority.as_bytes(), certificate.as_bytes(), key.as_bytes());
    let mut etcd = scene.workloads.etcd(&scene.cluster, "n1", &access).await.unwrap();
    assert_eq!(etcd.member_list().await.unwrap().members.len(), 2);
    drop(etcd);
    let _ =
        tokio::time::timeout(Duration::from_secs(1), member).await.expect("the stream to the pod is closed");
    let error = scene.workloads.etcd(&scene.cluster, "n2", &access).await.unwrap_err();
    assert!(error.to_string().contains("etcd on node n2"), "{error}");
    assert!(error.to_string().contains("forwarding port 2379"), "{error}");
}

/// What one eventful run tells, with times.
async fn one_run() -> Vec<String> {
    let (scene, _server) = Scene::connected().await;
    let lines = Arc::new(Mutex::new(Vec::new()));
    let (log, clock) = (lines.clone(), scene.site.clock.clone());
    let start = clock.now();
    scene.workloads.subscribe(Arc::new(move |cluster, change| {
        log.lock().unwrap().push(format!("{:?} {cluster} {}", clock.since(start), describe(change)));
    }));
    for round in 0..3 {
        scene.fake.put("nodes", node(&format!("m{round}"), "p"));
        scene.fake.set(Mood::Silent);
        scene.wait_for("disconnected").await;
        scene.fake.set(Mood::Well);
        scene.wait_for("connected").await;
        scene.fake.break_watches();
        scene.site.clock.sleep(Duration::from_secs(100)).await;
    }
    lines.lock().unwrap().clone()
}

#[test]
fn a_run_repeats_to_the_nanosecond() {
    let run = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap().block_on(one_run())
    };
    let first = run();
    assert!(first.len() > 9, "{first:?}");
    assert_eq!(first, run());
}
