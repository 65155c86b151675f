//! KubeadmConfig: from what a machine should be told to the Secret that tells it.
//!
//! 1. Wait for a Machine to own it, and for the cluster's infrastructure.
//! 2. If there is bootstrap data already, report it; keep the token alive until the node has joined.
//! 3. Before the control plane is initialized, one control plane machine takes the lock and is told to run `kubeadm init`;
//!    all others wait. Where there is no control plane object to do it, its config also makes the authorities and keys.
//! 4. Afterwards the lock goes, and every machine is told to join: a token is created in the workload cluster, discovery
//!    is completed and recorded, the Secret is written.
//!
//! Absent: configs of MachinePools, and with them tokens that are made anew; Ignition.

mod key_pairs;
mod observed;
mod status;
mod user_data;
mod waiting;

use api::bootstrap::{BootstrapTokenString, KubeadmConfigSpec, KubeadmConfigStatus};
use api::core::{Cluster, Machine};
use api::{Conditioned, conditions, labels};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kubeadm::{naming, token};
use serde_json::{Value, json};

pub use observed::{Need, Observed, SecretValues, TokenExpiry};
pub use user_data::value_key;
pub use waiting::Waiting;

use crate::plan::{Action, ClusterRef, Next, ObjectRef, Plan, Write};
use crate::{certificates, owners, paused};

/// How long a token lives (upstream's `--bootstrap-token-ttl`).
const TOKEN_LIFETIME: SignedDuration = SignedDuration::from_mins(15);
/// How often a token is looked at while its machine has not joined, and what is left of it when it is renewed: a third and five
/// sixths of its life, so that one look may fail.
const TOKEN_CHECK: SignedDuration = SignedDuration::from_mins(5);
const TOKEN_RENEWED_BELOW: SignedDuration = SignedDuration::from_secs(12 * 60 + 30);
/// When to look again where the look failed: two that fail one after the other must not cost the token.
const TOKEN_ASK_AGAIN: SignedDuration = SignedDuration::from_secs(15);
/// The key of the lock's ConfigMap that names its holder.
const LOCK_KEY: &str = "lock-information";

/// What a decision about a KubeadmConfig looks like.
pub type KubeadmConfigPlan = Plan<KubeadmConfigStatus, Waiting, Need>;

/// The plan for one KubeadmConfig.
pub fn decide(seen: &Observed) -> KubeadmConfigPlan {
    if seen.config.metadata.deletion_timestamp.is_some() {
        return Plan::idle();
    }
    let (Some(machine), Some(cluster)) = (&seen.machine, &seen.cluster) else {
        let missing = if seen.machine.is_none() { Waiting::Owner } else { Waiting::Cluster };
        return wait(seen, missing);
    };
    if paused::is_paused(Some(cluster), &seen.config.metadata) {
        return Plan { status: Some(status::status(seen, None)), ..Plan::idle() };
    }
    if let Some(action) = left_over(seen, machine) {
        return Plan { actions: vec![action], ..Plan::idle() };
    }
    if status::data_secret_name(seen).is_some() {
        return keep(seen, cluster, machine);
    }
    if let Some(foreign) = seen.data_secret.as_ref().filter(|secret| !is_ours(seen, secret)) {
        return wait(seen, Waiting::ForeignSecret(foreign.metadata.name.clone().unwrap_or_default()));
    }
    if cluster.status.initialization.infrastructure_provisioned != Some(true) {
        return wait(seen, Waiting::Infrastructure);
    }
    let is_control_plane =
        machine.metadata.labels.as_ref().is_some_and(|all| all.contains_key(labels::CONTROL_PLANE));
    match (cluster.condition_is_true(conditions::CONTROL_PLANE_INITIALIZED), is_control_plane) {
        (false, false) => wait(seen, Waiting::ControlPlane),
        (false, true) => init(seen, cluster, machine),
        (true, control_plane) => join(seen, cluster, machine, control_plane),
    }
}

