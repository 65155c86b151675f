//! Certificates of the simulated servers, issued by the authorities that came with the user data.

use std::sync::Arc;
use std::time::Duration;

use runtime::entropy::Stream;
use runtime::pki::{Authority, CertificateRequest, KeyAlgorithm, PrivateKey, Usage};
use runtime::tls::{self, ClientAuthentication, Identity};
use rustls::ServerConfig;

use super::cluster::Cluster;
use super::error::CloudError;
use super::records::Pair;

/// As kubeadm's: a year.
const LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);

/// What the API server shows: a certificate of the cluster's authority for its address and its usual names. Clients may
/// show one of the same authority.
pub(super) fn api_server(cluster: &Cluster) -> Result<Arc<ServerConfig>, CloudError> {
    let (init, host) = {
        let state = cluster.state();
        (state.record.init.clone(), state.record.host.clone())
    };
    let init = init.ok_or_else(|| CloudError::NoCluster(cluster.id.to_string()))?;
    let service = format!("kubernetes.default.svc.{}", init.domain);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut hosts = vec![
        host,
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        &service,
        "localhost",
        "127.0.0.1",
    ];
    hosts.extend(init.names.iter().map(String::as_str));
    let mut random = cluster.ground.entropy.stream("dev-api-server", &cluster.id.to_string());
    let request = CertificateRequest::server("kube-apiserver", &hosts, LIFETIME);
    let identity = issue(cluster, &init.authority, &request, &mut random)?;
    let clients = ClientAuthentication::Optional(init.authority.certificate.as_bytes());
    Ok(tls::server(identity, &clients, &[tls::HTTP_2, tls::HTTP_1_1], &cluster.ground.clock)?)
}

/// What the etcd member of a node shows. Clients must show a certificate of etcd's authority.
pub(super) fn etcd_member(
    cluster: &Cluster,
    authority: &Pair,
    node: &str,
    address: &str,
) -> Result<Arc<ServerConfig>, CloudError> {
    let mut random = cluster.ground.entropy.stream("dev-etcd-server", &format!("{}/{node}", cluster.id));
    let hosts = [node, "localhost", address, "127.0.0.1", "::1"];
    let request = CertificateRequest::server(node, &hosts, LIFETIME).and_usage(Usage::Client);
    let identity = issue(cluster, authority, &request, &mut random)?;
    let clients = ClientAuthentication::Required(authority.certificate.as_bytes());
    Ok(tls::server(identity, &clients, &[::etcd::PROTOCOL], &cluster.ground.clock)?)
}

fn issue(
    cluster: &Cluster,
    authority: &Pair,
    request: &CertificateRequest,
    random: &mut Stream,
) -> Result<Identity, CloudError> {
    let authority = Authority::from_pem(authority.certificate.as_bytes(), authority.key.as_bytes())?;
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256, random)?;
    let certificate = authority.issue(request, &key, cluster.ground.clock.now(), random)?;
    Ok(Identity::new(&[certificate], &key)?)
}
