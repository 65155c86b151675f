//! The kinds of the control plane group.

use serde_json::{Value, json};

use super::edit::{prefix_version, set, set_if_absent};

pub(super) fn kubeadm_control_plane(object: &mut Value) {
    set_if_absent(object, &["spec"], "replicas", json!(1));
    // A version that is missing becomes one that validation refuses.
    set_if_absent(object, &["spec"], "version", json!(""));
    prefix_version(object, &["spec", "version"]);
    // There is no other strategy.
    set(object, &["spec", "rollout", "strategy"], "type", json!("RollingUpdate"));
    set_if_absent(object, &["spec", "rollout", "strategy", "rollingUpdate"], "maxSurge", json!(1));
}
