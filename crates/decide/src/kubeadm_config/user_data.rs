//! The user data of a machine, from its configuration and what is known of the cluster.

use api::bootstrap::{BootstrapTokenString, File, FileSource, JoinControlPlane, KubeadmConfigSpec};
use k8s_openapi::ByteString;
use kubeadm::certificates::{self, Certificate, Purpose};
use kubeadm::marshal::{ClusterFacts, join_host_port};
use kubeadm::user_data::{self, Request};

use super::observed::{Observed, SecretValues};
use super::waiting::Waiting;
use api::core::{Cluster, Machine};

/// The names of Secrets that files and users of a configuration refer to, each once, in order.
pub fn referenced_secrets(spec: &KubeadmConfigSpec) -> Vec<String> {
    let files = spec.files.iter().map(|file| &file.content_from).filter(|from| from.is_defined());
    let users = spec.users.iter().map(|user| &user.passwd_from).filter(|from| from.is_defined());
    let files = files.map(|from| from.secret.name.clone());
    let users = users.map(|from| from.secret.name.clone());
    let mut names: Vec<String> = files.chain(users).collect();
    names.sort();
    names.dedup();
    names
}

/// The configuration with everything in place that it takes from Secrets.
pub fn resolved(spec: &KubeadmConfigSpec, values: &SecretValues) -> Result<KubeadmConfigSpec, Waiting> {
    let mut spec = spec.clone();
    for file in &mut spec.files {
        resolve_file(file, values)?;
    }
    for user in &mut spec.users {
        let from = std::mem::take(&mut user.passwd_from);
        if from.is_defined() {
            let value = values.0.get(&value_key(&from.secret.name, &from.secret.key)).ok_or_else(|| {
                let (name, key) = (&from.secret.name, &from.secret.key);
                let user = user.name.as_str();
                Waiting::Passwords(format!("Secret {name} with key {key:?} for user {user} is not there"))
            })?;
            user.passwd = Some(value.clone());
        }
    }
    Ok(spec)
}

fn resolve_file(file: &mut File, values: &SecretValues) -> Result<(), Waiting> {
    let FileSource { secret } = std::mem::take(&mut file.content_from);
    if secret.name.is_empty() {
        return Ok(());
    }
    let value = values.0.get(&value_key(&secret.name, &secret.key));
    let value = value.ok_or_else(|| {
        Waiting::Files(format!(
            "Secret {} with key {:?} for file {} is not there",
            secret.name, secret.key, file.path
        ))
    })?;
    file.content = Some(value.clone());
    Ok(())
}

/// Where a value of a Secret is found.
pub fn value_key(name: &str, key: &str) -> String {
    format!("{name}/{key}")
}

/// User data of the machine that runs `kubeadm init`.
pub fn init(
    seen: &Observed,
    spec: &KubeadmConfigSpec,
    cluster: &Cluster,
    machine: &Machine,
) -> Result<String, Waiting> {
    let planned = certificates::for_init(&spec.cluster_configuration);
    certificates::ensure_all_exist(&planned, &seen.key_pairs)
        .map_err(|error| Waiting::Certificates(error.to_string()))?;
    let network = &cluster.spec.cluster_network;
    let endpoint = &cluster.spec.control_plane_endpoint;
    let facts = ClusterFacts {
        cluster_name: cluster.metadata.name.as_deref().unwrap_or_default(),
        control_plane_endpoint: endpoint.host.as_deref().zip(endpoint.port),
        service_domain: network.service_domain.as_deref(),
        service_cidr_blocks: network
            .services
            .as_ref()
            .map(|ranges| ranges.cidr_blocks.as_slice())
            .unwrap_or_default(),
        pod_cidr_blocks: network
            .pods
            .as_ref()
            .map(|ranges| ranges.cidr_blocks.as_slice())
            .unwrap_or_default(),
        kubernetes_version: machine.spec.version.as_deref(),
    };
    user_data::init(&request(seen, spec, machine), &facts, &seen.key_pairs).map_err(unusable)
}