/// The configuration with what it takes from Secrets, or the plan that looks for them or says what is missing.
fn resolved(seen: &Observed) -> Result<KubeadmConfigSpec, Box<KubeadmConfigPlan>> {
    let names = user_data::referenced_secrets(&seen.config.spec);
    match &seen.referenced_secrets {
        None if !names.is_empty() => Err(Box::new(Plan::look(Need::Secrets(names)))),
        None => Ok(seen.config.spec.clone()),
        Some(values) => {
            user_data::resolved(&seen.config.spec, values).map_err(|waiting| Box::new(wait(seen, waiting)))
        }
    }
}

/// Nothing can be done; the status says why.
fn wait(seen: &Observed, waiting: Waiting) -> KubeadmConfigPlan {
    let status = Some(status::status(seen, Some(&waiting)));
    let next = if waiting.is_unannounced() { Next::Retry } else { Next::OnChange };
    Plan { waiting: vec![waiting], status, next, ..Plan::idle() }
}

/// The data is there: report it, and keep its token alive as long as the machine may still need it.
fn keep(seen: &Observed, cluster: &Cluster, machine: &Machine) -> KubeadmConfigPlan {
    let mut plan = Plan { status: Some(status::status(seen, None)), ..Plan::idle() };
    let token: Option<BootstrapTokenString> = seen
        .config
        .spec
        .join_configuration
        .discovery
        .bootstrap_token
        .token
        .as_deref()
        .and_then(|text| text.parse().ok());
    let Some(token) = token.filter(|_| machine.status.node_ref.is_none()) else { return plan };
    // Nothing announces that a token runs out, so time has to be asked.
    let looked = |plan: KubeadmConfigPlan, next| Plan { next, ..plan };
    match seen.token_expires {
        None if seen.is_connected => {
            Plan { status: None, ..Plan::look(Need::TokenExpiry { id: token.id().to_owned() }) }
        }
        Some(TokenExpiry::Unknown) => looked(plan, Next::At(later(seen.now, TOKEN_ASK_AGAIN))),
        None | Some(TokenExpiry::Gone) => looked(plan, Next::At(later(seen.now, TOKEN_CHECK))),
        Some(TokenExpiry::At(time)) if time.duration_since(seen.now) > TOKEN_RENEWED_BELOW => {
            looked(plan, Next::At(later(seen.now, TOKEN_CHECK)))
        }
        Some(TokenExpiry::At(_) | TokenExpiry::Never) => {
            plan.actions.push(renew(seen, cluster, &token));
            looked(plan, Next::At(later(seen.now, TOKEN_CHECK)))
        }
    }
}

fn renew(seen: &Observed, cluster: &Cluster, token: &BootstrapTokenString) -> Action {
    let secret = token::secret(token, later(seen.now, TOKEN_LIFETIME));
    let data = secret.data.unwrap_or_default();
    let target = ObjectRef {
        api_version: "v1".to_owned(),
        kind: "Secret".to_owned(),
        namespace: token::NAMESPACE.to_owned(),
        name: token::secret_name(token.id()),
    };
    let patch = json!({"data": {token::EXPIRATION_KEY: data.get(token::EXPIRATION_KEY)}});
    Action::patch(target, patch, "the machine has not joined yet: its token lives on")
        .in_workload(cluster_ref(cluster))
}

