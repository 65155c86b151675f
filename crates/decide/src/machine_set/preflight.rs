//! Checks before Machines are made or replaced: that the control plane is stable, and that versions go together.
//!
//! They read the control plane by its contract. A control plane without a version cannot be checked and passes.

use std::collections::BTreeSet;

use api::contract::control_plane;
use api::core::Cluster;
use api::{bootstrap, labels};
use machinery::version::Version;
use serde_json::Value;

use super::Observed;
use crate::referenced::Referenced;

const ALL: &str = "All";
const STABLE: &str = "ControlPlaneIsStable";
const KUBERNETES_SKEW: &str = "KubernetesVersionSkew";
const KUBEADM_SKEW: &str = "KubeadmVersionSkew";
const CONTROL_PLANE_SKEW: &str = "ControlPlaneVersionSkew";

/// How many minor versions a kubelet may be older than the API server.
const MINOR_SKEW: u64 = 3;

/// What failed; nothing if Machines may be made. `action` is what is held back by it.
pub(super) fn failures(seen: &Observed, cluster: &Cluster, action: &str) -> Vec<String> {
    let skipped = match skipped(seen) {
        Ok(skipped) => skipped,
        Err(problem) => return vec![problem],
    };
    let Some(reference) = cluster.spec.control_plane_ref.as_ref().filter(|_| !skipped.contains(ALL)) else {
        return Vec::new();
    };
    let place = format!("{}/{}", seen.namespace(), reference.name);
    let broken = |problem: String| {
        vec![format!("failed to perform {action:?}: failed to perform preflight checks: {problem}")]
    };
    let Some(object) = seen.control_plane.object() else {
        return broken(format!("failed to get ControlPlane {place}"));
    };
    let version = match control_plane::VERSION.get(object) {
        Ok(Some(version)) => version,
        Ok(None) => return Vec::new(),
        Err(error) => return broken(format!("failed to get the version of ControlPlane {place}: {error}")),
    };
    match Checks::new(seen, cluster, object, &version) {
        Ok(checks) => checks.run(&skipped).unwrap_or_else(broken),
        Err(problem) => broken(problem),
    }
}

/// The checks that the user does without: by annotation on the MachineSet, or else on the bootstrap template.
///
/// # Errors
/// Where the template is not there: what nobody can read does not say that checks may be left out, nor that they may not.
fn skipped(seen: &Observed) -> Result<BTreeSet<String>, String> {
    const NAME: &str = labels::SKIP_PREFLIGHT_CHECKS;
    let own = seen.annotation(NAME).filter(|list| !list.is_empty());
    let list = match (own, &seen.bootstrap_template) {
        (Some(list), _) => list,
        (None, Referenced::Unset) => "",
        (None, Referenced::Found(template, _)) => {
            template["metadata"]["annotations"][NAME].as_str().unwrap_or_default()
        }
        (None, Referenced::Missing | Referenced::UnknownKind) => {
            return Err(format!("failed to read {NAME} annotation: the bootstrap template is not there"));
        }
    };
    Ok(list.split(',').map(str::trim).filter(|check| !check.is_empty()).map(str::to_owned).collect())
}

struct Checks<'a> {
    seen: &'a Observed,
    cluster: &'a Cluster,
    object: &'a Value,
    control_plane_version: &'a str,
    control_plane: Version,
    machine_set: Option<(&'a str, Version)>,
}

impl<'a> Checks<'a> {
    fn new(
        seen: &'a Observed,
        cluster: &'a Cluster,
        object: &'a Value,
        control_plane_version: &'a str,
    ) -> Result<Self, String> {
        let parse = |version: &str, whose: String| {
            Version::parse_tolerant(version)
                .map_err(|error| format!("failed to parse version {version:?} of {whose}: {error}"))
        };
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let control_plane =
            parse(control_plane_version, format!("ControlPlane {}/{name}", seen.namespace()))?;
        let wanted =
            seen.machine_set.spec.template.spec.version.as_deref().filter(|version| !version.is_empty());
        let machine_set = wanted
            .map(|version| {
                let whose = format!("MachineSet {}/{}", seen.namespace(), seen.name());
                parse(version, whose).map(|parsed| (version, parsed))
            })
            .transpose()?;
        Ok(Self { seen, cluster, object, control_plane_version, control_plane, machine_set })
    }

