//! Whether a machine was told what it would be told today, as far as that makes a difference.
//!
//! What only matters while a machine joins is left out, what newer versions fill in is filled in on both sides, and a
//! machine that made the cluster is compared with one that joins: a control plane is meant to be of one piece.

use api::bootstrap::{ClusterConfiguration, EnvVar, InitConfiguration, JoinControlPlane, KubeadmConfigSpec};
use api::controlplane::KubeadmControlPlane;

use super::desired::config_spec;

/// What machines would be told today.
pub struct Wanted {
    /// One that joins.
    join: KubeadmConfigSpec,
    /// The first one.
    init: KubeadmConfigSpec,
}

impl Wanted {
    /// What machines of this control plane would be told.
    pub fn new(control_plane: &KubeadmControlPlane) -> Self {
        let prepared = |is_join| {
            let mut spec = config_spec(control_plane, is_join);
            prepare(&mut spec);
            spec
        };
        Self { join: prepared(true), init: prepared(false) }
    }

    /// Whether this is, to all intents and purposes, what the machine was told.
    pub fn matches(&self, told: &KubeadmConfigSpec) -> bool {
        if !is_for_init(told) {
            return is_same(told.clone(), &self.join);
        }
        // Users may configure init and join differently: then the first machine is compared with a first machine.
        is_same(as_join(told.clone(), &self.join), &self.join) || is_same(told.clone(), &self.init)
    }
}

/// Whether a machine was told to make the cluster. Those that join always have a (perhaps empty) `controlPlane`.
fn is_for_init(spec: &KubeadmConfigSpec) -> bool {
    spec.join_configuration.control_plane.is_none()
}

fn is_same(mut told: KubeadmConfigSpec, wanted: &KubeadmConfigSpec) -> bool {
    let (from, to) = (&wanted.cluster_configuration, &mut told.cluster_configuration);
    // Filled in when the data was made, and never different later.
    to.control_plane_endpoint.clone_from(&from.control_plane_endpoint);
    // Changed in the running cluster.
    to.dns.clone_from(&from.dns);
    prepare(&mut told);
    told == *wanted
}

/// What a first machine would have been told, had it joined.
fn as_join(mut told: KubeadmConfigSpec, wanted: &KubeadmConfigSpec) -> KubeadmConfigSpec {
    let InitConfiguration { node_registration, local_api_endpoint, skip_phases, patches, timeouts, .. } =
        std::mem::take(&mut told.init_configuration);
    let join = &mut told.join_configuration;
    join.node_registration = node_registration;
    join.control_plane = Some(JoinControlPlane { local_api_endpoint });
    join.skip_phases = skip_phases;
    join.patches = patches;
    join.timeouts = timeouts;
    // There is no such setting for a first machine.
    join.ca_cert_path.clone_from(&wanted.join_configuration.ca_cert_path);
    told
}

/// Fills in what is filled in anyway, and takes out what makes no difference.
fn prepare(spec: &mut KubeadmConfigSpec) {
    spec.format.get_or_insert_default();
    for registration in
        [&mut spec.init_configuration.node_registration, &mut spec.join_configuration.node_registration]
    {
        registration.image_pull_policy.get_or_insert_with(|| "IfNotPresent".to_owned());
    }
    spec.join_configuration.discovery = Default::default();
    // Conversion from v1beta1 moves this about.
    spec.init_configuration.timeouts.control_plane_component_health_check_seconds = None;
    spec.join_configuration.timeouts.control_plane_component_health_check_seconds = None;
    drop_empty(&mut spec.cluster_configuration);
}

fn drop_empty(cluster: &mut ClusterConfiguration) {
    for environment in [
        &mut cluster.etcd.local.extra_envs,
        &mut cluster.api_server.extra_envs,
        &mut cluster.controller_manager.extra_envs,
        &mut cluster.scheduler.extra_envs,
    ] {
        environment.take_if(|list: &mut Vec<EnvVar>| list.is_empty());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn control_plane(config: serde_json::Value) -> KubeadmControlPlane {
        serde_json::from_value(serde_json::json!({
            "metadata": {"name": "cp"},
            "spec": {"version": "v1.34.0", "kubeadmConfigSpec": config},
        }))
        .unwrap()
    }

    fn told(config: serde_json::Value) -> KubeadmConfigSpec {
        serde_json::from_value(config).unwrap()
    }

    const GATE: &str = "ControlPlaneKubeletLocalMode";

    #[test]
    fn the_first_machine_is_compared_as_if_it_had_joined() {
        let arguments = serde_json::json!([{"name": "v", "value": "4"}]);
        let registration = serde_json::json!({"nodeRegistration": {"kubeletExtraArgs": arguments}});
        let wanted = Wanted::new(&control_plane(serde_json::json!({
            "initConfiguration": registration, "joinConfiguration": registration,
        })));
        let cluster = serde_json::json!({"featureGates": {GATE: true}, "controlPlaneEndpoint": "h:6443"});
        let first =
            told(serde_json::json!({"clusterConfiguration": cluster, "initConfiguration": registration}));
        assert!(wanted.matches(&first));
        let mut join = registration.clone();
        join["controlPlane"] = serde_json::json!({});
        join["discovery"] = serde_json::json!({"bootstrapToken": {"apiServerEndpoint": "h:6443"}});
        assert!(
            wanted.matches(&told(
                serde_json::json!({"clusterConfiguration": cluster, "joinConfiguration": join})
            ))
        );
        let other =
            serde_json::json!({"nodeRegistration": {"kubeletExtraArgs": [{"name": "v", "value": "5"}]}});
        assert!(!wanted.matches(&told(
            serde_json::json!({"clusterConfiguration": cluster, "initConfiguration": other})
        )));
    }

    #[test]
    fn different_settings_for_init_and_join_do_not_replace_the_first_machine() {
        let wanted = Wanted::new(&control_plane(serde_json::json!({
            "initConfiguration": {"nodeRegistration": {"name": "first"}},
        })));
        let cluster = serde_json::json!({"featureGates": {GATE: true}});
        let first = serde_json::json!({
            "clusterConfiguration": cluster, "initConfiguration": {"nodeRegistration": {"name": "first"}},
        });
        assert!(wanted.matches(&told(first)));
    }

    #[test]
    fn what_changes_in_the_running_cluster_or_says_nothing_makes_no_difference() {
        let wanted = Wanted::new(&control_plane(serde_json::json!({
            "clusterConfiguration": {"dns": {"imageTag": "v1.12.1"}, "apiServer": {"extraEnvs": []}},
        })));
        let join =
            serde_json::json!({"controlPlane": {}, "nodeRegistration": {"imagePullPolicy": "IfNotPresent"}});
        let config = |cluster| serde_json::json!({"clusterConfiguration": cluster, "joinConfiguration": join, "format": "cloud-config"});
        assert!(wanted.matches(&told(config(serde_json::json!({"featureGates": {GATE: true}})))));
        assert!(!wanted.matches(&told(config(serde_json::json!({"featureGates": {GATE: false}})))));
    }
}