/// User data of a machine that joins.
pub fn join(
    seen: &Observed,
    spec: &KubeadmConfigSpec,
    machine: &Machine,
    control_plane: bool,
) -> Result<String, Waiting> {
    let request = request(seen, spec, machine);
    let data = match control_plane {
        true => user_data::join_control_plane(&request, &seen.key_pairs),
        false => user_data::join_worker(&request),
    };
    data.map_err(unusable)
}

fn request<'a>(seen: &'a Observed, spec: &'a KubeadmConfigSpec, machine: &'a Machine) -> Request<'a> {
    Request {
        spec,
        kubernetes_version: machine.spec.version.as_deref().unwrap_or_default(),
        control_plane_version: seen.control_plane_version.as_deref(),
    }
}

fn unusable(error: kubeadm::Error) -> Waiting {
    match error {
        kubeadm::Error::FileTemplate { .. } => Waiting::Files(error.to_string()),
        kubeadm::Error::MissingCertificate { .. } | kubeadm::Error::InvalidCertificate { .. } => {
            Waiting::Certificates(error.to_string())
        }
        other => Waiting::Unusable(other.to_string()),
    }
}

/// What joining takes that the user need not write: discovery completed, and whether a new token is part of it.
pub struct Joining {
    /// The configuration, completed.
    pub spec: KubeadmConfigSpec,
    /// The token that has to be created in the workload cluster.
    pub new_token: Option<BootstrapTokenString>,
}

/// Completes how a machine finds and trusts the cluster. What the user wrote stays.
pub fn discovery(
    seen: &Observed,
    spec: &KubeadmConfigSpec,
    cluster: &Cluster,
    planned: &[Certificate],
    control_plane: bool,
) -> Result<Joining, Waiting> {
    let mut spec = spec.clone();
    let join = &mut spec.join_configuration;
    certificates::ensure_all_exist(planned, &seen.key_pairs)
        .map_err(|error| Waiting::Certificates(error.to_string()))?;
    if control_plane && join.control_plane.is_none() {
        join.control_plane = Some(JoinControlPlane::default());
    }
    let endpoint = &cluster.spec.control_plane_endpoint;
    let server = endpoint.host.as_deref().zip(endpoint.port).map(|(host, port)| join_host_port(host, port));
    let authority =
        seen.key_pairs.get(&Purpose::ClusterCa).map(|pair| pair.certificate.as_str()).unwrap_or_default();
    if join.discovery.file.is_defined() {
        complete_file(&mut join.discovery.file, server.as_deref(), authority)?;
        return Ok(Joining { spec, new_token: None });
    }
    let discovery = &mut join.discovery.bootstrap_token;
    if discovery.ca_cert_hashes.is_empty() {
        discovery.ca_cert_hashes =
            certificates::public_key_pins(authority, Purpose::ClusterCa).map_err(unusable)?;
    }
    if discovery.api_server_endpoint.is_none() {
        discovery.api_server_endpoint = Some(server.ok_or(Waiting::Endpoint)?);
    }
    let new_token = discovery.token.is_none().then(|| seen.fresh_token.clone());
    if let Some(token) = &new_token {
        discovery.token = Some(token.expose());
    }
    if discovery.ca_cert_hashes.is_empty() {
        discovery.unsafe_skip_ca_verification = Some(true);
    }
    Ok(Joining { spec, new_token })
}

fn complete_file(
    file: &mut api::bootstrap::FileDiscovery,
    server: Option<&str>,
    authority: &str,
) -> Result<(), Waiting> {
    if !file.kube_config.is_defined() {
        return Ok(());
    }
    let cluster = &mut file.kube_config.cluster;
    if cluster.server.is_none() {
        cluster.server = Some(format!("https://{}", server.ok_or(Waiting::Endpoint)?));
    }
    if cluster.certificate_authority_data.is_none() {
        cluster.certificate_authority_data = Some(ByteString(authority.as_bytes().to_vec()));
    }
    Ok(())
}
