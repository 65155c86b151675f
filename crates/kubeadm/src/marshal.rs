//! kubeadm's configuration as YAML, from the version-independent form that users write.
//!
//! Which keys are written although they are empty (`dns: {}`, `taints: null`) is kubeadm's doing: its Go structures
//! say so, and machines' texts are compared to the byte.

use api::bootstrap::{
    ApiEndpoint, Arg, BootstrapToken, ClusterConfiguration, Discovery, EnvVar, Etcd, HostPathMount,
    InitConfiguration, JoinConfiguration, LocalEtcd, NodeRegistrationOptions, Patches, Timeouts,
};
use k8s_openapi::api::core::v1::Taint;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::versions::ConfigurationVersion;
use crate::{Error, divisor, yaml};

/// What kubeadm's ClusterConfiguration holds and users don't write: it comes from Cluster and Machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdditionalData {
    /// Version of Kubernetes, as the Machine has it.
    pub kubernetes_version: Option<String>,
    /// Name of the Cluster.
    pub cluster_name: Option<String>,
    /// Domain of services.
    pub dns_domain: Option<String>,
    /// Address blocks of services, separated by commas.
    pub service_subnet: Option<String>,
    /// Address blocks of pods, separated by commas.
    pub pod_subnet: Option<String>,
    /// How long to wait for a control plane component, in seconds. Written by v1beta3 only, whose InitConfiguration
    /// has no timeouts.
    pub control_plane_component_health_check_seconds: Option<i32>,
}

/// The facts of a Cluster and a Machine that go into the configuration of its first control plane machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClusterFacts<'a> {
    /// Name of the Cluster.
    pub cluster_name: &'a str,
    /// Host and port of the control plane; none if either is not known yet.
    pub control_plane_endpoint: Option<(&'a str, i32)>,
    /// Domain of services.
    pub service_domain: Option<&'a str>,
    /// Address blocks of services.
    pub service_cidr_blocks: &'a [String],
    /// Address blocks of pods.
    pub pod_cidr_blocks: &'a [String],
    /// The Machine's version of Kubernetes.
    pub kubernetes_version: Option<&'a str>,
}

/// Completes what users wrote by what the Cluster and the Machine say.
pub fn complete(
    cluster: &mut ClusterConfiguration,
    init: &InitConfiguration,
    facts: &ClusterFacts<'_>,
) -> AdditionalData {
    if is_unset(cluster.control_plane_endpoint.as_deref()) {
        let endpoint = facts.control_plane_endpoint.filter(|(host, port)| !host.is_empty() && *port != 0);
        cluster.control_plane_endpoint = endpoint.map(|(host, port)| join_host_port(host, port));
    }
    let set = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let joined = |blocks: &[String]| (!blocks.is_empty()).then(|| blocks.join(","));
    AdditionalData {
        kubernetes_version: set(facts.kubernetes_version),
        cluster_name: Some(facts.cluster_name.to_owned()),
        dns_domain: set(facts.service_domain),
        service_subnet: joined(facts.service_cidr_blocks),
        pod_subnet: joined(facts.pod_cidr_blocks),
        control_plane_component_health_check_seconds: init
            .timeouts
            .control_plane_component_health_check_seconds,
    }
}

/// `host:port`, with brackets around an IPv6 address.
pub fn join_host_port(host: &str, port: i32) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// The ClusterConfiguration for a Kubernetes version, as YAML.
pub fn cluster_configuration(
    configuration: &ClusterConfiguration,
    data: &AdditionalData,
    kubernetes_version: &str,
) -> Result<String, Error> {
    let version = ConfigurationVersion::for_kubernetes(kubernetes_version)?;
    Ok(yaml::to_string(&cluster_document(configuration, data, version)))
}

/// The InitConfiguration for a Kubernetes version, as YAML.
pub fn init_configuration(
    configuration: &InitConfiguration,
    kubernetes_version: &str,
) -> Result<String, Error> {
    let version = ConfigurationVersion::for_kubernetes(kubernetes_version)?;
    let mut document = Document::new(version, "InitConfiguration");
    document.list("bootstrapTokens", configuration.bootstrap_tokens.iter().map(bootstrap_token));
    document.set("nodeRegistration", node_registration(&configuration.node_registration, version));
    document.set("localAPIEndpoint", api_endpoint(&configuration.local_api_endpoint));
    document.texts("skipPhases", &configuration.skip_phases);
    document.patches(&configuration.patches);
    document.timeouts(&configuration.timeouts, version);
    Ok(document.into_yaml())
}

