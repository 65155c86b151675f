//! What a KubeadmControlPlane may have looked up or made: keys, and facts of its workload cluster.

use std::sync::Arc;
use std::time::Duration;

use api::Kind as _;
use api::controlplane::KubeadmControlPlane;
use api::workload::{DaemonSet, Deployment, WorkloadSpec};
use decide::certificates::key_pairs;
use decide::kubeadm_control_plane::{
    AddonImage, Addons, EtcdMember, EtcdMembers, EtcdTrouble, EtcdView, Expiry, Looked, MadeKubeconfig, Need,
    Observed,
};
use etcd::messages::AlarmType;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kubeadm::certificates::{KeyPairs, Purpose};
use kubeadm::naming;
use runtime::client::decode;
use runtime::key::Key;
use runtime::kind::Kind;
use runtime::tls::{self, Trust};
use serde::de::DeserializeOwned;

use super::observe::{cluster_of, fingerprint};
use crate::certificates;
use crate::context::Context;
use crate::error::Error;
use crate::etcd_identity::EtcdIdentity;
use crate::{secrets, workload};

/// How long opening a tunnel to an API server and shaking hands with it may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

/// Looks one thing up and writes down what became known.
pub async fn look(cx: &Context, need: Need, seen: &mut Observed) -> Result<(), Error> {
    let cluster = cluster_of(&seen.control_plane).unwrap_or_else(|| Key::new("", ""));
    let key = Key::of(&seen.control_plane.metadata);
    match need {
        Need::Kept => {
            seen.is_kept = Some(is_kept(cx, seen).await?);
        }
        Need::Secrets(purposes) => {
            seen.secrets.extend(secrets::of_cluster(cx, &cluster, &purposes).await?);
            seen.has_looked_for_secrets = true;
        }
        Need::KeyPairs(wanted) => {
            seen.made_key_pairs = Some(certificates::make(cx, seen.uid(), &wanted)?);
        }
        Need::Kubeconfig { server } => {
            seen.made_kubeconfig = Some(MadeKubeconfig(kubeconfig(cx, &cluster, &server, seen)));
        }
        Need::KubeadmConfig => {
            let config = Key::new(naming::NAMESPACE, naming::KUBEADM_CONFIG);
            seen.kubeadm_config = Some(read::<ConfigMap>(cx, &cluster, &config).await);
        }
        Need::KubeletBinding => {
            let binding = Key::cluster_scoped(naming::KUBELET_CLIENT_BINDING);
            let found = read::<ClusterRoleBinding>(cx, &cluster, &binding).await;
            seen.kubelet_binding = Some(match found {
                Looked::Found(_) => Looked::Found(Arc::new(())),
                Looked::Absent => Looked::Absent,
                Looked::Unknown(error) => Looked::Unknown(error),
            });
        }
        Need::Etcd { nodes } => {
            let outcome = members(cx, &cluster, &nodes).await;
            let view = EtcdView { taken: cx.clock.now(), outcome };
            cx.control_planes.put_etcd(&key, fingerprint(seen), view.clone());
            seen.etcd = Some(view);
        }
        Need::Addons { wanted } => {
            let addons = addons(cx, &cluster).await;
            cx.control_planes.put_addons(&key, wanted, addons.clone());
            seen.addons = Some(addons);
        }
        Need::CertificateExpiry { machine, node, port } => {
            let pairs = key_pairs(cluster.name(), &seen.secrets);
            let expiry = match certificate_expiry(cx, &cluster, &node, port, &pairs).await {
                Ok(time) => Expiry::At(time),
                Err(error) => {
                    tracing::debug!(%cluster, node, error, "cannot tell when the certificate of the API server ends");
                    cx.control_planes.put_silent(&key, &machine, cx.clock.now());
                    Expiry::Silent(cx.clock.now())
                }
            };
            seen.certificate_expiries.push((machine, expiry));
        }
    }
    Ok(())
}

