//! How a machine comes up: user data, kubeadm, its Node, then on the control plane etcd and the API server.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use runtime::pki::Certificate;
use serde_json::Value;

use super::cloud_init::{self, Booted};
use super::cluster::{Cluster, State};
use super::error::CloudError;
use super::etcd::{Member, Membership};
use super::kubeadm::{self, Refusal, Registration, Task, config};
use super::node::{self, NodeFacts};
use super::records::{Bootstrap, Init, MachineRecord, later};
use super::{NewMachine, addons, api, certificates};

/// How long kubeadm tries to find the cluster: its `timeouts.discovery`, which nobody sets here.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// A machine that became a node.
struct Joined {
    registration: Registration,
    control_plane: bool,
    version: String,
}

/// Why it did not.
enum Obstacle {
    Refused(Refusal),
    Fault(CloudError),
}

impl From<Refusal> for Obstacle {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl<E: Into<CloudError>> From<E> for Obstacle {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}

fn never(reason: impl Into<String>) -> Obstacle {
    Obstacle::Refused(Refusal::Never(reason.into()))
}

fn not_yet(reason: impl Into<String>) -> Obstacle {
    Obstacle::Refused(Refusal::NotYet(reason.into()))
}

impl Cluster {
    pub(super) async fn create_machine(&self, new: NewMachine) -> Result<(), CloudError> {
        {
            let mut state = self.state();
            if state.machines.contains_key(&new.name) {
                return Ok(());
            }
            state.record.addresses += 1;
            let machine = MachineRecord {
                name: new.name.clone(),
                control_plane: new.control_plane,
                version: new.version,
                address: address(state.record.addresses),
                created: self.ground.clock.now(),
                delays: new.delays,
                bootstrap: Bootstrap::Pending,
                etcd_started: false,
                api_server_started: false,
                api_server_port: kubeadm::API_SERVER_PORT,
            };
            state.machines.insert(new.name.clone(), machine);
        }
        self.save_cluster().await?;
        self.save_machine(&new.name).await
    }

    /// Runs the user data. A machine that failed is not booted again: cloud-init runs once.
    pub(super) async fn bootstrap(self: &Arc<Self>, name: &str, user_data: &[u8]) -> Result<(), CloudError> {
        let machine = self.known_machine(name)?;
        if matches!(machine.bootstrap, Bootstrap::Done { .. } | Bootstrap::Failed { .. }) {
            return Ok(());
        }
        let now = self.ground.clock.now();
        let outcome = match self.run(&machine, user_data).await {
            Ok(joined) => Ok(joined),
            Err(Obstacle::Refused(refusal)) => Err(refusal),
            Err(Obstacle::Fault(error)) => return Err(error),
        };
        if let Some(machine) = self.state().machines.get_mut(name) {
            match outcome {
                Ok(joined) => {
                    machine.version = joined.version;
                    machine.api_server_port = joined.registration.api_server_port;
                    machine.bootstrap = Bootstrap::Done { at: now, node: joined.registration.name };
                }
                Err(refusal) => machine.bootstrap = after(&machine.bootstrap, refusal, now),
            }
        }
        self.save_machine(name).await
    }

    async fn run(self: &Arc<Self>, machine: &MachineRecord, user_data: &[u8]) -> Result<Joined, Obstacle> {
        let booted = cloud_init::boot(user_data, &machine.name).map_err(never)?;
        let task = config::read(&booted, &machine.name).map_err(never)?;
        let control_plane = !matches!(task, Task::Join { control_plane: false, .. });
        if control_plane != machine.control_plane {
            return Err(never(format!(
                "the bootstrap data makes a {} of a machine that is meant for the {}",
                if control_plane { "control plane node" } else { "worker" },
                if machine.control_plane { "control plane" } else { "workers" },
            )));
        }
        let (registration, version) = match task {
            Task::Init { cluster, cluster_text, registration } => {
                let version = self.init(machine, &booted, &cluster, &cluster_text).await?;
                (registration, version)
            }
            Task::Join { discovery, control_plane, registration } => {
                let version = self.join(machine, &booted, &discovery, control_plane, &registration)?;
                (registration, version)
            }
        };
        let joined = Joined { registration, control_plane, version };
        self.register(machine, &joined).await?;
        Ok(joined)
    }