/// The JoinConfiguration for a Kubernetes version, as YAML.
pub fn join_configuration(
    configuration: &JoinConfiguration,
    kubernetes_version: &str,
) -> Result<String, Error> {
    let version = ConfigurationVersion::for_kubernetes(kubernetes_version)?;
    let mut document = Document::new(version, "JoinConfiguration");
    document.set("nodeRegistration", node_registration(&configuration.node_registration, version));
    document.text("caCertPath", configuration.ca_cert_path.as_deref());
    document.set("discovery", discovery(&configuration.discovery, &configuration.timeouts, version));
    if let Some(control_plane) = &configuration.control_plane {
        document.set(
            "controlPlane",
            json!({ "localAPIEndpoint": api_endpoint(&control_plane.local_api_endpoint) }),
        );
    }
    document.texts("skipPhases", &configuration.skip_phases);
    document.patches(&configuration.patches);
    document.timeouts(&configuration.timeouts, version);
    Ok(document.into_yaml())
}

/// A mapping under construction. Its methods leave out what is empty, as Go's `omitempty` does.
struct Document(Map<String, Value>);

impl Document {
    fn new(version: ConfigurationVersion, kind: &str) -> Self {
        let mut document = Self(Map::new());
        document.set("apiVersion", json!(version.api_version()));
        document.set("kind", json!(kind));
        document
    }

    fn empty() -> Self {
        Self(Map::new())
    }

    fn set(&mut self, key: &str, value: Value) {
        self.0.insert(key.to_owned(), value);
    }

    fn text(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.set(key, json!(text));
        }
    }

    fn list(&mut self, key: &str, items: impl Iterator<Item = Value>) {
        let items: Vec<Value> = items.collect();
        if !items.is_empty() {
            self.set(key, Value::Array(items));
        }
    }

    fn texts(&mut self, key: &str, texts: &[String]) {
        self.list(key, texts.iter().map(|text| json!(text)));
    }

    /// Arguments: a list in v1beta4; in v1beta3 a map, which keeps the last of each name.
    fn arguments(&mut self, key: &str, arguments: &[Arg], version: ConfigurationVersion) {
        if arguments.is_empty() {
            return;
        }
        let value = match version {
            ConfigurationVersion::V1Beta3 => {
                arguments.iter().map(|argument| (argument.name.clone(), json!(argument.value))).collect()
            }
            ConfigurationVersion::V1Beta4 => arguments
                .iter()
                .map(|argument| json!({ "name": argument.name, "value": argument.value }))
                .collect(),
        };
        self.set(key, value);
    }

    fn environment(&mut self, variables: Option<&Vec<EnvVar>>, version: ConfigurationVersion) {
        if version == ConfigurationVersion::V1Beta4 {
            self.list("extraEnvs", variables.into_iter().flatten().map(environment_variable));
        }
    }

    fn seconds(&mut self, key: &str, seconds: Option<i32>) {
        if let Some(seconds) = seconds {
            self.set(key, json!(go_duration(i64::from(seconds))));
        }
    }

    fn days(&mut self, key: &str, days: Option<i32>) {
        if let Some(days) = days.filter(|days| *days != 0) {
            self.set(key, json!(go_duration(i64::from(days) * 24 * 3600)));
        }
    }

    fn patches(&mut self, patches: &Patches) {
        if is_set(patches) {
            let mut value = Self::empty();
            value.text("directory", patches.directory.as_deref());
            self.set("patches", value.into_value());
        }
    }

    /// Timeouts, which v1beta3 does not have.
    fn timeouts(&mut self, timeouts: &Timeouts, version: ConfigurationVersion) {
        if version == ConfigurationVersion::V1Beta3 || *timeouts == Timeouts::default() {
            return;
        }
        let mut value = Self::empty();
        value.seconds(
            "controlPlaneComponentHealthCheck",
            timeouts.control_plane_component_health_check_seconds,
        );
        value.seconds("kubeletHealthCheck", timeouts.kubelet_health_check_seconds);
        value.seconds("kubernetesAPICall", timeouts.kubernetes_api_call_seconds);
        value.seconds("etcdAPICall", timeouts.etcd_api_call_seconds);
        value.seconds("tlsBootstrap", timeouts.tls_bootstrap_seconds);
        value.seconds("discovery", timeouts.discovery_seconds);
        self.set("timeouts", value.into_value());
    }

    fn into_value(self) -> Value {
        Value::Object(self.0)
    }

    fn into_yaml(self) -> String {
        yaml::to_string(&self.into_value())
    }
}