/// Whether the object is there, the same as was seen, and not being deleted. Asked of the server, past the cache.
async fn is_kept(cx: &Context, seen: &Observed) -> Result<bool, Error> {
    let metadata = &seen.control_plane.metadata;
    let kind = Kind::of::<KubeadmControlPlane>();
    match cx.cache.client().get(&kind, &Key::of(metadata)).await {
        Ok(body) => {
            let found =
                std::str::from_utf8(&body).ok().and_then(|text| KubeadmControlPlane::from_json(text).ok());
            Ok(found.is_some_and(|found| {
                found.metadata.uid == metadata.uid && found.metadata.deletion_timestamp.is_none()
            }))
        }
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn kubeconfig(cx: &Context, cluster: &Key, server: &str, seen: &Observed) -> Result<String, String> {
    let pairs = key_pairs(cluster.name(), &seen.secrets);
    let authority = pairs.get(&Purpose::ClusterCa).filter(|pair| !pair.key.is_empty());
    let authority =
        authority.ok_or_else(|| format!("Secret {}-ca holds no key to sign with", cluster.name()))?;
    certificates::kubeconfig(cx, cluster.name(), server, authority).map_err(|error| error.to_string())
}

/// One object of a workload cluster, read live.
async fn read<K>(cx: &Context, cluster: &Key, key: &Key) -> Looked<K>
where
    K: kube_core::Resource<DynamicType = ()> + DeserializeOwned,
{
    let client = match workload::client(cx, cluster) {
        Ok(client) => client,
        Err(error) => return Looked::Unknown(error.to_string()),
    };
    match client.get(&Kind::of::<K>(), key).await {
        Ok(body) => match decode(&body) {
            Ok(object) => Looked::Found(Arc::new(object)),
            Err(error) => Looked::Unknown(error.to_string()),
        },
        Err(error) if error.is_not_found() => Looked::Absent,
        Err(error) => Looked::Unknown(error.to_string()),
    }
}

/// Members, leader and alarms, through the first node that answers. Any member can tell: the answer is the quorum's.
async fn members(cx: &Context, cluster: &Key, nodes: &[String]) -> Result<EtcdMembers, EtcdTrouble> {
    let identity = EtcdIdentity::of(cx, cluster).await;
    let identity = identity.map_err(|error| EtcdTrouble::Connect(error.to_string()))?;
    let mut errors = Vec::new();
    for node in nodes {
        match cx.workloads.etcd(cluster, node, &identity.access()).await {
            Ok(client) => return ask(client).await,
            Err(error) => errors.push(error.to_string()),
        }
    }
    Err(EtcdTrouble::Connect(errors.join(", ")))
}

async fn ask(mut client: etcd::client::Client) -> Result<EtcdMembers, EtcdTrouble> {
    let listed = client.member_list().await.map_err(|error| EtcdTrouble::Members(error.to_string()))?;
    let status = client.status().await.map_err(|error| EtcdTrouble::Members(error.to_string()))?;
    let alarms = client.alarms().await.map_err(|error| EtcdTrouble::Alarms(error.to_string()))?;
    let alarms_of = |id: u64| {
        let raised = alarms.alarms.iter().filter(move |alarm| alarm.member_id == id);
        let kinds = raised.filter_map(|alarm| AlarmType::try_from(alarm.alarm).ok());
        kinds.filter(|kind| *kind != AlarmType::None).map(|kind| kind.name().to_owned()).collect()
    };
    let members: Vec<EtcdMember> = listed
        .members
        .into_iter()
        .map(|member| EtcdMember {
            id: member.id,
            alarms: alarms_of(member.id),
            name: member.name,
            is_learner: member.is_learner,
        })
        .collect();
    if !members.iter().any(|member| member.id == status.leader) {
        return Err(EtcdTrouble::NoLeader);
    }
    Ok(EtcdMembers { members, leader: status.leader })
}

async fn addons(cx: &Context, cluster: &Key) -> Addons {
    let mut addons = Addons { taken: cx.clock.now(), ..Addons::default() };
    let proxy = read::<DaemonSet>(cx, cluster, &Key::new(naming::NAMESPACE, naming::KUBE_PROXY)).await;
    let coredns = read::<Deployment>(cx, cluster, &Key::new(naming::NAMESPACE, naming::COREDNS)).await;
    match proxy {
        Looked::Found(found) => {
            addons.kube_proxy = image(&found.spec, naming::KUBE_PROXY);
        }
        Looked::Absent => {}
        Looked::Unknown(error) => addons.trouble = Some(error),
    }
    match coredns {
        Looked::Found(found) => {
            addons.coredns = image(&found.spec, naming::COREDNS);
        }
        Looked::Absent => {}
        Looked::Unknown(error) => addons.trouble = Some(error),
    }
    addons
}

fn image(workload: &WorkloadSpec, container: &str) -> Option<AddonImage> {
    let image = workload.image(container)?.to_owned();
    Some(AddonImage { container: container.to_owned(), image })
}

/// When the certificate ends that the API server on a node shows.
async fn certificate_expiry(
    cx: &Context,
    cluster: &Key,
    node: &str,
    port: u16,
    pairs: &KeyPairs,
) -> Result<Timestamp, String> {
    let authority = pairs.get(&Purpose::ClusterCa).ok_or("the authority of the cluster is not there")?;
    // The tunnel says which machine it is; the certificate is for the endpoint that all of them share.
    let trust = Trust::AuthoritiesAnyName(authority.certificate.as_bytes());
    let config = tls::client(&trust, None, &[], &cx.clock).map_err(|error| error.to_string())?;
    let pod = naming::Component::ApiServer.pod_name(node);
    let name = tls::server_name(&pod).map_err(|error| error.to_string())?;
    let shake_hands = async {
        let stream = cx.workloads.open_port(cluster, naming::NAMESPACE, &pod, port).await;
        let stream = stream.map_err(|error| error.to_string())?;
        let connector = tokio_rustls::TlsConnector::from(config);
        connector.connect(name, stream).await.map_err(|error| error.to_string())
    };
    let stream = tokio::time::timeout(HANDSHAKE_TIMEOUT, shake_hands).await;
    let stream = stream.map_err(|_| "it took too long".to_owned())??;
    let shown = stream.get_ref().1.peer_certificates().and_then(|all| all.first());
    let shown = shown.ok_or("it showed no certificate")?.clone().into_owned();
    Ok(runtime::pki::Certificate::from_der(shown).map_err(|error| error.to_string())?.not_after)
}
