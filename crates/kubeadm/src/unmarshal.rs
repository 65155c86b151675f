//! kubeadm's configuration read back from YAML, whichever known format it is in.

mod document;
mod fields;

use api::bootstrap::{ClusterConfiguration, InitConfiguration, JoinConfiguration};
use serde_json::{Map, Value, json};

use crate::marshal::AdditionalData;
use crate::versions::ConfigurationVersion;
use crate::{Error, divisor};

/// Reads a ClusterConfiguration, and what it holds beyond what users write.
pub fn cluster_configuration(yaml: &str) -> Result<(ClusterConfiguration, AdditionalData), Error> {
    read_as(yaml, "ClusterConfiguration", cluster_of)
}

fn cluster_of(
    mut document: Value,
    version: ConfigurationVersion,
) -> Result<(ClusterConfiguration, AdditionalData), Error> {
    if version == ConfigurationVersion::V1Beta3 {
        for path in ["/apiServer", "/controllerManager", "/scheduler", "/etcd/local"] {
            arguments_to_list(&mut document, path, "extraArgs")?;
        }
    }
    for path in ["/apiServer", "/controllerManager", "/scheduler", "/etcd/local"] {
        divisors(&mut document, path)?;
    }
    drop_unset(&mut document);
    let data = additional_data(&document, version)?;
    for path in ["/apiServer", "/controllerManager", "/scheduler"] {
        say_whether_volumes_are_read_only(&mut document, path);
    }
    if version == ConfigurationVersion::V1Beta4 {
        for (from, to) in [
            ("certificateValidityPeriod", "certificateValidityPeriodDays"),
            ("caCertificateValidityPeriod", "caCertificateValidityPeriodDays"),
        ] {
            duration_to(&mut document, "", from, to, 24 * 3600)?;
        }
    }
    Ok((decode(document)?, data))
}

/// Reads an InitConfiguration.
pub fn init_configuration(yaml: &str) -> Result<InitConfiguration, Error> {
    read_as(yaml, "InitConfiguration", init_of)
}

fn init_of(mut document: Value, version: ConfigurationVersion) -> Result<InitConfiguration, Error> {
    kubelet_arguments(&mut document, version)?;
    refuse_empty_tokens(&document)?;
    drop_unset(&mut document);
    timeouts(&mut document, version)?;
    let tokens = document.get("bootstrapTokens").and_then(Value::as_array).map_or(0, Vec::len);
    for number in 0..tokens {
        duration_to(&mut document, &format!("/bootstrapTokens/{number}"), "ttl", "ttlSeconds", 1)?;
    }
    decode(document)
}

/// Reads a JoinConfiguration.
pub fn join_configuration(yaml: &str) -> Result<JoinConfiguration, Error> {
    read_as(yaml, "JoinConfiguration", join_of)
}

fn join_of(mut document: Value, version: ConfigurationVersion) -> Result<JoinConfiguration, Error> {
    kubelet_arguments(&mut document, version)?;
    drop_unset(&mut document);
    if version == ConfigurationVersion::V1Beta3 {
        duration_to(&mut document, "/discovery", "timeout", "timeout", 1)?;
        if let Some(seconds) = document.pointer("/discovery/timeout").cloned() {
            set(&mut document, "timeouts", json!({ "tlsBootstrapSeconds": seconds }));
        }
    }
    if let Some(token) = entries_at(&mut document, "/discovery/bootstrapToken") {
        say_false(token, "unsafeSkipCAVerification");
    }
    timeouts(&mut document, version)?;
    decode(document)
}

fn unknown(reason: impl Into<String>) -> Error {
    Error::UnknownConfiguration { reason: reason.into() }
}

