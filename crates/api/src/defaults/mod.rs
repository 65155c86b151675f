//! What is filled in when an object is created or changed, beyond the defaults in the schema.
//!
//! The functions work on objects as JSON and touch nothing but the fields they fill in, so that fields unknown here
//! survive. A value of the wrong shape is left as it is: validation, which comes later, says what is wrong with it.

mod control_plane;
mod core;
mod edit;
mod replicas;

use serde_json::Value;

pub use replicas::InvalidAnnotation;

/// Fills in an object of one of our kinds; an object of any other kind stays as it is.
///
/// `old` is the object before the change, where there is one. The outcome depends on the arguments alone, and filling in
/// twice is the same as filling in once.
pub fn default(
    group: &str,
    kind: &str,
    object: &mut Value,
    old: Option<&Value>,
) -> Result<(), InvalidAnnotation> {
    match (group, kind) {
        (crate::core::GROUP, "Cluster") => core::cluster(object),
        (crate::core::GROUP, "Machine") => core::machine(object),
        (crate::core::GROUP, "MachineSet") => core::machine_set(object, old)?,
        (crate::core::GROUP, "MachineDeployment") => core::machine_deployment(object, old)?,
        (crate::controlplane::GROUP, "KubeadmControlPlane") => control_plane::kubeadm_control_plane(object),
        _ => {}
    }
    Ok(())
}
