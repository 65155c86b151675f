//! What kubeadm left in the cluster, and reads again when the next machine joins.

use api::bootstrap::ClusterConfiguration;
use jiff::SignedDuration;
use k8s_openapi::api::core::v1::ConfigMap;
use kubeadm::marshal::AdditionalData;
use kubeadm::{kubeadm_config_map, naming};
use machinery::version::Version;
use serde_json::json;

use super::observed::{Looked, Need, Observed};
use super::step::Step;
use super::view::View;
use super::waiting::Waiting;
use super::{cluster_ref, desired};
use crate::plan::{Action, Next, ObjectRef};

/// What is said where kubeadm's configuration is gone.
const ABSENT: &str = "ConfigMap kubeadm-config is not there";
/// When to look whether a change to the workload cluster arrived: no event tells.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_millis(500);

/// Brings the configuration up to date before a machine of another version or with other settings joins.
pub fn step(view: &View<'_>) -> Step {
    let seen = view.seen;
    let Ok(version) = Version::parse_tolerant(&seen.control_plane.spec.version) else { return Step::pass() };
    let needs_binding = (version.major, version.minor) < (1, 38);
    let config = match (&seen.kubeadm_config, &seen.kubelet_binding) {
        (None, _) => return Step::Look(Need::KubeadmConfig),
        (Some(_), None) if needs_binding => return Step::Look(Need::KubeletBinding),
        (Some(Looked::Found(config)), _) => config,
        (Some(Looked::Absent), _) => return failed(seen, ABSENT.to_owned()),
        (Some(Looked::Unknown(error)), _) => return failed(seen, error.clone()),
    };
    let mut actions = Vec::new();
    if needs_binding && matches!(seen.kubelet_binding, Some(Looked::Absent)) {
        actions.push(binding().in_workload(cluster_ref(view.cluster)));
    }
    match updated(seen, config, &version) {
        Ok(Some(changed)) => {
            actions.push(patch(&changed, config).in_workload(cluster_ref(view.cluster)));
        }
        Ok(None) => {}
        Err(error) => return failed(seen, error.to_string()),
    }
    if actions.is_empty() { Step::pass() } else { Step::Act(actions, look_again(seen)) }
}

/// Tells kubeadm which CoreDNS is wanted; nothing where it knows.
///
/// # Errors
/// The step to take first.
pub fn dns(view: &View<'_>) -> Result<Option<Action>, Step> {
    let seen = view.seen;
    let config = match &seen.kubeadm_config {
        None => return Err(Step::Look(Need::KubeadmConfig)),
        Some(Looked::Found(config)) => config,
        Some(Looked::Absent) => return Err(failed(seen, ABSENT.to_owned())),
        Some(Looked::Unknown(error)) => return Err(failed(seen, error.clone())),
    };
    let version = Version::parse_tolerant(&seen.control_plane.spec.version);
    let number = version.map_err(|error| failed(seen, error.to_string()))?;
    let wanted = &seen.control_plane.spec.kubeadm_config_spec.cluster_configuration.dns;
    let mut changed = (**config).clone();
    let is_changed = kubeadm_config_map::update(&mut changed, &format!("v{number}"), |cluster, _| {
        cluster.dns.clone_from(wanted);
    });
    match is_changed {
        Ok(true) => Ok(Some(patch(&changed, config).in_workload(cluster_ref(view.cluster)))),
        Ok(false) => Ok(None),
        Err(error) => Err(failed(seen, error.to_string())),
    }
}

/// Soon.
pub fn look_again(seen: &Observed) -> Next<Need> {
    seen.now.checked_add(LOOK_AGAIN).map_or(Next::OnChange, Next::At)
}

fn failed(seen: &Observed, error: String) -> Step {
    let again = seen.now.checked_add(SignedDuration::from_secs(10)).map_or(Next::OnChange, Next::At);
    Step::Wait(
        Waiting::Workload(format!("kubeadm's configuration cannot be brought up to date: {error}")),
        again,
    )
}

/// The ConfigMap with what is wanted today; nothing where that is what it says.
fn updated(
    seen: &Observed,
    config: &ConfigMap,
    version: &Version,
) -> Result<Option<ConfigMap>, kubeadm::Error> {
    let mut changed = config.clone();
    let number = format!("v{version}");
    let is_changed =
        kubeadm_config_map::update(&mut changed, &number, |cluster, data: &mut AdditionalData| {
            data.kubernetes_version = Some(number.clone());
            let wanted = &seen.control_plane.spec.kubeadm_config_spec.cluster_configuration;
            if wanted.is_defined() {
                merge(cluster, wanted, &seen.control_plane.spec.version);
            }
        })?;
    Ok(is_changed.then_some(changed))
}

/// What users may change of a running cluster.
fn merge(cluster: &mut ClusterConfiguration, wanted: &ClusterConfiguration, version: &str) {
    if wanted.image_repository.is_some() {
        cluster.image_repository.clone_from(&wanted.image_repository);
    }
    cluster.feature_gates.clone_from(&wanted.feature_gates);
    desired::default_feature_gates(&mut cluster.feature_gates, version);
    cluster.api_server.clone_from(&wanted.api_server);
    cluster.controller_manager.clone_from(&wanted.controller_manager);
    cluster.scheduler.clone_from(&wanted.scheduler);
    cluster.certificate_validity_period_days = wanted.certificate_validity_period_days;
    cluster.encryption_algorithm = wanted.encryption_algorithm;
    // Whether etcd is external never changes.
    cluster.etcd.clone_from(&wanted.etcd);
}

fn patch(changed: &ConfigMap, before: &ConfigMap) -> Action {
    let data = changed.data.as_ref().and_then(|data| data.get(kubeadm_config_map::CLUSTER_CONFIGURATION_KEY));
    let patch = json!({
        "metadata": {"resourceVersion": before.metadata.resource_version},
        "data": {kubeadm_config_map::CLUSTER_CONFIGURATION_KEY: data},
    });
    let target = ObjectRef::of::<ConfigMap>(naming::NAMESPACE, naming::KUBEADM_CONFIG);
    Action::patch(target, patch, "the next machine joins with another configuration")
}

/// From 1.37 on, kubeadm gives API servers no more rights than they need; older clusters lack the binding.
fn binding() -> Action {
    let object = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": naming::KUBELET_CLIENT_BINDING},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": naming::KUBELET_CLIENT_ROLE,
        },
        "subjects": [{
            "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": naming::KUBELET_CLIENT_USER,
        }],
    });
    Action::create(object, "newer API servers need it to talk to kubelets")
}
