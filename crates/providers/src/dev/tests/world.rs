//! What the tests stand on: keys, a clock, a network, user data.

use std::time::Duration;

use ::etcd::client::Client as EtcdClient;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Node, Pod, Secret};
use runtime::client::{Call, Client, Error, Verb, decode};
use runtime::clock::Clock;
use runtime::entropy::Entropy;
use runtime::key::Key;
use runtime::kind::Kind;
use runtime::kubeconfig::{Kubeconfig, NewKubeconfig};
use runtime::network::{self, SharedNetwork};
use runtime::pki::{Authority, Certificate, CertificateRequest, KeyAlgorithm, PrivateKey};
use runtime::{portforward, tls, transport};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use store::Database;

use crate::dev::cloud::{Bootstrap, Cloud, ClusterId, Delays, NewMachine};

pub const DAY: Duration = Duration::from_secs(24 * 3600);
pub const TOKEN: &str = "abcdef.0123456789abcdef";

/// Who is outside of the cloud: keys, clock, network.
pub struct World {
    pub clock: Clock,
    pub entropy: Entropy,
    pub network: SharedNetwork,
    pub database: Database,
    pub authority: Authority,
    pub etcd_authority: Authority,
}

pub fn id() -> ClusterId {
    ClusterId::new("default", "c1")
}

impl World {
    pub fn new() -> Self {
        let clock = Clock::simulated(Timestamp::constant(1_800_000_000, 0));
        let entropy = Entropy::seeded(1);
        let make = |name: &str| {
            let random = &mut entropy.stream("authority", name);
            let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256, random).unwrap();
            Authority::new_self_signed(name, key, clock.now(), 100 * DAY, random).unwrap()
        };
        let (authority, etcd_authority) = (make("kubernetes"), make("etcd"));
        let (network, database) = (network::pipes(), Database::in_memory());
        Self { clock, entropy, network, database, authority, etcd_authority }
    }

    pub async fn open(&self) -> Cloud {
        Cloud::open(self.database.clone(), self.network.clone(), self.clock.clone(), self.entropy.clone())
            .await
            .unwrap()
    }

    /// A client's certificate and key of an authority.
    pub fn credentials(&self, authority: &Authority, request: &CertificateRequest) -> (String, String) {
        let random = &mut self.entropy.stream("client", &request.common_name);
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256, random).unwrap();
        let certificate = authority.issue(request, &key, self.clock.now(), random).unwrap();
        (certificate.to_pem(), key.to_pem())
    }

    pub fn client_of(&self, cloud: &Cloud, groups: &[&str]) -> Client {
        let (host, port) = cloud.endpoint(&id()).unwrap();
        let (certificate, key) =
            self.credentials(&self.authority, &CertificateRequest::client("admin", groups, DAY));
        let text = NewKubeconfig {
            cluster: "c1",
            user: "admin",
            server: &format!("https://{host}:{port}"),
            certificate_authority: self.authority.certificate().to_pem().as_bytes(),
            client_certificate: certificate.as_bytes(),
            client_key: key.as_bytes(),
        }
        .render();
        let config = Kubeconfig::parse(text.as_bytes(), None).unwrap();
        transport::client(&config, &self.network, &self.clock).unwrap()
    }

    pub fn admin(&self, cloud: &Cloud) -> Client {
        self.client_of(cloud, &["system:masters"])
    }

    /// The certificate that the process behind a port of a Pod shows to those who trust the cluster's authority.
    pub async fn shown_by(&self, client: &Client, pod: &str, port: u16) -> Result<Certificate, String> {
        let stream = portforward::open(client, "kube-system", pod, port).await;
        let stream = stream.map_err(|error| error.to_string())?;
        let pem = self.authority.certificate().to_pem();
        let config =
            tls::client(&tls::Trust::AuthoritiesAnyName(pem.as_bytes()), None, &[], &self.clock).unwrap();
        let name = tls::server_name(pod).unwrap();
        let stream = tls::connect(&config, &name, Box::new(stream)).await;
        let stream = stream.map_err(|error| error.to_string())?;
        let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned();
        Ok(Certificate::from_der(shown).unwrap())
    }

    pub async fn etcd(&self, client: &Client, node: &str) -> Result<EtcdClient, String> {
        let pod = format!("etcd-{node}");
        let stream =
            portforward::open(client, "kube-system", &pod, 2379).await.map_err(|error| error.to_string())?;
        let (certificate, key) =
            self.credentials(&self.etcd_authority, &CertificateRequest::client("etcd-client", &[], DAY));
        let identity = tls::Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        let pem = self.etcd_authority.certificate().to_pem();
        let trust = tls::Trust::Authorities(pem.as_bytes());
        let config = tls::client(&trust, Some(identity), &[::etcd::PROTOCOL], &self.clock).unwrap();
        let name = tls::server_name(node).unwrap();
        let timeout = Duration::from_secs(10);
        EtcdClient::connect(stream, Some((config, name)), timeout, timeout)
            .await
            .map_err(|error| error.to_string())
    }

    pub fn files(&self) -> Vec<(String, String)> {
        let pair = |name: &str, authority: &Authority| {
            let path = |ending: &str| format!("/etc/kubernetes/pki/{name}.{ending}");
            [(path("crt"), authority.certificate().to_pem()), (path("key"), authority.key().to_pem())]
        };
        pair("ca", &self.authority).into_iter().chain(pair("etcd/ca", &self.etcd_authority)).collect()
    }

    pub fn init(&self) -> String {
        let config = "---\napiVersion: kubeadm.k8s.io/v1beta4\nclusterName: c1\nkind: ClusterConfiguration\nkubernetesVersion: v1.35.0\n---\n\
                      apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\nnodeRegistration:\n  name: '{{ ds.meta_data.hostname }}'\n";
        let mut files = self.files();
        files.push(("/run/kubeadm/kubeadm.yaml".into(), config.into()));
        user_data(&files, "kubeadm init --config /run/kubeadm/kubeadm.yaml")
    }

    pub fn join(&self, cloud: &Cloud, control_plane: bool, token: &str, pin: &str) -> String {
        let (host, port) = cloud.endpoint(&id()).unwrap();
        let role = if control_plane { "controlPlane: {}\n" } else { "" };
        let config = format!(
            "---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n{role}discovery:\n  bootstrapToken:\n    apiServerEndpoint: {host}:{port}\n    token: {token}\n    caCertHashes: ['{pin}']\n\
             nodeRegistration:\n  taints:\n  - key: node.cluster.x-k8s.io/uninitialized\n    effect: NoSchedule\n"
        );
        let mut files = if control_plane { self.files() } else { Vec::new() };
        files.push(("/run/kubeadm/kubeadm-join-config.yaml".into(), config));
        user_data(&files, "kubeadm join --config /run/kubeadm/kubeadm-join-config.yaml")
    }

    pub fn good_join(&self, cloud: &Cloud, control_plane: bool) -> String {
        self.join(cloud, control_plane, TOKEN, &self.authority.certificate().public_key_hash())
    }

    pub async fn add_token(&self, client: &Client) {
        let expiration = self.clock.after(DAY).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bootstrap-token-abcdef", "namespace": "kube-system"},
            "type": "bootstrap.kubernetes.io/token",
            "stringData": {
                "token-id": "abcdef", "token-secret": "0123456789abcdef", "expiration": expiration,
                "usage-bootstrap-signing": "true", "usage-bootstrap-authentication": "true",
            },
        });
        create(client, &Kind::of::<Secret>(), "kube-system", &secret).await.unwrap();
    }

    /// A control plane of `count` machines.
    pub async fn control_plane(&self, cloud: &Cloud, count: usize) {
        cloud.create_cluster(&id(), "dc", None, None).await.unwrap();
        for number in 1..=count {
            let name = format!("cp{number}");
            let data = if number == 1 { self.init() } else { self.good_join(cloud, true) };
            boot(cloud, &name, true, &data).await;
            cloud.start_etcd(&id(), &name).await.unwrap();
            cloud.start_api_server(&id(), &name).await.unwrap();
            if number == 1 {
                self.add_token(&self.admin(cloud)).await;
            }
        }
    }
}