    /// `kubeadm init`: a new cluster, in place of one whose control plane is gone.
    async fn init(
        self: &Arc<Self>,
        machine: &MachineRecord,
        booted: &Booted,
        cluster: &Value,
        cluster_text: &str,
    ) -> Result<String, Obstacle> {
        let init = kubeadm::plan_init(booted, cluster)?;
        let version = cluster["kubernetesVersion"].as_str().unwrap_or(&machine.version).to_owned();
        if !machine.version.is_empty() {
            kubeadm::check_skew(&version, &machine.version, true)?;
        }
        if version.is_empty() {
            return Err(never("kubeadm init: the ClusterConfiguration has no kubernetesVersion"));
        }
        let _one_at_a_time = self.founding.lock().await;
        if self.state().has_control_plane_besides(&machine.name) {
            return Err(never("kubeadm init: the cluster has a control plane already"));
        }
        self.found(init, cluster, cluster_text, &version).await?;
        let version = if machine.version.is_empty() { version } else { machine.version.clone() };
        Ok(version)
    }

    async fn found(
        self: &Arc<Self>,
        init: Init,
        cluster: &Value,
        cluster_text: &str,
        version: &str,
    ) -> Result<(), CloudError> {
        // What an earlier cluster held went with the last of its disks.
        self.state().api = None;
        self.ground.database.drop_store(&self.id.store_name());
        let api = self.build_api().await?;
        let (host, port) = self.endpoint();
        let endpoint = format!("{host}:{port}");
        let facts = addons::Facts {
            cluster,
            cluster_text,
            endpoint: &endpoint,
            authority: &init.authority.certificate,
            version,
            domain: &init.domain,
        };
        for (collection, object) in addons::all(&facts) {
            api::create(&api, collection, object).await?;
        }
        {
            let mut state = self.state();
            state.api = Some(api);
            state.record.init = Some(init);
            state.record.etcd = Membership::default();
            state.tls = None;
            state.etcd_tls.clear();
            state.refresh();
        }
        self.save_cluster().await
    }

    /// Everything that `kubeadm join` checks. Gives the version of the node.
    fn join(
        &self,
        machine: &MachineRecord,
        booted: &Booted,
        discovery: &Value,
        control_plane: bool,
        registration: &Registration,
    ) -> Result<String, Obstacle> {
        let found = kubeadm::discover(booted, discovery)?;
        let (api, init, cluster_version, endpoint) = {
            let state = self.state();
            let endpoint = format!("{}:{}", state.record.host, state.record.port);
            let reachable = found.server == endpoint && state.serving.is_some();
            let parts = state.api.clone().zip(state.record.init.clone()).filter(|_| reachable);
            let (api, init) = parts.ok_or_else(|| not_yet(unreachable(&found.server)))?;
            if !state.record.etcd.has_quorum() {
                return Err(not_yet("kubeadm join: the API server does not answer: etcd has no quorum"));
            }
            if let Some(other) = state.owner_of(&registration.name, &machine.name) {
                return Err(never(format!(
                    "kubeadm join: a node named {} exists already, on machine {other}",
                    registration.name
                )));
            }
            (api, init, state.version().unwrap_or_default().to_owned(), endpoint)
        };
        tracing::trace!(cluster = %self.id, machine = machine.name, endpoint, "joins");
        let authority = Certificate::from_pem(init.authority.certificate.as_bytes())?;
        kubeadm::check_hashes(&found.authority, &authority)?;
        if let Some(token) = &found.token {
            let reader = api.reader();
            let lookup = |name: &str| reader.get("", "secrets", Some("kube-system"), name);
            kubeadm::check_token(token, self.ground.clock.now(), lookup)?;
        }
        let version =
            if machine.version.is_empty() { cluster_version.clone() } else { machine.version.clone() };
        kubeadm::check_skew(&version, &cluster_version, control_plane)?;
        if control_plane {
            check_authorities(booted, &init)?;
        }
        Ok(version)
    }