fn is_unset(text: Option<&str>) -> bool {
    text.is_none_or(str::is_empty)
}

/// Whether anything of a structure is set. Go does not tell an empty text from an unset one; an empty list that is
/// there, as of environment variables, it does.
fn is_set(structure: &impl Serialize) -> bool {
    match serde_json::to_value(structure) {
        Ok(Value::Object(entries)) => entries.values().any(|value| !value.is_null() && value != ""),
        _ => false,
    }
}

fn cluster_document(
    configuration: &ClusterConfiguration,
    data: &AdditionalData,
    version: ConfigurationVersion,
) -> Value {
    let mut document = Document::new(version, "ClusterConfiguration");
    document.set("etcd", etcd(&configuration.etcd, version));
    document.set("networking", networking(data));
    document.text("kubernetesVersion", data.kubernetes_version.as_deref());
    document.text("controlPlaneEndpoint", configuration.control_plane_endpoint.as_deref());
    document.set("apiServer", api_server(configuration, data, version));
    let manager = &configuration.controller_manager;
    document.set(
        "controllerManager",
        component(&manager.extra_args, &manager.extra_volumes, manager.extra_envs.as_ref(), version)
            .into_value(),
    );
    let scheduler = &configuration.scheduler;
    document.set(
        "scheduler",
        component(&scheduler.extra_args, &scheduler.extra_volumes, scheduler.extra_envs.as_ref(), version)
            .into_value(),
    );
    let dns = &configuration.dns;
    document.set("dns", image(dns.image_repository.as_deref(), dns.image_tag.as_deref()).into_value());
    document.text("certificatesDir", configuration.certificates_dir.as_deref());
    document.text("imageRepository", configuration.image_repository.as_deref());
    if !configuration.feature_gates.is_empty() {
        document.set("featureGates", json!(configuration.feature_gates));
    }
    document.text("clusterName", data.cluster_name.as_deref());
    if version == ConfigurationVersion::V1Beta4 {
        document.set("proxy", json!({}));
        document.text(
            "encryptionAlgorithm",
            configuration.encryption_algorithm.map(|algorithm| algorithm.as_str()),
        );
        document.days("certificateValidityPeriod", configuration.certificate_validity_period_days);
        document.days("caCertificateValidityPeriod", configuration.ca_certificate_validity_period_days);
    }
    document.into_value()
}

fn networking(data: &AdditionalData) -> Value {
    let mut networking = Document::empty();
    networking.text("serviceSubnet", data.service_subnet.as_deref());
    networking.text("podSubnet", data.pod_subnet.as_deref());
    networking.text("dnsDomain", data.dns_domain.as_deref());
    networking.into_value()
}

fn api_server(
    configuration: &ClusterConfiguration,
    data: &AdditionalData,
    version: ConfigurationVersion,
) -> Value {
    let server = &configuration.api_server;
    let mut value = component(&server.extra_args, &server.extra_volumes, server.extra_envs.as_ref(), version);
    value.texts("certSANs", &server.cert_sans);
    if version == ConfigurationVersion::V1Beta3 {
        value.seconds("timeoutForControlPlane", data.control_plane_component_health_check_seconds);
    }
    value.into_value()
}

fn component(
    arguments: &[Arg],
    volumes: &[HostPathMount],
    environment: Option<&Vec<EnvVar>>,
    version: ConfigurationVersion,
) -> Document {
    let mut value = Document::empty();
    value.arguments("extraArgs", arguments, version);
    value.list("extraVolumes", volumes.iter().map(host_path_mount));
    value.environment(environment, version);
    value
}

fn host_path_mount(mount: &HostPathMount) -> Value {
    let mut value = Document::empty();
    value.set("name", json!(mount.name));
    value.set("hostPath", json!(mount.host_path));
    value.set("mountPath", json!(mount.mount_path));
    if mount.read_only == Some(true) {
        value.set("readOnly", json!(true));
    }
    value.text("pathType", mount.path_type.as_deref());
    value.into_value()
}

