//! The kubeadm command of a machine and the configuration it names, in v1beta3 and v1beta4 alike.

use serde_json::Value;

use crate::dev::cloud::cloud_init::Booted;

/// Taint of control plane nodes that say nothing else.
pub const CONTROL_PLANE_TAINT: &str = "node-role.kubernetes.io/control-plane";

/// Where an API server listens that is told nothing else.
pub const API_SERVER_PORT: u16 = 6443;

/// What the machine was told to do.
#[derive(Debug, PartialEq)]
pub enum Task {
    /// `kubeadm init`.
    Init {
        /// Found a cluster that looks like this.
        cluster: Value,
        /// The same, as it stands in the file: what is uploaded.
        cluster_text: String,
        /// The first node.
        registration: Registration,
    },
    /// `kubeadm join`.
    Join {
        /// Whom to join and how to trust them.
        discovery: Value,
        /// As another control plane node.
        control_plane: bool,
        /// The node.
        registration: Registration,
    },
}

/// How the node registers itself.
#[derive(Debug, Default, PartialEq)]
pub struct Registration {
    /// The node's name.
    pub name: String,
    /// Its taints, in the form that Nodes have.
    pub taints: Vec<Value>,
    /// Labels that the kubelet sets.
    pub labels: Vec<(String, String)>,
    /// The container runtime.
    pub cri_socket: String,
    /// Where the API server of a control plane node listens.
    pub api_server_port: u16,
}

/// Finds the command and reads its configuration. The error is a sentence for people.
pub fn read(booted: &Booted, hostname: &str) -> Result<Task, String> {
    let (verb, path) = command(&booted.commands)?;
    let text = booted
        .text(&path)
        .ok_or_else(|| format!("kubeadm {verb}: there is no file {path} in the bootstrap data"))?;
    let documents = documents(text).map_err(|()| format!("kubeadm {verb}: {path} is not valid YAML"))?;
    let find = |kind: &str| documents.iter().find(|(document, _)| document["kind"] == kind);
    let missing = |kind: &str| format!("kubeadm {verb}: {path} holds no {kind}");
    if verb == "init" {
        let (cluster, cluster_text) =
            find("ClusterConfiguration").ok_or_else(|| missing("ClusterConfiguration"))?;
        let init = find("InitConfiguration").map_or(&Value::Null, |(document, _)| document);
        return Ok(Task::Init {
            cluster: cluster.clone(),
            cluster_text: cluster_text.clone(),
            registration: registration(&init["nodeRegistration"], &init["localAPIEndpoint"], true, hostname),
        });
    }
    let (join, _) = find("JoinConfiguration").ok_or_else(|| missing("JoinConfiguration"))?;
    let control_plane = join["controlPlane"].is_object();
    let endpoint = &join["controlPlane"]["localAPIEndpoint"];
    Ok(Task::Join {
        discovery: join["discovery"].clone(),
        control_plane,
        registration: registration(&join["nodeRegistration"], endpoint, control_plane, hostname),
    })
}

/// `init` or `join`, and the file that `--config` names.
fn command(commands: &[String]) -> Result<(&'static str, String), String> {
    let found = commands.iter().find_map(|command| {
        let verb = ["init", "join"].into_iter().find(|verb| command.contains(&format!("kubeadm {verb}")))?;
        let mut words = command.split_whitespace().skip_while(|word| !word.starts_with("--config"));
        let path = match words.next()?.strip_prefix("--config=") {
            Some(path) => path,
            None => words.next()?,
        };
        Some((verb, path.to_owned()))
    });
    found.ok_or_else(|| {
        "the bootstrap data runs neither kubeadm init nor kubeadm join with --config".to_owned()
    })
}

/// The documents of a file, each with its text.
fn documents(text: &str) -> Result<Vec<(Value, String)>, ()> {
    let mut parts = vec![String::new()];
    for line in text.lines() {
        if line.trim_end() == "---" {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push_str(line);
            part.push('\n');
        }
    }
    let parts = parts.into_iter().filter(|part| !part.trim().is_empty());
    parts
        .map(|part| {
            let value: Value = serde_saphyr::from_str(&part).map_err(|_| ())?;
            Ok((value, format!("{}\n", part.trim())))
        })
        .collect()
}