    /// The kubelet registers its node.
    async fn register(&self, machine: &MachineRecord, joined: &Joined) -> Result<(), CloudError> {
        let Some(api) = self.api() else { return Err(CloudError::NoCluster(self.id.to_string())) };
        let now = self.ground.clock.now();
        let facts = NodeFacts {
            machine: &machine.name,
            registration: &joined.registration,
            control_plane: joined.control_plane,
            version: &joined.version,
            address: &machine.address,
            now,
        };
        api::create(&api, api::NODES, node::node(&facts)).await?;
        Ok(api::create(&api, api::NODE_LEASES, node::lease(&joined.registration.name, now)).await?)
    }

    pub(super) async fn start_etcd(&self, name: &str) -> Result<(), CloudError> {
        let machine = self.known_machine(name)?;
        let (node, _) = machine.node().ok_or_else(|| CloudError::NoNode(name.to_owned()))?;
        let ids = [draw_id(self, "cluster", ""), draw_id(self, "member", name)];
        let external = {
            let mut state = self.state();
            let external = state.record.init.as_ref().is_some_and(|init| init.etcd_authority.is_none());
            if !external {
                start_member(&mut state.record.etcd, ids, node, &machine.address)
                    .map_err(|refusal| CloudError::Etcd { node: node.to_owned(), refusal })?;
            }
            if let Some(machine) = state.machines.get_mut(name) {
                machine.etcd_started = true;
            }
            state.refresh();
            external
        };
        self.save_cluster().await?;
        if !external {
            self.create_static_pods(&machine, &["etcd"]).await?;
        }
        self.save_machine(name).await
    }

    pub(super) async fn start_api_server(&self, name: &str) -> Result<(), CloudError> {
        let machine = self.known_machine(name)?;
        if machine.node().is_none() {
            return Err(CloudError::NoNode(name.to_owned()));
        }
        let needed = self.state().tls.is_none();
        let tls = if needed { Some(certificates::api_server(self)?) } else { None };
        self.create_static_pods(&machine, &node::COMPONENTS).await?;
        {
            let mut state = self.state();
            if let Some(tls) = tls {
                state.tls.get_or_insert(tls);
            }
            if let Some(machine) = state.machines.get_mut(name) {
                machine.api_server_started = true;
            }
            state.refresh();
        }
        self.save_machine(name).await
    }

    async fn create_static_pods(
        &self,
        machine: &MachineRecord,
        components: &[&str],
    ) -> Result<(), CloudError> {
        let Some(api) = self.api() else { return Err(CloudError::NoCluster(self.id.to_string())) };
        let Some((node, _)) = machine.node() else { return Err(CloudError::NoNode(machine.name.clone())) };
        let now = self.ground.clock.now();
        for component in components {
            let pod = node::static_pod(component, node, &machine.address, &machine.version, now);
            api::create(&api, api::SYSTEM_PODS, pod).await?;
        }
        Ok(())
    }
}

impl State {
    /// Whether another machine of the control plane lives.
    fn has_control_plane_besides(&self, name: &str) -> bool {
        self.machines
            .values()
            .any(|machine| machine.control_plane && machine.name != name && machine.node().is_some())
    }