/// An environment variable as Go writes it: empty texts are left out, and a divisor is always there.
fn environment_variable(variable: &EnvVar) -> Value {
    let mut value = serde_json::to_value(variable).unwrap_or_default();
    drop_empty_texts(&mut value);
    let name = json!(variable.name);
    if let Some(entries) = value.as_object_mut() {
        entries.insert("name".to_owned(), name);
    }
    // The schema refuses an invalid divisor. One that came here all the same is left for kubeadm to refuse.
    let _ = divisor::make_canonical(&mut value);
    value
}

fn drop_empty_texts(value: &mut Value) {
    if let Value::Object(entries) = value {
        entries.retain(|key, value| {
            value != "" || matches!(key.as_str(), "key" | "fieldPath" | "path" | "resource")
        });
        entries.values_mut().for_each(drop_empty_texts);
    }
}

fn image(repository: Option<&str>, tag: Option<&str>) -> Document {
    let mut value = Document::empty();
    value.text("imageRepository", repository);
    value.text("imageTag", tag);
    value
}

fn etcd(etcd: &Etcd, version: ConfigurationVersion) -> Value {
    let mut value = Document::empty();
    if is_set(&etcd.local) {
        value.set("local", local_etcd(&etcd.local, version));
    }
    if etcd.external.is_defined() {
        let external = &etcd.external;
        let endpoints = if external.endpoints.is_empty() { Value::Null } else { json!(external.endpoints) };
        value.set(
            "external",
            json!({
                "endpoints": endpoints,
                "caFile": external.ca_file,
                "certFile": external.cert_file,
                "keyFile": external.key_file,
            }),
        );
    }
    value.into_value()
}

fn local_etcd(etcd: &LocalEtcd, version: ConfigurationVersion) -> Value {
    let mut value = image(etcd.image_repository.as_deref(), etcd.image_tag.as_deref());
    value.set("dataDir", json!(etcd.data_dir.as_deref().unwrap_or_default()));
    value.arguments("extraArgs", &etcd.extra_args, version);
    value.environment(etcd.extra_envs.as_ref(), version);
    value.texts("serverCertSANs", &etcd.server_cert_sans);
    value.texts("peerCertSANs", &etcd.peer_cert_sans);
    value.into_value()
}

fn node_registration(registration: &NodeRegistrationOptions, version: ConfigurationVersion) -> Value {
    let mut value = Document::empty();
    value.text("name", registration.name.as_deref());
    value.text("criSocket", registration.cri_socket.as_deref());
    let taints = registration.taints.as_ref().map(|taints| taints.iter().map(taint).collect());
    value.set("taints", taints.unwrap_or(Value::Null));
    value.arguments("kubeletExtraArgs", &registration.kubelet_extra_args, version);
    value.texts("ignorePreflightErrors", &registration.ignore_preflight_errors);
    value.text("imagePullPolicy", registration.image_pull_policy.as_deref());
    if let (ConfigurationVersion::V1Beta4, Some(serial)) = (version, registration.image_pull_serial) {
        value.set("imagePullSerial", json!(serial));
    }
    value.into_value()
}

fn taint(taint: &Taint) -> Value {
    let mut value = Document::empty();
    value.set("key", json!(taint.key));
    value.text("value", taint.value.as_deref());
    value.set("effect", json!(taint.effect));
    if let Some(time) = &taint.time_added {
        value.set("timeAdded", json!(time));
    }
    value.into_value()
}

fn bootstrap_token(token: &BootstrapToken) -> Value {
    let mut value = Document::empty();
    value.set("token", token.token.as_ref().map_or(Value::Null, |token| json!(token.expose())));
    value.text("description", token.description.as_deref());
    value.seconds("ttl", token.ttl_seconds);
    if let Some(expires) = &token.expires {
        value.set("expires", json!(expires));
    }
    value.texts("usages", &token.usages);
    value.texts("groups", &token.groups);
    value.into_value()
}

fn api_endpoint(endpoint: &ApiEndpoint) -> Value {
    let mut value = Document::empty();
    value.text("advertiseAddress", endpoint.advertise_address.as_deref());
    if let Some(port) = endpoint.bind_port.filter(|port| *port != 0) {
        value.set("bindPort", json!(port));
    }
    value.into_value()
}

