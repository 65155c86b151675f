//! A machine's user data from its bootstrap configuration: the whole way.

use api::bootstrap::{File, Format, JoinConfiguration, KubeadmConfigSpec};
use k8s_openapi::api::core::v1::Taint;

use crate::certificates::{self, KeyPairs};
use crate::cloudinit::{self, Step};
use crate::marshal::{self, ClusterFacts};
use crate::{Error, files, naming, versions};

/// What every machine's user data is made of.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The bootstrap configuration. What comes from Secrets (contents of files, passwords of users) is in place, and
    /// so are discovery's token, pins, server and authority; and for [`join_control_plane`] the join configuration's
    /// `controlPlane`, without which kubeadm makes a worker.
    pub spec: &'a KubeadmConfigSpec,
    /// The machine's version of Kubernetes.
    pub kubernetes_version: &'a str,
    /// The control plane's version of Kubernetes, where it is known; for templates of files.
    pub control_plane_version: Option<&'a str>,
}

/// User data of the first control plane machine.
pub fn init(request: &Request<'_>, facts: &ClusterFacts<'_>, key_pairs: &KeyPairs) -> Result<String, Error> {
    let spec = request.spec;
    let mut cluster = spec.cluster_configuration.clone();
    let data = marshal::complete(&mut cluster, &spec.init_configuration, facts);
    let cluster_configuration = marshal::cluster_configuration(&cluster, &data, request.kubernetes_version)?;
    let init_configuration =
        marshal::init_configuration(&spec.init_configuration, request.kubernetes_version)?;
    let mut all = certificates::as_files(&certificates::for_init(&cluster), key_pairs);
    all.extend(rendered_files(request)?);
    let step =
        Step::Init { cluster_configuration: &cluster_configuration, init_configuration: &init_configuration };
    wrap(spec, &all, step)
}

/// User data of a further control plane machine.
pub fn join_control_plane(request: &Request<'_>, key_pairs: &KeyPairs) -> Result<String, Error> {
    let spec = request.spec;
    let join_configuration =
        marshal::join_configuration(&spec.join_configuration, request.kubernetes_version)?;
    let certificates = certificates::for_control_plane_join(&spec.cluster_configuration);
    let mut all = certificates::as_files(&certificates, key_pairs);
    all.extend(own_files(request)?);
    wrap(spec, &all, Step::JoinControlPlane { join_configuration: &join_configuration })
}

/// User data of a worker. It is born with a taint that is taken away once its labels are in place.
pub fn join_worker(request: &Request<'_>) -> Result<String, Error> {
    let spec = request.spec;
    if spec.join_configuration.control_plane.is_some() {
        return Err(Error::WorkerJoinsControlPlane);
    }
    let join = with_uninitialized_taint(&spec.join_configuration);
    let join_configuration = marshal::join_configuration(&join, request.kubernetes_version)?;
    wrap(spec, &own_files(request)?, Step::JoinWorker { join_configuration: &join_configuration })
}

/// The files of the spec, rendered. Templates see the control plane's version in full: `v1.35.0` for `1.35`.
fn rendered_files(request: &Request<'_>) -> Result<Vec<File>, Error> {
    let version = request.control_plane_version.filter(|version| !version.is_empty());
    let version = version.map(versions::parse).transpose()?.map(|version| format!("v{version}"));
    files::render_templates(&request.spec.files, version.as_deref())
}

/// The files of a joining machine: its own, and the kubeconfig it finds the cluster with.
fn own_files(request: &Request<'_>) -> Result<Vec<File>, Error> {
    let spec = request.spec;
    let mut own = rendered_files(request)?;
    let discovery = &spec.join_configuration.discovery.file;
    if discovery.kube_config.is_defined() {
        own.push(files::discovery_kubeconfig(discovery));
    }
    Ok(own)
}

fn with_uninitialized_taint(join: &JoinConfiguration) -> JoinConfiguration {
    let mut join = join.clone();
    let taints = join.node_registration.taints.get_or_insert_default();
    let effect = "NoSchedule";
    if !taints.iter().any(|taint| taint.key == naming::UNINITIALIZED_TAINT && taint.effect == effect) {
        taints.push(Taint {
            key: naming::UNINITIALIZED_TAINT.to_owned(),
            effect: effect.to_owned(),
            ..Taint::default()
        });
    }
    join
}

fn wrap(spec: &KubeadmConfigSpec, files: &[File], step: Step<'_>) -> Result<String, Error> {
    match spec.format.unwrap_or_default() {
        Format::CloudConfig => Ok(cloudinit::user_data(spec, files, step)),
        Format::Ignition => Err(Error::UnsupportedFormat { format: Format::Ignition.as_str() }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use api::bootstrap::FileContentFormat;

    use super::*;

    #[test]
    fn templates_see_the_control_planes_version_in_full() {
        let file = File {
            path: "/f".to_owned(),
            content: Some("at {{ .controlPlane.version }}".to_owned()),
            content_format: Some(FileContentFormat::Template),
            ..File::default()
        };
        let spec = KubeadmConfigSpec { files: vec![file], ..KubeadmConfigSpec::default() };
        let written = |control_plane_version| {
            join_worker(&Request { spec: &spec, kubernetes_version: "v1.35.1", control_plane_version })
        };
        assert!(written(Some("1.35")).unwrap().contains("at v1.35.0\n"));
        assert!(written(Some("soon")).is_err());
        assert!(written(None).unwrap().contains("at <no value>\n"));
    }
}