/// What a text holds, by the first format that it can be read in.
fn read_as<T>(
    yaml: &str,
    kind: &'static str,
    convert: impl Fn(Value, ConfigurationVersion) -> Result<T, Error>,
) -> Result<T, Error> {
    let document = document::read(yaml, kind)?;
    let mut first_error = None;
    for version in document.versions {
        let mut content = document.content.clone();
        fields::drop_unknown(&mut content, version);
        match convert(content, version) {
            Ok(read) => return Ok(read),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    Err(first_error.unwrap_or_else(|| unknown(format!("the text is not a {kind}"))))
}

/// Removes what Go does not tell from an absent key: nulls, empty texts and a port of 0. Where our types have a plain
/// text, it is empty again.
fn drop_unset(value: &mut Value) {
    match value {
        Value::Object(entries) => {
            entries.retain(|key, value| match value {
                Value::Null => false,
                Value::String(text) => !text.is_empty(),
                Value::Number(port) if key == "bindPort" => port.as_i64() != Some(0),
                _ => true,
            });
            entries.values_mut().for_each(drop_unset);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_unset),
        _ => {}
    }
}

fn decode<T: serde_json_decode::Decode>(document: Value) -> Result<T, Error> {
    T::decode(document).map_err(unknown)
}

/// Decoding of the three kinds, with an error that names the mistake but not the text.
mod serde_json_decode {
    use serde_json::Value;

    pub(super) trait Decode: Sized {
        fn decode(document: Value) -> Result<Self, String>;
    }

    macro_rules! decode {
        ($($kind:ident),*) => {$(
            impl Decode for api::bootstrap::$kind {
                fn decode(document: Value) -> Result<Self, String> {
                    serde_json::from_value(document)
                        .map_err(|_| concat!("a field of the ", stringify!($kind), " has the wrong type").to_owned())
                }
            }
        )*};
    }
    decode!(ClusterConfiguration, InitConfiguration, JoinConfiguration);
}

fn set(document: &mut Value, key: &str, value: Value) {
    if let Some(entries) = document.as_object_mut() {
        entries.insert(key.to_owned(), value);
    }
}

fn entries_at<'a>(document: &'a mut Value, path: &str) -> Option<&'a mut Map<String, Value>> {
    document.pointer_mut(path).and_then(Value::as_object_mut)
}

/// Puts false where nothing stands: kubeadm's plain booleans have no third state, and Cluster API's keep what they say.
fn say_false(entries: &mut Map<String, Value>, key: &str) {
    entries.entry(key).or_insert(Value::Bool(false));
}

fn say_whether_volumes_are_read_only(document: &mut Value, path: &str) {
    let volumes = entries_at(document, path).and_then(|entries| entries.get_mut("extraVolumes"));
    let volumes = volumes.and_then(Value::as_array_mut).into_iter().flatten();
    for volume in volumes.filter_map(Value::as_object_mut) {
        say_false(volume, "readOnly");
    }
}

fn divisors(document: &mut Value, path: &str) -> Result<(), Error> {
    let variables = entries_at(document, path).and_then(|entries| entries.get_mut("extraEnvs"));
    for variable in variables.and_then(Value::as_array_mut).into_iter().flatten() {
        divisor::make_canonical(variable)
            .map_err(|error| unknown(format!("a divisor in {path}/extraEnvs: {error}")))?;
    }
    Ok(())
}

/// Turns the arguments of v1beta3, a map, into a list, sorted by name. Before unset keys are dropped: an argument
/// without a value is still an argument.
fn arguments_to_list(document: &mut Value, path: &str, key: &str) -> Result<(), Error> {
    let Some(arguments) = entries_at(document, path).and_then(|entries| entries.get_mut(key)) else {
        return Ok(());
    };
    match arguments {
        Value::Null => {}
        Value::Object(map) => {
            *arguments = map.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        }
        _ => return Err(unknown(format!("{path}/{key} must be a mapping"))),
    }
    Ok(())
}

fn kubelet_arguments(document: &mut Value, version: ConfigurationVersion) -> Result<(), Error> {
    match version {
        ConfigurationVersion::V1Beta3 => arguments_to_list(document, "/nodeRegistration", "kubeletExtraArgs"),
        ConfigurationVersion::V1Beta4 => Ok(()),
    }
}

/// Refuses what an absent token would be taken for once empty texts are gone.
fn refuse_empty_tokens(document: &Value) -> Result<(), Error> {
    let tokens = document.get("bootstrapTokens").and_then(Value::as_array).into_iter().flatten();
    if tokens.filter_map(|token| token.get("token")).any(|token| token == "") {
        return Err(unknown("the token of a bootstrap token must not be empty"));
    }
    Ok(())
}

