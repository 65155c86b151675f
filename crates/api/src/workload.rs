//! The parts we read of Kubernetes' own kinds where the whole is large: of a Pod, what decides about an eviction; of an
//! add-on, its images. Reading the rest would cost time, memory and, for every way to read it, a second of compilation.
//!
//! They are for reading only: written back, they would take away what they leave out.

use k8s_openapi::api::{apps, core, storage};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;

macro_rules! part {
    ($name:ident of $whole:ty) => {
        impl k8s_openapi::Resource for $name {
            const API_VERSION: &'static str = <$whole as k8s_openapi::Resource>::API_VERSION;
            const GROUP: &'static str = <$whole as k8s_openapi::Resource>::GROUP;
            const KIND: &'static str = <$whole as k8s_openapi::Resource>::KIND;
            const VERSION: &'static str = <$whole as k8s_openapi::Resource>::VERSION;
            const URL_PATH_SEGMENT: &'static str = <$whole as k8s_openapi::Resource>::URL_PATH_SEGMENT;
            type Scope = <$whole as k8s_openapi::Resource>::Scope;
        }

        impl k8s_openapi::Metadata for $name {
            type Ty = ObjectMeta;
            fn metadata(&self) -> &ObjectMeta {
                &self.metadata
            }
            fn metadata_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

part!(Pod of core::v1::Pod);
part!(DaemonSet of apps::v1::DaemonSet);
part!(Deployment of apps::v1::Deployment);
part!(PersistentVolume of core::v1::PersistentVolume);
part!(VolumeAttachment of storage::v1::VolumeAttachment);

/// A Pod: who owns it, which volumes it uses, and how it is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Pod {
    /// Name, labels, owners.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// What it uses.
    pub spec: Option<PodSpec>,
    /// How it is.
    pub status: Option<core::v1::PodStatus>,
}

/// What a Pod uses.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct PodSpec {
    /// Its volumes.
    pub volumes: Option<Vec<Volume>>,
}

/// A volume of a Pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// Present where it lies on the Node and goes with the Pod.
    pub empty_dir: Option<Present>,
    /// Present where it is claimed.
    pub persistent_volume_claim: Option<core::v1::PersistentVolumeClaimVolumeSource>,
}

/// Something that is there; what is in it does not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Present {}

/// A DaemonSet: which images it runs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct DaemonSet {
    /// Name and namespace.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// What it runs.
    #[serde(default)]
    pub spec: WorkloadSpec,
}

/// A Deployment: which images it runs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Deployment {
    /// Name and namespace.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// What it runs.
    #[serde(default)]
    pub spec: WorkloadSpec,
}

/// What a DaemonSet or Deployment runs.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct WorkloadSpec {
    /// The Pods it makes.
    #[serde(default)]
    pub template: PodTemplate,
}

impl WorkloadSpec {
    /// The image of the container of this name.
    pub fn image(&self, container: &str) -> Option<&str> {
        self.template.spec.containers.iter().find(|found| found.name == container)?.image.as_deref()
    }
}

/// The Pods that a DaemonSet or Deployment makes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct PodTemplate {
    /// What they run.
    #[serde(default)]
    pub spec: PodTemplateSpec,
}

/// What the Pods of a DaemonSet or Deployment run.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct PodTemplateSpec {
    /// Their containers.
    #[serde(default)]
    pub containers: Vec<Container>,
}

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// What it runs.
    pub image: Option<String>,
}

/// A PersistentVolume: where it comes from, and who claimed it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct PersistentVolume {
    /// Its name.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// Source and claim.
    #[serde(default)]
    pub spec: PersistentVolumeSpec,
}

/// Source and claim of a PersistentVolume.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PersistentVolumeSpec {
    /// The claim it is bound to.
    pub claim_ref: Option<core::v1::ObjectReference>,
    /// Present where a CSI driver provides it.
    pub csi: Option<CsiSource>,
}

/// How a CSI driver knows a volume.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CsiSource {
    /// The driver.
    pub driver: String,
    /// The volume, to the driver.
    pub volume_handle: String,
}

/// A VolumeAttachment: which volume is attached to which Node.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct VolumeAttachment {
    /// Its name.
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// What is to be attached, and where.
    #[serde(default)]
    pub spec: VolumeAttachmentSpec,
    /// Whether it is.
    pub status: Option<VolumeAttachmentStatus>,
}

/// What is to be attached, and where.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeAttachmentSpec {
    /// The Node.
    pub node_name: String,
    /// The volume.
    #[serde(default)]
    pub source: VolumeAttachmentSource,
}

/// The volume of a VolumeAttachment.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VolumeAttachmentSource {
    /// The PersistentVolume, unless the volume is written out in place.
    pub persistent_volume_name: Option<String>,
}

/// Whether a volume is attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct VolumeAttachmentStatus {
    /// It is.
    #[serde(default)]
    pub attached: bool,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn what_is_read_is_found_among_everything_else() {
        let pod: Pod = from_value(json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "labels": {"app": "x"}},
            "spec": {"nodeName": "n", "containers": [{"name": "c", "image": "i", "env": [{"name": "A"}]}], "volumes": [
                {"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}},
                {"name": "data", "persistentVolumeClaim": {"claimName": "data-a"}},
                {"name": "token", "projected": {"sources": []}},
            ]},
            "status": {"phase": "Running"},
        }))
        .unwrap();
        let volumes = pod.spec.unwrap().volumes.unwrap();
        assert!(volumes[0].empty_dir.is_some() && volumes[1].empty_dir.is_none());
        assert_eq!(volumes[1].persistent_volume_claim.as_ref().unwrap().claim_name, "data-a");
        assert_eq!(volumes[2], Volume::default());
        assert_eq!(pod.status.unwrap().phase.as_deref(), Some("Running"));

        let proxy: DaemonSet = from_value(json!({"metadata": {"name": "kube-proxy"}, "spec": {
            "selector": {}, "template": {"metadata": {}, "spec": {"hostNetwork": true, "containers": [
                {"name": "kube-proxy", "image": "registry.k8s.io/kube-proxy:v1.36.0"}, {"name": "bare"},
            ]}},
        }}))
        .unwrap();
        assert_eq!(proxy.spec.image("kube-proxy"), Some("registry.k8s.io/kube-proxy:v1.36.0"));
        assert_eq!((proxy.spec.image("bare"), proxy.spec.image("other")), (None, None));
    }

    #[test]
    fn a_part_goes_by_the_name_of_the_whole() {
        use k8s_openapi::Resource;
        assert_eq!((Pod::API_VERSION, Pod::KIND, Pod::URL_PATH_SEGMENT), ("v1", "Pod", "pods"));
        assert_eq!(
            (VolumeAttachment::API_VERSION, VolumeAttachment::KIND),
            ("storage.k8s.io/v1", "VolumeAttachment")
        );
    }
}