/// Tells one machine to make the cluster. Whoever cannot be told, for want of something, does not hold the lock.
fn init(seen: &Observed, cluster: &Cluster, machine: &Machine) -> KubeadmConfigPlan {
    let name = machine.metadata.name.clone().unwrap_or_default();
    let has_lock = match lock_holder(seen.lock.as_deref()) {
        None => false,
        Some(holder) if holder == name => true,
        Some(_) if !seen.lock_holder_exists => {
            let why = "the machine that held the lock for kubeadm init is gone";
            return Plan { actions: vec![release(cluster, why)], ..Plan::idle() };
        }
        Some(_) => return wait(seen, Waiting::ControlPlane),
    };
    let give_back = |plan: KubeadmConfigPlan| {
        let why = "the machine that holds the lock cannot run kubeadm init";
        Plan { actions: vec![release(cluster, why)], ..plan }
    };
    let spec = match resolved(seen) {
        Ok(spec) => spec,
        Err(plan) if has_lock && !matches!(plan.next, Next::Look(_)) => return give_back(*plan),
        Err(plan) => return *plan,
    };
    let planned = kubeadm::certificates::for_init(&spec.cluster_configuration);
    if let Some(need) = key_pairs::unseen(seen, &planned) {
        return Plan::look(need);
    }
    let act = |actions| Plan { actions, ..Plan::idle() };
    let take = || act(vec![Action::create(lock(cluster, &name), "take the lock for kubeadm init")]);
    match key_pairs::make(seen, cluster, &planned) {
        key_pairs::Step::None => {}
        _ if !has_lock => return take(),
        key_pairs::Step::Look(need) => return Plan::look(need),
        key_pairs::Step::Create(actions) => return act(actions),
    }
    match (user_data::init(seen, &spec, cluster, machine), has_lock) {
        (Ok(_), false) => take(),
        (Ok(data), true) => act(vec![write_data(seen, cluster, &data, "kubeadm init")]),
        (Err(waiting), false) => wait(seen, waiting),
        (Err(waiting), true) => give_back(wait(seen, waiting)),
    }
}

/// Tells a machine to join.
fn join(seen: &Observed, cluster: &Cluster, machine: &Machine, control_plane: bool) -> KubeadmConfigPlan {
    let mut actions = Vec::new();
    if seen.lock.is_some() {
        actions.push(release(cluster, "the control plane is initialized"));
    }
    let spec = match resolved(seen) {
        Ok(spec) => spec,
        Err(plan) => return Plan { actions, ..*plan },
    };
    let planned = match control_plane {
        true => kubeadm::certificates::for_control_plane_join(&spec.cluster_configuration),
        false => kubeadm::certificates::for_worker(spec.join_configuration.ca_cert_path.as_deref()),
    };
    if let Some(need) = key_pairs::unseen(seen, &planned) {
        return Plan::look(need);
    }
    let joining = match user_data::discovery(seen, &spec, cluster, &planned, control_plane) {
        Ok(joining) => joining,
        Err(waiting) => return Plan { actions, ..wait(seen, waiting) },
    };
    if joining.new_token.is_some() && !seen.is_connected {
        return Plan { actions, ..wait(seen, Waiting::Connection) };
    }
    let data = match user_data::join(seen, &joining.spec, machine, control_plane) {
        Ok(data) => data,
        Err(waiting) => return Plan { actions, ..wait(seen, waiting) },
    };
    if let Some(token) = &joining.new_token {
        actions.push(create_token(seen, cluster, token));
        actions.push(record_discovery(seen, &joining.spec));
    }
    actions.push(write_data(seen, cluster, &data, "kubeadm join"));
    // The status follows when the Secret is seen.
    Plan { actions, ..Plan::idle() }
}

fn create_token(seen: &Observed, cluster: &Cluster, token: &BootstrapTokenString) -> Action {
    let secret = token::secret(token, later(seen.now, TOKEN_LIFETIME));
    // A Secret is a tree of texts and always has a JSON form.
    let secret = serde_json::to_value(secret).unwrap_or_default();
    Action::create(secret, "a token to join with").in_workload(cluster_ref(cluster))
}

/// Writes down how the machine joins, so that its token can be kept alive.
fn record_discovery(seen: &Observed, completed: &KubeadmConfigSpec) -> Action {
    let metadata = &seen.config.metadata;
    let join = &completed.join_configuration;
    let mut patch = json!({
        "metadata": {"resourceVersion": metadata.resource_version},
        "spec": {"joinConfiguration": {"discovery": {"bootstrapToken": join.discovery.bootstrap_token}}},
    });
    if let Some(control_plane) = &join.control_plane {
        patch["spec"]["joinConfiguration"]["controlPlane"] = json!(control_plane);
    }
    Action::patch(reference(seen), patch, "how the machine joins")
}