pub fn user_data(files: &[(String, String)], command: &str) -> String {
    let mut text = "## template: jinja\n#cloud-config\n\nwrite_files:\n".to_owned();
    for (path, content) in files {
        let content = content.replace('\n', "\n      ");
        text.push_str(&format!("-   path: {path}\n    owner: root:root\n    content: |\n      {content}\n"));
    }
    text.push_str(&format!(
        "runcmd:\n  - '{command}  && echo success > /run/cluster-api/bootstrap-success.complete'\n"
    ));
    text
}

pub async fn boot(cloud: &Cloud, name: &str, control_plane: bool, data: &str) {
    let new =
        NewMachine { name: name.into(), control_plane, version: "v1.35.0".into(), delays: Delays::default() };
    cloud.create_machine(&id(), new).await.unwrap();
    cloud.bootstrap(&id(), name, data.as_bytes()).await.unwrap();
}

pub fn bootstrap(cloud: &Cloud, name: &str) -> Bootstrap {
    cloud.machine(&id(), name).unwrap().bootstrap
}

pub async fn node_names(client: &Client) -> Vec<String> {
    nodes(client).await.unwrap().into_iter().filter_map(|node| node.metadata.name).collect()
}

pub async fn nodes(client: &Client) -> Result<Vec<Node>, Error> {
    list(client, &Kind::of::<Node>(), "").await
}

pub async fn node(client: &Client, name: &str) -> Node {
    get(client, &Kind::of::<Node>(), &Key::cluster_scoped(name)).await
}

/// All Pods of kube-system.
pub async fn pods(client: &Client) -> Vec<Pod> {
    list(client, &Kind::of::<Pod>(), "kube-system").await.unwrap()
}

pub async fn config_maps(client: &Client) -> Result<Vec<ConfigMap>, Error> {
    list(client, &Kind::of::<ConfigMap>(), "").await
}

pub async fn get<K: DeserializeOwned>(client: &Client, kind: &Kind, key: &Key) -> K {
    decode(&client.get(kind, key).await.unwrap()).unwrap()
}

pub async fn create(client: &Client, kind: &Kind, namespace: &str, object: &Value) -> Result<(), Error> {
    let key = Key::new(namespace, object["metadata"]["name"].as_str().unwrap());
    let mut call = Call::new(Verb::Create, kind, &key);
    call.body = object.to_string().into();
    client.call(call).await.map(drop)
}

async fn list<K: DeserializeOwned>(client: &Client, kind: &Kind, namespace: &str) -> Result<Vec<K>, Error> {
    #[derive(serde::Deserialize)]
    struct List<K> {
        items: Vec<K>,
    }
    let body = client.call(Call::new(Verb::List, kind, &Key::new(namespace, ""))).await?;
    Ok(decode::<List<K>>(&body).unwrap().items)
}