/// Timeouts of a node's configuration, which v1beta3 does not have.
fn timeouts(document: &mut Value, version: ConfigurationVersion) -> Result<(), Error> {
    if version == ConfigurationVersion::V1Beta3 {
        return Ok(());
    }
    for (from, to) in [
        ("controlPlaneComponentHealthCheck", "controlPlaneComponentHealthCheckSeconds"),
        ("kubeletHealthCheck", "kubeletHealthCheckSeconds"),
        ("kubernetesAPICall", "kubernetesAPICallSeconds"),
        ("etcdAPICall", "etcdAPICallSeconds"),
        ("tlsBootstrap", "tlsBootstrapSeconds"),
        ("discovery", "discoverySeconds"),
    ] {
        duration_to(document, "/timeouts", from, to, 1)?;
    }
    Ok(())
}

/// Replaces a duration by how many times `unit` seconds it is, rounded down. A count that stands there already does not
/// exist in kubeadm, and counts for nothing.
fn duration_to(document: &mut Value, path: &str, from: &str, to: &str, unit: i64) -> Result<(), Error> {
    let Some(entries) = entries_at(document, path) else {
        return Ok(());
    };
    let duration = entries.remove(from);
    entries.remove(to);
    let Some(duration) = duration else {
        return Ok(());
    };
    let seconds = duration
        .as_str()
        .and_then(parse_go_duration)
        .ok_or_else(|| unknown(format!("{from} must be a duration as 1h30m, got {duration}")))?;
    let count = i32::try_from(seconds / unit).unwrap_or(i32::MAX);
    // No validity is no certificate: a day that is not full counts as unset.
    if unit == 1 || count != 0 {
        entries.insert(to.to_owned(), json!(count));
    }
    Ok(())
}

/// Whole seconds of a Go duration: `1h30m`, `1.5s`, `100ms`, `0`.
fn parse_go_duration(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanoseconds = 0.0_f64;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(number_end);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let factor = match unit {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return None,
        };
        nanoseconds += number.parse::<f64>().ok()? * factor;
        rest = after;
    }
    Some(sign * (nanoseconds / 1e9) as i64)
}