    fn run(&self, skipped: &BTreeSet<String>) -> Result<Vec<String>, String> {
        let mut failures = Vec::new();
        if !skipped.contains(STABLE) {
            failures.extend(self.stable()?);
        }
        if let Some((text, version)) = &self.machine_set {
            for (check, failure) in [
                (KUBERNETES_SKEW, self.kubernetes_skew(version)),
                (KUBEADM_SKEW, self.kubeadm_skew(version)),
                (CONTROL_PLANE_SKEW, self.control_plane_skew(text)),
            ] {
                failures.extend(failure.filter(|_| !skipped.contains(check)));
            }
        }
        Ok(failures)
    }

    /// Neither an upgrade that is on its way to the control plane, nor a control plane that is coming up or upgrading.
    fn stable(&self) -> Result<Option<String>, String> {
        let kind = self.object["kind"].as_str().unwrap_or_default();
        let name = self.object["metadata"]["name"].as_str().unwrap_or_default();
        let failed = |what: &str| {
            Some(format!(
                "{kind} {}/{name} {what} ({STABLE:?} preflight check failed)",
                self.seen.namespace()
            ))
        };
        if let Some(topology) = &self.cluster.spec.topology {
            let annotations = self.cluster.metadata.annotations.as_ref();
            let step = annotations.and_then(|all| all.get(labels::TOPOLOGY_UPGRADE_STEP));
            let step = step.map(String::as_str).filter(|step| !step.is_empty());
            // While versions are gone through one by one, Machines of the current step may be made.
            if topology.version != self.control_plane_version && step != Some(self.control_plane_version) {
                let pending = step.unwrap_or(&topology.version);
                return Ok(failed(&format!("has a pending version upgrade to {pending}")));
            }
        }
        let error = |error: api::contract::FieldError| error.to_string();
        if control_plane::is_provisioning(self.object).map_err(error)? {
            return Ok(failed("is provisioning"));
        }
        if control_plane::is_upgrading(self.object).map_err(error)? == Some(true) {
            return Ok(failed("is upgrading"));
        }
        Ok(None)
    }

    fn kubernetes_skew(&self, machine_set: &Version) -> Option<String> {
        let rule = if machine_set.minor > self.control_plane.minor {
            "MachineSet version is higher than ControlPlane version".to_owned()
        } else if machine_set.minor + MINOR_SKEW < self.control_plane.minor {
            format!(
                "MachineSet version is more than {MINOR_SKEW} minor versions older than the ControlPlane version"
            )
        } else {
            return None;
        };
        Some(format!(
            "MachineSet version ({machine_set}) and ControlPlane version ({}) do not conform to the kubernetes version \
             skew policy as {rule} ({KUBERNETES_SKEW:?} preflight check failed)",
            self.control_plane
        ))
    }

    fn kubeadm_skew(&self, machine_set: &Version) -> Option<String> {
        let reference = self.seen.bootstrap_reference()?;
        let is_kubeadm = reference.kind == "KubeadmConfigTemplate" && reference.api_group == bootstrap::GROUP;
        if !is_kubeadm || machine_set.minor == self.control_plane.minor {
            return None;
        }
        Some(format!(
            "MachineSet version ({machine_set}) and ControlPlane version ({}) do not conform to kubeadm version skew \
             policy as kubeadm only supports joining with the same major+minor version as the control plane \
             ({KUBEADM_SKEW:?} preflight check failed)",
            self.control_plane
        ))
    }

    fn control_plane_skew(&self, machine_set: &str) -> Option<String> {
        if self.cluster.spec.topology.is_none() || machine_set == self.control_plane_version {
            return None;
        }
        Some(format!(
            "MachineSet version ({machine_set}) is not yet the same as the ControlPlane version ({}), waiting for \
             version to be propagated to the MachineSet ({CONTROL_PLANE_SKEW:?} preflight check failed)",
            self.control_plane_version
        ))
    }
}
