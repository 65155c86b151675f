//! Recorded behaviour of Cluster API's bootstrap provider.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

use std::path::PathBuf;

use api::bootstrap::{ClusterConfiguration, File, FileDiscovery, InitConfiguration, JoinConfiguration};
use api::bootstrap::{Format, KubeadmConfigSpec};
use kubeadm::certificates::{KeyPair, KeyPairs, Purpose};
use kubeadm::marshal::{self, AdditionalData, ClusterFacts};
use kubeadm::user_data::{self, Request};
use kubeadm::versions::ConfigurationVersion;
use kubeadm::{Error, files, unmarshal};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

fn cases(file: &str) -> Option<Vec<Value>> {
    let folder = std::env::var_os("WINDLASS_REFERENCE").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/reference")),
        PathBuf::from,
    );
    let Ok(text) = std::fs::read_to_string(folder.join(file)) else {
        println!("skipped: no {file} in {}", folder.display());
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

fn read<T: DeserializeOwned + Default>(input: &Value, key: &str) -> T {
    input.get(key).map_or_else(T::default, |value| serde_json::from_value(value.clone()).unwrap())
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn additional_data(input: &Value) -> AdditionalData {
    let data = input.get("additionalData").cloned().unwrap_or_default();
    let text = |key: &str| data.get(key).and_then(Value::as_str).map(str::to_owned);
    AdditionalData {
        kubernetes_version: text("kubernetesVersion"),
        cluster_name: text("clusterName"),
        dns_domain: text("dnsDomain"),
        service_subnet: text("serviceSubnet"),
        pod_subnet: text("podSubnet"),
        control_plane_component_health_check_seconds: data
            .get("controlPlaneComponentHealthCheckSeconds")
            .and_then(Value::as_i64)
            .map(|seconds| i32::try_from(seconds).unwrap()),
    }
}

fn additional_data_json(data: &AdditionalData) -> Value {
    let mut object = Map::new();
    for (key, text) in [
        ("kubernetesVersion", &data.kubernetes_version),
        ("clusterName", &data.cluster_name),
        ("dnsDomain", &data.dns_domain),
        ("serviceSubnet", &data.service_subnet),
        ("podSubnet", &data.pod_subnet),
    ] {
        if let Some(text) = text {
            object.insert(key.to_owned(), json!(text));
        }
    }
    if let Some(seconds) = data.control_plane_component_health_check_seconds {
        object.insert("controlPlaneComponentHealthCheckSeconds".to_owned(), json!(seconds));
    }
    Value::Object(object)
}

/// The facts of a recorded Cluster and Machine, given to `then`.
fn with_facts<T>(input: &Value, then: impl FnOnce(&ClusterFacts<'_>) -> T) -> T {
    let at = |path: &str| input.pointer(path);
    let blocks = |path: &str| -> Vec<String> {
        at(path).map_or_else(Vec::new, |value| serde_json::from_value(value.clone()).unwrap())
    };
    let services = blocks("/cluster/spec/clusterNetwork/services/cidrBlocks");
    let pods = blocks("/cluster/spec/clusterNetwork/pods/cidrBlocks");
    let host = at("/cluster/spec/controlPlaneEndpoint/host").and_then(Value::as_str);
    let port = at("/cluster/spec/controlPlaneEndpoint/port").and_then(Value::as_i64);
    then(&ClusterFacts {
        cluster_name: at("/cluster/metadata/name").and_then(Value::as_str).unwrap_or_default(),
        control_plane_endpoint: host.zip(port.map(|port| i32::try_from(port).unwrap())),
        service_domain: at("/cluster/spec/clusterNetwork/serviceDomain").and_then(Value::as_str),
        service_cidr_blocks: &services,
        pod_cidr_blocks: &pods,
        kubernetes_version: at("/machine/spec/version").and_then(Value::as_str),
    })
}

fn object(entries: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    // An object that says nothing is written as an absent one.
    entries
        .into_iter()
        .filter(|(key, value)| *key == "additionalData" || *value != json!({}))
        .map(|(key, value)| (key.to_owned(), value))
        .collect::<Map<_, _>>()
        .into()
}

fn marshalled(case: &Value) -> Result<Value, Error> {
    let input = &case["input"];
    let version = text(case, "version");
    Ok(match text(case, "kind") {
        "groupVersion" => json!(ConfigurationVersion::for_kubernetes(version)?.api_version()),
        "marshalClusterConfiguration" => {
            let configuration: ClusterConfiguration = read(input, "clusterConfiguration");
            json!(marshal::cluster_configuration(&configuration, &additional_data(input), version)?)
        }
        "marshalInitConfiguration" => {
            let configuration: InitConfiguration = read(input, "initConfiguration");
            json!(marshal::init_configuration(&configuration, version)?)
        }
        "marshalJoinConfiguration" => {
            let configuration: JoinConfiguration = read(input, "joinConfiguration");
            json!(marshal::join_configuration(&configuration, version)?)
        }
        "unmarshalClusterConfiguration" => {
            let (configuration, data) = unmarshal::cluster_configuration(text(input, "yaml"))?;
            object([
                ("clusterConfiguration", json!(configuration)),
                ("additionalData", additional_data_json(&data)),
            ])
        }
        "unmarshalInitConfiguration" => {
            object([("initConfiguration", json!(unmarshal::init_configuration(text(input, "yaml"))?))])
        }
        "unmarshalJoinConfiguration" => {
            object([("joinConfiguration", json!(unmarshal::join_configuration(text(input, "yaml"))?))])
        }
        "clusterConfigurationAndAdditionalData" => {
            let mut configuration: ClusterConfiguration = read(input, "clusterConfiguration");
            let init: InitConfiguration = read(input, "initConfiguration");
            let data = with_facts(input, |facts| marshal::complete(&mut configuration, &init, facts));
            object([
                ("clusterConfiguration", json!(configuration)),
                ("additionalData", additional_data_json(&data)),
            ])
        }
        "renderTemplates" => {
            let list: Vec<File> = read(input, "files");
            let version = Some(text(input, "controlPlaneVersion"));
            json!(files::render_templates(&list, version)?)
        }
        "discoveryKubeconfig" => {
            json!(files::discovery_kubeconfig(&read::<FileDiscovery>(input, "discovery")))
        }
        other => panic!("unknown kind {other}"),
    })
}

/// Compares results with what is recorded, and tells all differences at once.
fn compare(cases: &[Value], run: impl Fn(&Value) -> Option<Result<Value, Error>>) {
    let (mut compared, mut skipped, mut failures) = (0, 0, Vec::new());
    for case in cases {
        let Some(result) = run(case) else {
            skipped += 1;
            continue;
        };
        compared += 1;
        let same = match (&result, case.get("output")) {
            (Ok(value), Some(wanted)) => value == wanted,
            (Err(_), None) => true,
            _ => false,
        };
        if !same {
            let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let got = result.as_ref().map_or_else(ToString::to_string, shown);
            let wanted = shown(case.get("output").unwrap_or(&case["errorText"]));
            failures.push(format!("=== {}\n--- got\n{got}\n--- wanted\n{wanted}", text(case, "name")));
        }
    }
    println!("{compared} cases compared, {skipped} skipped");
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn configurations_are_written_and_read_as_recorded() {
    let Some(cases) = cases("kubeadm/marshal.json") else { return };
    compare(&cases, |case| Some(marshalled(case)));
}

fn key_pairs(input: &Value) -> KeyPairs {
    let purposes = [
        Purpose::ClusterCa,
        Purpose::EtcdCa,
        Purpose::FrontProxyCa,
        Purpose::ServiceAccount,
        Purpose::ApiServerEtcdClient,
    ];
    purposes
        .into_iter()
        .filter_map(|purpose| {
            let pair = input.get("certificates")?.get(purpose.suffix())?;
            let pair =
                KeyPair { certificate: text(pair, "cert").to_owned(), key: text(pair, "key").to_owned() };
            Some((purpose, pair))
        })
        .collect()
}

/// Nothing for Ignition, which is not made yet.
fn user_data_of(case: &Value) -> Option<Result<Value, Error>> {
    let input = &case["input"];
    let spec: KubeadmConfigSpec = read(input, "spec");
    let request = Request {
        spec: &spec,
        kubernetes_version: text(case, "version"),
        control_plane_version: input.get("controlPlaneVersion").and_then(Value::as_str),
    };
    let pairs = key_pairs(input);
    let result = match text(case, "kind") {
        "userDataInit" => with_facts(input, |facts| user_data::init(&request, facts, &pairs)),
        "userDataJoinControlPlane" => user_data::join_control_plane(&request, &pairs),
        "userDataNode" => user_data::join_worker(&request),
        other => panic!("unknown kind {other}"),
    };
    if spec.format == Some(Format::Ignition) {
        assert!(result.is_err(), "{}", case["name"]);
        return None;
    }
    Some(result.map(Value::String))
}

#[test]
fn user_data_is_equal_to_the_byte() {
    let Some(cases) = cases("kubeadm/userdata.json") else { return };
    compare(&cases, user_data_of);
}