fn write_data(seen: &Observed, cluster: &Cluster, data: &str, what: &str) -> Action {
    let metadata = &seen.config.metadata;
    let format = seen.config.spec.format.unwrap_or_default().as_str();
    let data = [
        ("value".to_owned(), ByteString(data.as_bytes().to_vec())),
        ("format".to_owned(), ByteString(format.as_bytes().to_vec())),
    ];
    let secret = certificates::cluster_secret(
        cluster.metadata.name.as_deref().unwrap_or_default(),
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default(),
        &owners::controller(&*seen.config),
        data.into(),
    );
    Action::create(secret, format!("bootstrap data for {what}"))
}

fn lock(cluster: &Cluster, machine: &str) -> Value {
    let name = cluster.metadata.name.as_deref().unwrap_or_default();
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": lock_name(name), "namespace": cluster.metadata.namespace,
            "labels": {labels::CLUSTER_NAME: name},
            "ownerReferences": [owners::plain(cluster)],
        },
        "data": {LOCK_KEY: json!({"machineName": machine}).to_string()},
    })
}

/// The name of the lock of a cluster.
pub fn lock_name(cluster: &str) -> String {
    format!("{cluster}-lock")
}

/// Who holds a lock; an unreadable lock is held by nobody who exists.
pub fn lock_holder(lock: Option<&ConfigMap>) -> Option<String> {
    let information = lock?.data.as_ref().and_then(|data| data.get(LOCK_KEY));
    let information: Option<Value> = information.and_then(|text| serde_json::from_str(text).ok());
    let holder = information.as_ref().and_then(|information| information["machineName"].as_str());
    Some(holder.unwrap_or_default().to_owned())
}

fn release(cluster: &Cluster, why: &str) -> Action {
    let target = ObjectRef {
        api_version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        namespace: cluster.metadata.namespace.clone().unwrap_or_default(),
        name: lock_name(cluster.metadata.name.as_deref().unwrap_or_default()),
    };
    Action::Write { write: Write::Delete { target, uid: None }, why: why.to_owned() }
}

/// Whether a Secret is this object's: nobody else controls it.
fn is_ours(seen: &Observed, secret: &Secret) -> bool {
    let uid = seen.config.metadata.uid.as_deref().unwrap_or_default();
    owners::controller_of(&secret.metadata).is_some_and(|owner| owner.uid == uid)
}

/// What is done about a Secret with data that another object of our name had. After a restore, which gives objects other uids
/// and keeps what the Machine says, it becomes ours again. Otherwise it tells of times gone by, its token among them, and makes
/// room, if it says itself whose it was. A Secret that is not of Cluster API's type is a user's, one that somebody else controls is
/// theirs, and one that nobody controls may be anybody's.
fn left_over(seen: &Observed, machine: &Machine) -> Option<Action> {
    let secret = seen.data_secret.as_ref()?;
    let own = owners::controller(&*seen.config);
    let owner = owners::controller_of(&secret.metadata);
    let is_foreign = owner.is_some_and(|owner| owner.kind != own.kind || owner.name != own.name);
    if secret.type_.as_deref() != Some(labels::CLUSTER_SECRET_TYPE) || is_foreign {
        return None;
    }
    let is_named = machine.spec.bootstrap.data_secret_name == secret.metadata.name
        || status::reported(&seen.config.status) == secret.metadata.name.as_deref();
    if is_named || is_ours(seen, secret) {
        return owners::adoption(&**secret, &own, "the bootstrap data belongs to its KubeadmConfig");
    }
    owner?;
    let why = "bootstrap data of an earlier KubeadmConfig of this name";
    Some(Action::delete(ObjectRef::to(&**secret), secret.metadata.uid.clone(), why))
}

fn reference(seen: &Observed) -> ObjectRef {
    let metadata = &seen.config.metadata;
    ObjectRef::of::<api::bootstrap::KubeadmConfig>(
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default(),
    )
}

fn cluster_ref(cluster: &Cluster) -> ClusterRef {
    ClusterRef {
        namespace: cluster.metadata.namespace.clone().unwrap_or_default(),
        name: cluster.metadata.name.clone().unwrap_or_default(),
    }
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(now)
}

/// The namespace of token Secrets, for who looks them up.
pub const TOKEN_NAMESPACE: &str = naming::NAMESPACE;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