fn registration(node: &Value, endpoint: &Value, control_plane: bool, hostname: &str) -> Registration {
    let arguments = arguments(&node["kubeletExtraArgs"]);
    let argument = |name: &str| {
        arguments.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).next_back()
    };
    let mut taints = match node["taints"].as_array() {
        Some(taints) => taints.clone(),
        None if control_plane => {
            vec![serde_json::json!({"key": CONTROL_PLANE_TAINT, "effect": "NoSchedule"})]
        }
        None => Vec::new(),
    };
    taints.extend(argument("register-with-taints").into_iter().flat_map(parse_taints));
    let labels =
        argument("node-labels").unwrap_or_default().split(',').filter_map(|pair| pair.split_once('='));
    let text = |name: &str| node[name].as_str().filter(|text| !text.is_empty());
    Registration {
        name: text("name").unwrap_or(hostname).to_lowercase(),
        taints,
        labels: labels.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect(),
        cri_socket: text("criSocket").unwrap_or("unix:///var/run/containerd/containerd.sock").to_owned(),
        api_server_port: port(&endpoint["bindPort"]).unwrap_or(API_SERVER_PORT),
    }
}

fn port(value: &Value) -> Option<u16> {
    value.as_u64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0)
}

/// Arguments as a map (v1beta3) or as a list of names and values (v1beta4).
fn arguments(value: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match value {
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        Value::Array(list) => {
            list.iter().map(|entry| (text(&entry["name"]), text(&entry["value"]))).collect()
        }
        _ => Vec::new(),
    }
}

/// `key=value:Effect,key:Effect`.
fn parse_taints(list: &str) -> Vec<Value> {
    let taints = list.split(',').filter_map(|taint| {
        let (name, effect) = taint.trim().rsplit_once(':')?;
        let (key, value) = name.split_once('=').unwrap_or((name, ""));
        let mut parsed = serde_json::json!({"key": key, "effect": effect});
        if !value.is_empty() {
            parsed["value"] = value.into();
        }
        Some(parsed)
    });
    taints.collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn booted(command: &str, path: &str, text: &str) -> Booted {
        Booted {
            files: [(path.to_owned(), text.as_bytes().to_vec())].into(),
            commands: vec!["echo".into(), command.into()],
        }
    }

    #[test]
    fn init_reads_both_documents() {
        let text = "---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.35.0\n---\nkind: InitConfiguration\n\
                    nodeRegistration:\n  name: 'n1'\n  kubeletExtraArgs:\n  - name: node-labels\n    value: a=b,c=d\n  - name: register-with-taints\n    value: k=v:NoExecute\n";
        let booted = booted(
            "kubeadm init --config /run/kubeadm/kubeadm.yaml  && echo",
            "/run/kubeadm/kubeadm.yaml",
            text,
        );
        let Task::Init { cluster, cluster_text, registration } = read(&booted, "host").unwrap() else {
            panic!()
        };
        assert_eq!(cluster["kubernetesVersion"], "v1.35.0");
        assert!(cluster_text.starts_with("apiVersion:") && cluster_text.ends_with("v1.35.0\n"));
        assert_eq!(registration.name, "n1");
        assert_eq!(registration.labels, [("a".to_owned(), "b".to_owned()), ("c".to_owned(), "d".to_owned())]);
        assert_eq!(registration.taints[0], json!({"key": CONTROL_PLANE_TAINT, "effect": "NoSchedule"}));
        assert_eq!(registration.taints[1], json!({"key": "k", "value": "v", "effect": "NoExecute"}));
    }

    #[test]
    fn join_knows_control_plane_and_workers_and_empty_from_absent_taints() {
        let path = "/run/kubeadm/kubeadm-join-config.yaml";
        for (text, control_plane, taints) in [
            ("kind: JoinConfiguration\nnodeRegistration:\n  taints: []\ncontrolPlane: {}\n", true, 0),
            (
                "kind: JoinConfiguration\nnodeRegistration:\n  taints: null\ncontrolPlane:\n  localAPIEndpoint: {}\n",
                true,
                1,
            ),
            (
                "kind: JoinConfiguration\nnodeRegistration:\n  kubeletExtraArgs: {node-labels: 'x=y'}\n",
                false,
                0,
            ),
        ] {
            let task = read(&booted(&format!("kubeadm join --config={path}"), path, text), "host").unwrap();
            let Task::Join { control_plane: found, registration, .. } = task else { panic!() };
            assert_eq!(
                (found, registration.taints.len(), registration.name.as_str()),
                (control_plane, taints, "host")
            );
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = read(&booted("kubeadm init --config /a", "/b", ""), "h").unwrap_err();
        assert!(error.contains("/a"), "{error}");
        let error = read(&booted("kubeadm join --config /b", "/b", "kind: Other\n"), "h").unwrap_err();
        assert!(error.contains("JoinConfiguration"), "{error}");
        assert!(read(&booted("echo kubeadm", "/b", ""), "h").is_err());
    }
}