    /// The other machine that is registered as this node.
    fn owner_of(&self, node: &str, besides: &str) -> Option<&str> {
        let taken = |machine: &&MachineRecord| {
            machine.name != besides && machine.node().is_some_and(|(name, _)| name == node)
        };
        self.machines.values().find(taken).map(|machine| machine.name.as_str())
    }
}

/// What a failed attempt leads to.
fn after(before: &Bootstrap, refusal: Refusal, now: Timestamp) -> Bootstrap {
    let since = if let Bootstrap::Trying { since, .. } = before { *since } else { now };
    match refusal {
        Refusal::Never(reason) => Bootstrap::Failed { reason },
        Refusal::NotYet(reason) if now >= later(since, DISCOVERY_TIMEOUT) => {
            Bootstrap::Failed { reason: format!("{reason}; gave up after 5 minutes") }
        }
        Refusal::NotYet(reason) => Bootstrap::Trying { since, last: now, reason },
    }
}

fn unreachable(server: &str) -> String {
    format!("kubeadm join: no API server answers at {server}")
}

/// The authorities that came with the user data of a further control plane node must be those of the cluster.
fn check_authorities(booted: &Booted, init: &Init) -> Result<(), Refusal> {
    let same = |path: &str, own: &str| booted.text(path).is_some_and(|text| text.trim() == own.trim());
    let wrong = |path: &str| {
        Err(Refusal::Never(format!(
            "kubeadm join: {path} is missing in the bootstrap data or is not the cluster's"
        )))
    };
    if !same("/etc/kubernetes/pki/ca.crt", &init.authority.certificate) {
        return wrong("/etc/kubernetes/pki/ca.crt");
    }
    match &init.etcd_authority {
        Some(own) if !same("/etc/kubernetes/pki/etcd/ca.crt", &own.certificate) => {
            wrong("/etc/kubernetes/pki/etcd/ca.crt")
        }
        _ => Ok(()),
    }
}

/// The first member founds the cluster; others come as learners and get their vote at once, as kubeadm does it.
fn start_member(
    etcd: &mut Membership,
    [cluster_id, id]: [u64; 2],
    node: &str,
    address: &str,
) -> Result<(), super::etcd::Refusal> {
    let peer_url = format!("https://{address}:2380");
    let client_url = format!("https://{address}:2379");
    if etcd.members.is_empty() {
        let (name, running) = (node.to_owned(), true);
        etcd.found(cluster_id, Member { id, name, peer_url, client_url, learner: false, running });
        return Ok(());
    }
    let known = etcd.members.iter().find(|member| member.peer_url == peer_url).map(|member| member.id);
    let id = match known {
        // An attempt that was cut short had come this far.
        Some(id) => id,
        None => {
            etcd.add(id, &peer_url, true)?;
            id
        }
    };
    etcd.start(id, node, &client_url)?;
    match etcd.promote(id) {
        Err(super::etcd::Refusal::NotLearner) => Ok(()),
        other => other,
    }
}

/// A number that is not zero, for etcd.
pub(super) fn draw_id(cluster: &Cluster, what: &str, key: &str) -> u64 {
    let mut stream = cluster.ground.entropy.stream("dev-etcd", &format!("{}/{what}/{key}", cluster.id));
    let mut bytes = [0; 8];
    stream.fill(&mut bytes);
    u64::from_be_bytes(bytes).max(1)
}

/// The address of the `number`th machine. Nothing can be reached there; it is a name that looks right.
fn address(number: u32) -> String {
    let number = number + 1;
    format!("172.{}.{}.{}", 18 + (number >> 16) % 14, (number >> 8) & 0xff, number & 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart() {
        assert_eq!(address(1), "172.18.0.2");
        assert_eq!(address(255), "172.18.1.0");
        assert_ne!(address(65_536), address(0));
    }

    #[test]
    fn kubeadm_gives_up_in_the_end() {
        let start = Timestamp::UNIX_EPOCH;
        let not_yet = || Refusal::NotYet("no".to_owned());
        let first = after(&Bootstrap::Pending, not_yet(), start);
        assert!(matches!(first, Bootstrap::Trying { since, .. } if since == start));
        let second = after(&first, not_yet(), later(start, Duration::from_secs(299)));
        assert!(matches!(second, Bootstrap::Trying { since, .. } if since == start));
        let third = after(&second, not_yet(), later(start, Duration::from_secs(300)));
        assert!(matches!(third, Bootstrap::Failed { .. }));
    }
}