fn additional_data(document: &Value, version: ConfigurationVersion) -> Result<AdditionalData, Error> {
    let text = |path: &str| match document.pointer(path) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(unknown(format!("{path} must be a string"))),
    };
    let mut data = AdditionalData {
        kubernetes_version: text("/kubernetesVersion")?,
        cluster_name: text("/clusterName")?,
        dns_domain: text("/networking/dnsDomain")?,
        service_subnet: text("/networking/serviceSubnet")?,
        pod_subnet: text("/networking/podSubnet")?,
        control_plane_component_health_check_seconds: None,
    };
    if let (ConfigurationVersion::V1Beta3, Some(timeout)) =
        (version, text("/apiServer/timeoutForControlPlane")?)
    {
        let seconds =
            parse_go_duration(&timeout).and_then(|seconds| i32::try_from(seconds).ok()).ok_or_else(|| {
                unknown(format!("timeoutForControlPlane must be a duration as 4m0s, got {timeout:?}"))
            })?;
        data.control_plane_component_health_check_seconds = Some(seconds);
    }
    Ok(data)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    const VERSIONS: [&str; 2] = ["v1beta3", "v1beta4"];

    fn text(kind: &str, version: &str, fields: &str) -> String {
        format!("apiVersion: kubeadm.k8s.io/{version}\nkind: {kind}\n{fields}\n")
    }

    fn cluster(version: &str, fields: &str) -> Result<Value, Error> {
        cluster_configuration(&text("ClusterConfiguration", version, fields)).map(|(read, _)| json!(read))
    }

    fn init(version: &str, fields: &str) -> Result<Value, Error> {
        init_configuration(&text("InitConfiguration", version, fields)).map(|read| json!(read))
    }

    fn join(version: &str, fields: &str) -> Result<Value, Error> {
        join_configuration(&text("JoinConfiguration", version, fields)).map(|read| json!(read))
    }

    #[test]
    fn plain_booleans_are_false_where_nothing_stands() {
        for version in VERSIONS {
            for component in ["apiServer", "controllerManager", "scheduler"] {
                let volumes = "[{name: a}, {name: b, readOnly: null}, {name: c, readOnly: true}]";
                let read = cluster(version, &format!("{component}: {{extraVolumes: {volumes}}}")).unwrap();
                let wanted = json!([
                    { "name": "a", "readOnly": false },
                    { "name": "b", "readOnly": false },
                    { "name": "c", "readOnly": true },
                ]);
                assert_eq!(read, json!({ component: { "extraVolumes": wanted } }));
            }
            let skips = json!({ "discovery": { "bootstrapToken": { "unsafeSkipCAVerification": false } } });
            assert_eq!(join(version, "discovery: {bootstrapToken: {}}").unwrap(), skips);
            assert_eq!(join(version, "discovery: {bootstrapToken: null}").unwrap(), json!({}));
        }
    }

    #[test]
    fn arguments_of_v1beta3_may_be_empty() {
        let wanted = json!([{ "name": "audit-log-path", "value": "" }, { "name": "b", "value": "" }]);
        let arguments = "{b: null, audit-log-path: \"\"}";
        for component in ["apiServer", "controllerManager", "scheduler"] {
            let read = cluster("v1beta3", &format!("{component}: {{extraArgs: {arguments}}}")).unwrap();
            assert_eq!(read, json!({ component: { "extraArgs": wanted } }));
        }
        let read = cluster("v1beta3", &format!("etcd: {{local: {{extraArgs: {arguments}}}}}")).unwrap();
        assert_eq!(read, json!({ "etcd": { "local": { "extraArgs": wanted } } }));
        let read = join("v1beta3", &format!("nodeRegistration: {{kubeletExtraArgs: {arguments}}}")).unwrap();
        assert_eq!(read, json!({ "nodeRegistration": { "kubeletExtraArgs": wanted } }));
    }

    #[test]
    fn arguments_are_a_map_in_v1beta3_and_a_list_in_v1beta4() {
        let map = "apiServer: {extraArgs: {a: b}}";
        let list = "apiServer: {extraArgs: [{name: a, value: b}]}";
        let none = "apiServer: {extraArgs: null}";
        assert_eq!(cluster("v1beta3", map), cluster("v1beta4", list));
        assert!(cluster("v1beta3", list).is_err());
        assert!(cluster("v1beta4", map).is_err());
        assert_eq!(cluster("v1beta3", none).unwrap(), json!({}));
        assert!(join("v1beta3", "nodeRegistration: {kubeletExtraArgs: [{name: a}]}").is_err());
    }

    #[test]
    fn a_text_that_names_no_format_is_read_by_the_one_that_fits() {
        let newer = cluster_configuration("apiServer: {extraArgs: [{name: a, value: b}]}").unwrap();
        let older = cluster_configuration("apiServer: {extraArgs: {a: b}}").unwrap();
        assert_eq!(newer, older);
        let (unset, timeout) = cluster_configuration("apiServer: {timeoutForControlPlane: 4m0s}").unwrap();
        assert_eq!((unset, timeout), Default::default());
        assert_eq!(init_configuration("").unwrap(), InitConfiguration::default());
        assert_eq!(join_configuration("\n").unwrap(), JoinConfiguration::default());
        assert!(cluster_configuration("apiServer: {extraArgs: 1}").is_err());
        assert!(join_configuration("kind: InitConfiguration").is_err());
    }

    #[test]
    fn empty_texts_and_the_port_0_are_unset() {
        for version in VERSIONS {
            let port = "localAPIEndpoint: {bindPort: 0}";
            assert_eq!(init(version, port).unwrap(), json!({}));
            let read = join(version, &format!("controlPlane: {{{port}}}")).unwrap();
            assert_eq!(read, json!({ "controlPlane": {} }));
            assert_eq!(init(version, "nodeRegistration: {name: \"\"}").unwrap(), json!({}));
            let taints = "nodeRegistration: {taints: [{key: \"\", value: \"\", effect: E}]}";
            let wanted = json!({ "nodeRegistration": { "taints": [{ "key": "", "effect": "E" }] } });
            assert_eq!(init(version, taints).unwrap(), wanted);
        }
        let read =
            cluster("v1beta4", "scheduler: {extraEnvs: [{name: a, value: \"\"}, {name: \"\"}]}").unwrap();
        assert_eq!(read, json!({ "scheduler": { "extraEnvs": [{ "name": "a" }, { "name": "" }] } }));
        let read = cluster("v1beta4", "scheduler: {extraArgs: [{name: a, value: \"\"}]}").unwrap();
        assert_eq!(read, json!({ "scheduler": { "extraArgs": [{ "name": "a", "value": "" }] } }));
    }

    #[test]
    fn what_only_v1beta4_has_counts_for_nothing_in_v1beta3() {
        for fields in [
            "encryptionAlgorithm: RSA-2048",
            "certificateValidityPeriod: 48h",
            "apiServer: {extraEnvs: [{name: a}]}",
            "controllerManager: {extraEnvs: [{name: a}]}",
            "scheduler: {extraEnvs: [{name: a}]}",
            "etcd: {local: {extraEnvs: [{name: a}]}}",
        ] {
            assert_eq!(cluster("v1beta3", fields).unwrap(), json!({}), "{fields}");
            assert_ne!(cluster("v1beta4", fields).unwrap(), json!({}), "{fields}");
        }
        for fields in ["nodeRegistration: {imagePullSerial: false}", "timeouts: {tlsBootstrap: 1s}"] {
            assert_eq!(init("v1beta3", fields).unwrap(), json!({}), "{fields}");
            assert_ne!(init("v1beta4", fields).unwrap(), json!({}), "{fields}");
            assert_eq!(join("v1beta3", fields).unwrap(), json!({}), "{fields}");
        }
    }

    #[test]
    fn names_that_only_our_types_have_count_for_nothing() {
        let counts = ["controlPlaneComponentHealthCheck", "kubeletHealthCheck", "kubernetesAPICall"];
        for version in VERSIONS {
            for days in ["certificateValidityPeriodDays: 1", "caCertificateValidityPeriodDays: 1"] {
                assert_eq!(cluster(version, days).unwrap(), json!({}));
            }
            for count in counts.into_iter().chain(["etcdAPICall", "tlsBootstrap", "discovery"]) {
                let fields = format!("timeouts: {{{count}Seconds: 1}}");
                assert_eq!(join(version, &fields).unwrap(), json!({}), "{fields}");
            }
            let read = init(version, "bootstrapTokens: [{ttlSeconds: 5}, {ttl: 7s, ttlSeconds: 5}]").unwrap();
            assert_eq!(read, json!({ "bootstrapTokens": [{}, { "ttlSeconds": 7 }] }));
            let file = "discovery: {file: {kubeConfig: {cluster: {server: s}}}}";
            assert_eq!(join(version, file).unwrap(), json!({}));
        }
    }

    #[test]
    fn a_bootstrap_token_is_not_empty() {
        for version in VERSIONS {
            assert!(init(version, "bootstrapTokens: [{token: \"\"}]").is_err());
            let none = json!({ "bootstrapTokens": [{}] });
            assert_eq!(init(version, "bootstrapTokens: [{token: null}]").unwrap(), none);
        }
    }

    #[test]
    fn divisors_are_canonical_and_always_there() {
        let read = |resource: &str| {
            let variable = format!("{{name: a, valueFrom: {{resourceFieldRef: {resource}}}}}");
            let component = cluster("v1beta4", &format!("apiServer: {{extraEnvs: [{variable}]}}"))?;
            let etcd = cluster("v1beta4", &format!("etcd: {{local: {{extraEnvs: [{variable}]}}}}"))?;
            assert_eq!(etcd["etcd"]["local"], component["apiServer"]);
            let path = "/apiServer/extraEnvs/0/valueFrom/resourceFieldRef/divisor";
            Ok::<_, Error>(component.pointer(path).cloned())
        };
        assert_eq!(read("{resource: r, divisor: 1024Ki}").unwrap(), Some(json!("1Mi")));
        assert_eq!(read("{resource: r, divisor: 1000}").unwrap(), Some(json!("1k")));
        assert_eq!(read("{resource: r}").unwrap(), Some(json!("0")));
        assert_eq!(read("null").unwrap(), None);
        assert!(read("{resource: r, divisor: 1x}").is_err());
        assert!(read("{resource: r, divisor: \"\"}").is_err());
    }
}
