//! Reading a cluster's parts from any Kubernetes API that holds them.

use std::path::{Path, PathBuf};

use runtime::client::{Call, Client, Error, Verb};
use runtime::clock::Clock;
use runtime::key::Key;
use runtime::kind::Kind;
use runtime::kubeconfig::{Kubeconfig, KubeconfigError};
use runtime::{network, transport};
use serde_json::Value;

use crate::error::CommandError;
use crate::tree::{Parts, Referenced};

const CORE: &str = "cluster.x-k8s.io";

/// The label that every object of a cluster carries.
const CLUSTER_NAME: &str = "cluster.x-k8s.io/cluster-name";

/// The kubeconfig to use: the one named, `$KUBECONFIG`, that of a plane in the default data directory, or the user's own.
pub fn find_kubeconfig(named: Option<PathBuf>) -> Result<PathBuf, CommandError> {
    if let Some(path) = named {
        return Ok(path);
    }
    if let Some(list) = std::env::var_os("KUBECONFIG").filter(|list| !list.is_empty()) {
        // Going on to another file would describe another cluster than the one meant.
        return std::env::split_paths(&list).find(|path| path.exists()).ok_or_else(|| {
            CommandError::user(format!("KUBECONFIG is {:?}, and there is no such file", list.display()))
                .hint("name one with --kubeconfig FILE")
        });
    }
    let own = super::default_data_directory().ok().map(|folder| folder.join("kubeconfig"));
    let users = std::env::home_dir().map(|home| home.join(".kube").join("config"));
    own.into_iter().chain(users).find(|path| path.exists()).ok_or_else(|| {
        CommandError::user("there is no kubeconfig to find the management plane with")
            .hint("name one with --kubeconfig FILE, or start a plane with `windlass up`")
    })
}

/// A client for what a kubeconfig describes, and the namespace it prefers.
pub fn connect(path: &Path) -> Result<(Client, String), CommandError> {
    let refused = |error: String| {
        CommandError::user(error).hint("name the kubeconfig of a management plane with --kubeconfig FILE")
    };
    let kubeconfig = Kubeconfig::load(path, None).map_err(|error| match error {
        // It names the file already.
        KubeconfigError::File { .. } => refused(error.to_string()),
        other => refused(format!("{}: {other}", path.display())),
    })?;
    let clock = Clock::system();
    let client = transport::client(&kubeconfig, &network::tcp(), &clock)
        .map_err(|error| refused(format!("{}: {error}", path.display())))?;
    Ok((client, kubeconfig.namespace))
}

/// All parts of one cluster.
pub async fn parts(client: &Client, namespace: &str, name: &str) -> Result<Parts, CommandError> {
    let clusters = Kind::new(CORE, "v1beta2", "Cluster", "clusters");
    let found = get(client, &clusters, namespace, name).await.map_err(|error| unreadable(&error))?;
    let Some(cluster) = found else { return Err(no_cluster(client, namespace, name).await?) };
    let of_cluster = |kind: &'static str, plural: &'static str| owned(client, kind, plural, namespace, name);
    Ok(Parts {
        infrastructure: referenced(client, namespace, &cluster["spec"]["infrastructureRef"]).await?,
        control_plane: referenced(client, namespace, &cluster["spec"]["controlPlaneRef"]).await?,
        machine_deployments: of_cluster("MachineDeployment", "machinedeployments").await?,
        machine_sets: of_cluster("MachineSet", "machinesets").await?,
        machines: of_cluster("Machine", "machines").await?,
        cluster,
    })
}

/// Why there is no such Cluster: nobody made it, or the server does not know what a Cluster is.
async fn no_cluster(client: &Client, namespace: &str, name: &str) -> Result<CommandError, CommandError> {
    Ok(match preferred_version(client, CORE).await? {
        Some(_) => CommandError::unmet(format!("there is no Cluster {name} in namespace {namespace}"))
            .hint("name another namespace with -n, or see them all: kubectl get clusters -A"),
        None => CommandError::user(format!("the server does not serve {CORE}: it is no management plane"))
            .hint("name the kubeconfig of a management plane with --kubeconfig FILE"),
    })
}

/// One object, or nothing where there is none.
pub async fn get(client: &Client, kind: &Kind, namespace: &str, name: &str) -> Result<Option<Value>, Error> {
    match client.get(kind, &Key::new(namespace, name)).await {
        Ok(body) => serde_json::from_slice(&body).map(Some).map_err(|source| Error::Unreadable {
            verb: Verb::Get.name(),
            what: format!("{} {namespace}/{name}", kind.resource()),
            source,
        }),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Where a reference without version leads.
async fn referenced(client: &Client, namespace: &str, reference: &Value) -> Result<Referenced, CommandError> {
    let part = |field: &str| reference[field].as_str().unwrap_or_default();
    let (group, kind, name) = (part("apiGroup"), part("kind"), part("name"));
    if name.is_empty() {
        return Ok(Referenced::Unset);
    }
    let Some(version) = preferred_version(client, group).await? else { return Ok(Referenced::UnknownKind) };
    let wanted = machinery::gvk::GroupVersionKind::new(group, &version, kind);
    let kind = match client.discover(&wanted).await {
        Ok(kind) => kind,
        Err(Error::UnknownKind(_)) => return Ok(Referenced::UnknownKind),
        Err(error) => return Err(unreadable(&error)),
    };
    let found = get(client, &kind, namespace, name).await.map_err(|error| unreadable(&error))?;
    Ok(found.map_or(Referenced::Missing, Referenced::Found))
}

/// The version a server prefers for a group.
async fn preferred_version(client: &Client, group: &str) -> Result<Option<String>, CommandError> {
    let path = format!("/apis/{group}");
    let body = match client.read(&path).await {
        Ok(body) => body,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(Error::Request { reason, .. }) => {
            return Err(CommandError::user(format!("apiGroup {group:?}: {reason}")));
        }
        Err(error) => return Err(unreadable(&error)),
    };
    let found: Value = serde_json::from_slice(&body)
        .map_err(|error| unreadable(&format!("get {path}: the answer cannot be read: {error}")))?;
    Ok(found["preferredVersion"]["version"].as_str().map(str::to_owned))
}

async fn owned(
    client: &Client,
    kind: &str,
    plural: &str,
    namespace: &str,
    cluster: &str,
) -> Result<Vec<Value>, CommandError> {
    let described = Kind::new(CORE, "v1beta2", kind, plural);
    let key = Key::new(namespace, "");
    let selector = format!("{CLUSTER_NAME}={cluster}");
    let mut call = Call::new(Verb::List, &described, &key);
    let query = [("labelSelector", selector.as_str())];
    call.query = &query;
    let body = client.call(call).await.map_err(|error| unreadable(&error))?;
    let list: Value = serde_json::from_slice(&body).map_err(|error| {
        unreadable(&format!("list {}: the answer cannot be read: {error}", described.resource()))
    })?;
    let mut items = list["items"].as_array().cloned().unwrap_or_default();
    for item in &mut items {
        // Items of a list do not say what they are.
        item["kind"] = Value::from(kind);
    }
    Ok(items)
}

fn unreadable(error: &dyn std::fmt::Display) -> CommandError {
    CommandError::unmet(error)
}