/// How to find the cluster. v1beta3 has one timeout in it: that of the kubelet's bootstrap.
fn discovery(discovery: &Discovery, timeouts: &Timeouts, version: ConfigurationVersion) -> Value {
    let mut value = Document::empty();
    let bootstrap = &discovery.bootstrap_token;
    if is_set(bootstrap) {
        let mut token = Document::empty();
        token.set("token", json!(bootstrap.token.as_deref().unwrap_or_default()));
        token.text("apiServerEndpoint", bootstrap.api_server_endpoint.as_deref());
        token.texts("caCertHashes", &bootstrap.ca_cert_hashes);
        if bootstrap.unsafe_skip_ca_verification == Some(true) {
            token.set("unsafeSkipCAVerification", json!(true));
        }
        value.set("bootstrapToken", token.into_value());
    }
    if discovery.file.is_defined() {
        value.set("file", json!({ "kubeConfigPath": discovery.file.kube_config_path }));
    }
    value.text("tlsBootstrapToken", discovery.tls_bootstrap_token.as_deref());
    if version == ConfigurationVersion::V1Beta3 {
        value.seconds("timeout", timeouts.tls_bootstrap_seconds);
    }
    value.into_value()
}

/// A duration as Go prints it: `1h0m1s`, `5m0s`, `0s`.
fn go_duration(seconds: i64) -> String {
    let sign = if seconds < 0 { "-" } else { "" };
    let magnitude = seconds.unsigned_abs();
    let (hours, minutes, seconds) = (magnitude / 3600, magnitude / 60 % 60, magnitude % 60);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, _) => format!("{sign}{minutes}m{seconds}s"),
        _ => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    const VERSIONS: [&str; 2] = ["v1.30.0", "v1.31.0"];

    fn cluster(configuration: &Value, version: &str) -> String {
        let configuration: ClusterConfiguration = serde_json::from_value(configuration.clone()).unwrap();
        cluster_configuration(&configuration, &AdditionalData::default(), version).unwrap()
    }

    fn join(configuration: &Value, version: &str) -> String {
        let configuration: JoinConfiguration = serde_json::from_value(configuration.clone()).unwrap();
        join_configuration(&configuration, version).unwrap()
    }

    #[test]
    fn a_structure_of_empty_texts_is_not_written() {
        for version in VERSIONS {
            let etcd = json!({ "etcd": { "local": { "dataDir": "", "imageTag": "" } } });
            assert_eq!(cluster(&etcd, version), cluster(&json!({}), version));
            let patches = json!({ "patches": { "directory": "" } });
            assert_eq!(join(&patches, version), join(&json!({}), version));
            let token =
                json!({ "discovery": { "bootstrapToken": { "token": "", "apiServerEndpoint": "" } } });
            assert_eq!(join(&token, version), join(&json!({}), version));
        }
    }

    #[test]
    fn a_structure_of_which_something_is_set_is_written() {
        for version in VERSIONS {
            let etcd = cluster(&json!({ "etcd": { "local": { "imageTag": "3" } } }), version);
            assert!(etcd.contains("  local:\n    dataDir: \"\"\n    imageTag: \"3\"\n"), "{etcd}");
            let etcd = cluster(&json!({ "etcd": { "local": { "extraEnvs": [] } } }), version);
            assert!(etcd.contains("  local:\n    dataDir: \"\"\n"), "{etcd}");
            let token = json!({ "discovery": { "bootstrapToken": { "unsafeSkipCAVerification": false } } });
            let token = join(&token, version);
            assert!(token.contains("  bootstrapToken:\n    token: \"\"\n"), "{token}");
        }
    }

    #[test]
    fn divisors_are_canonical() {
        let variable = |divisor: &str| {
            let resource = json!({ "resource": "limits.memory", "divisor": divisor });
            json!({ "scheduler": { "extraEnvs": [{ "name": "a", "valueFrom": { "resourceFieldRef": resource } }] } })
        };
        for (given, canonical) in [("1024Ki", "1Mi"), ("1000m", "\"1\""), ("", "\"0\"")] {
            let written = cluster(&variable(given), "v1.31.0");
            assert!(written.contains(&format!(" divisor: {canonical}\n")), "{written}");
        }
    }
}
