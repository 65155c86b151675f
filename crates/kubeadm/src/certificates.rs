//! Which certificates a cluster needs, where they are kept and where they go.
//!
//! The plan only; keys are made elsewhere.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use api::bootstrap::{ClusterConfiguration, EncryptionAlgorithm, File};
use sha2::{Digest as _, Sha256};
use x509_parser::pem::Pem;

use crate::Error;
use crate::files::ROOT_OWNER;

/// Folder of the certificates on a machine, if the user names no other.
pub const DEFAULT_CERTIFICATES_DIR: &str = "/etc/kubernetes/pki";
/// Days that a certificate authority is valid, if the user says nothing else.
pub const DEFAULT_CA_VALIDITY_DAYS: i32 = 3650;
/// Common name of every certificate authority that we make.
pub const CA_COMMON_NAME: &str = "kubernetes";
/// Seconds that the validity of a certificate begins in the past: clocks differ.
pub const NOT_BEFORE_SKEW_SECONDS: i64 = 5 * 60;
/// Common name of the client certificate in a cluster's kubeconfig Secret.
pub const KUBECONFIG_COMMON_NAME: &str = "kubernetes-admin";
/// Organization of the client certificate in a cluster's kubeconfig Secret: its group.
pub const KUBECONFIG_ORGANIZATION: &str = "system:masters";
/// Common name of the client certificate that etcd members are called with.
pub const ETCD_CLIENT_COMMON_NAME: &str = "cluster-api.x-k8s.io";
/// Key of the certificate in a Secret.
pub const CERTIFICATE_KEY: &str = "tls.crt";
/// Key of the private key in a Secret.
pub const PRIVATE_KEY_KEY: &str = "tls.key";
/// Key of the kubeconfig in a Secret.
pub const KUBECONFIG_KEY: &str = "value";
/// Type of the Secrets.
pub const SECRET_TYPE: &str = "cluster.x-k8s.io/secret";

/// What a Secret of a cluster is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Authority of the API server and its clients.
    ClusterCa,
    /// Authority of etcd members and their clients.
    EtcdCa,
    /// Authority of aggregated API servers.
    FrontProxyCa,
    /// Key pair that service account tokens are signed with.
    ServiceAccount,
    /// Client certificate for an external etcd; supplied by the user.
    ApiServerEtcdClient,
    /// Kubeconfig of an administrator.
    Kubeconfig,
}

impl Purpose {
    /// What the Secret's name ends with.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::ClusterCa => "ca",
            Self::EtcdCa => "etcd",
            Self::FrontProxyCa => "proxy",
            Self::ServiceAccount => "sa",
            Self::ApiServerEtcdClient => "apiserver-etcd-client",
            Self::Kubeconfig => "kubeconfig",
        }
    }

    /// Name of a cluster's Secret for this purpose.
    pub fn secret_name(self, cluster_name: &str) -> String {
        format!("{cluster_name}-{}", self.suffix())
    }

    /// The cluster and purpose that a Secret's name tells.
    pub fn of_secret_name(name: &str) -> Option<(&str, Self)> {
        // The longest suffix first: `x-apiserver-etcd-client` is not the `client` of anything else.
        [
            Self::ApiServerEtcdClient,
            Self::Kubeconfig,
            Self::ClusterCa,
            Self::EtcdCa,
            Self::FrontProxyCa,
            Self::ServiceAccount,
        ]
        .into_iter()
        .find_map(|purpose| Some((name.strip_suffix(purpose.suffix())?.strip_suffix('-')?, purpose)))
    }
}

/// A certificate that a machine needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// What it is for.
    pub purpose: Purpose,
    /// Where the certificate goes on the machine (of a service account key pair: its public key).
    pub certificate_file: String,
    /// Where the private key goes, if it goes there at all.
    pub key_file: Option<String>,
    /// Supplied by the user: never made here, and its key need not be there.
    pub external: bool,
    /// Days that it is valid if it is made here.
    pub validity_days: i32,
    /// Kind of key if it is made here; RSA with 2048 bits when unset, as far as Cluster API says.
    pub algorithm: Option<EncryptionAlgorithm>,
}

/// A certificate and its key, both PEM; the key may be empty where it is not needed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KeyPair {
    /// The certificate, or the public key of a service account key pair.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyPair").field("certificate", &self.certificate).field("key", &"<secret>").finish()
    }
}

/// Key pairs by purpose; what is not there does not exist.
pub type KeyPairs = BTreeMap<Purpose, KeyPair>;

/// The certificates of a cluster, as its first control plane machine needs them. Those that do not exist and are not
/// external are to be made.
pub fn for_init(configuration: &ClusterConfiguration) -> Vec<Certificate> {
    let mut certificates = for_control_plane_join(configuration);
    let validity_days = configuration.ca_certificate_validity_period_days.filter(|days| *days != 0);
    for certificate in certificates.iter_mut().filter(|certificate| !certificate.external) {
        certificate.validity_days = validity_days.unwrap_or(DEFAULT_CA_VALIDITY_DAYS);
        certificate.algorithm = configuration.encryption_algorithm;
    }
    certificates
}

/// The certificates that a machine needs to join the control plane.
pub fn for_control_plane_join(configuration: &ClusterConfiguration) -> Vec<Certificate> {
    let folder = configuration.certificates_dir.as_deref().filter(|folder| !folder.is_empty());
    let folder = folder.unwrap_or(DEFAULT_CERTIFICATES_DIR);
    let ours = |purpose, certificate: &str, key: &str| Certificate {
        purpose,
        certificate_file: join_path(folder, certificate),
        key_file: Some(join_path(folder, key)),
        external: false,
        validity_days: DEFAULT_CA_VALIDITY_DAYS,
        algorithm: None,
    };
    let mut certificates = vec![
        ours(Purpose::ClusterCa, "ca.crt", "ca.key"),
        ours(Purpose::ServiceAccount, "sa.pub", "sa.key"),
        ours(Purpose::FrontProxyCa, "front-proxy-ca.crt", "front-proxy-ca.key"),
    ];
    let external = &configuration.etcd.external;
    if external.is_defined() {
        let theirs = |purpose, certificate_file: &String, key_file: Option<&String>| Certificate {
            purpose,
            certificate_file: certificate_file.clone(),
            key_file: key_file.cloned(),
            external: true,
            validity_days: DEFAULT_CA_VALIDITY_DAYS,
            algorithm: None,
        };
        certificates.push(theirs(
            Purpose::ApiServerEtcdClient,
            &external.cert_file,
            Some(&external.key_file),
        ));
        certificates.push(theirs(Purpose::EtcdCa, &external.ca_file, None));
    } else {
        certificates.push(ours(Purpose::EtcdCa, "etcd/ca.crt", "etcd/ca.key"));
    }
    certificates
}

/// The certificate that a worker's bootstrap needs: the cluster's authority, without its key.
pub fn for_worker(ca_cert_path: Option<&str>) -> Vec<Certificate> {
    let default = || join_path(DEFAULT_CERTIFICATES_DIR, "ca.crt");
    vec![Certificate {
        purpose: Purpose::ClusterCa,
        certificate_file: ca_cert_path.filter(|path| !path.is_empty()).map_or_else(default, str::to_owned),
        key_file: None,
        external: false,
        validity_days: DEFAULT_CA_VALIDITY_DAYS,
        algorithm: None,
    }]
}

/// A file's path in a folder, at its shortest: without doubled slashes, `.` and `..`.
fn join_path(folder: &str, file: &str) -> String {
    let rooted = folder.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(file.split('/')) {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(part),
            },
            part => parts.push(part),
        }
    }
    format!("{}{}", if rooted { "/" } else { "" }, parts.join("/"))
}

/// Whether every certificate is there. Of an external one the key may be missing.
pub fn ensure_all_exist(certificates: &[Certificate], pairs: &KeyPairs) -> Result<(), Error> {
    certificates.iter().try_for_each(|certificate| {
        let purpose = certificate.purpose.suffix();
        let missing = |what| Error::MissingCertificate { what, purpose };
        let pair = pairs.get(&certificate.purpose).ok_or_else(|| missing("certificate"))?;
        if pair.certificate.is_empty() {
            return Err(missing("crt data"));
        }
        if pair.key.is_empty() && !certificate.external {
            return Err(missing("key data"));
        }
        Ok(())
    })
}

/// The certificates that exist, as files.
pub fn as_files(certificates: &[Certificate], pairs: &KeyPairs) -> Vec<File> {
    const ORDER: [Purpose; 5] = [
        Purpose::ClusterCa,
        Purpose::EtcdCa,
        Purpose::FrontProxyCa,
        Purpose::ServiceAccount,
        Purpose::ApiServerEtcdClient,
    ];
    let file = |path: &str, permissions: &str, content: &str| File {
        path: path.to_owned(),
        owner: Some(ROOT_OWNER.to_owned()),
        permissions: Some(permissions.to_owned()),
        content: Some(content.to_owned()),
        ..File::default()
    };
    let mut files = Vec::new();
    for purpose in ORDER {
        let planned = certificates.iter().find(|certificate| certificate.purpose == purpose);
        let (Some(certificate), Some(pair)) = (planned, pairs.get(&purpose)) else {
            continue;
        };
        if !pair.certificate.is_empty() {
            files.push(file(&certificate.certificate_file, "0640", &pair.certificate));
        }
        if !pair.key.is_empty() {
            files.push(file(certificate.key_file.as_deref().unwrap_or_default(), "0600", &pair.key));
        }
    }
    files
}

/// Pins of the certificates in a PEM text: `sha256:` and the hash of the public key, in hexadecimal.
pub fn public_key_pins(certificates: &str, purpose: Purpose) -> Result<Vec<String>, Error> {
    let invalid = || Error::InvalidCertificate { purpose: purpose.suffix() };
    let mut pins = Vec::new();
    for pem in Pem::iter_from_buffer(certificates.as_bytes()) {
        let pem = pem.map_err(|_| invalid())?;
        if pem.label != "CERTIFICATE" {
            continue;
        }
        let certificate = pem.parse_x509().map_err(|_| invalid())?;
        let hash = Sha256::digest(certificate.public_key().raw);
        let hexadecimal: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        pins.push(format!("sha256:{hexadecimal}"));
    }
    if pins.is_empty() { Err(invalid()) } else { Ok(pins) }
}

/// Names and addresses that kubeadm's API server certificate is valid for, in kubeadm's order, each once.
pub fn api_server_names(
    node_name: &str,
    advertise_address: Option<IpAddr>,
    service_domain: &str,
    service_cidr: &str,
    control_plane_host: Option<&str>,
    extra: &[String],
) -> Vec<String> {
    let mut names = vec![
        node_name.to_owned(),
        "kubernetes".to_owned(),
        "kubernetes.default".to_owned(),
        "kubernetes.default.svc".to_owned(),
        format!("kubernetes.default.svc.{service_domain}"),
    ];
    names.extend(first_service_address(service_cidr).map(|address| address.to_string()));
    names.extend(advertise_address.map(|address| address.to_string()));
    names.extend(control_plane_host.map(str::to_owned));
    names.extend(extra.iter().cloned());
    let mut unique = Vec::with_capacity(names.len());
    for name in names {
        if !name.is_empty() && !unique.contains(&name) {
            unique.push(name);
        }
    }
    unique
}

/// The address of the service `kubernetes`: the first one of the (first) block.
pub fn first_service_address(service_cidr: &str) -> Option<IpAddr> {
    let (address, length) = service_cidr.split(',').next()?.trim().split_once('/')?;
    let length: u32 = length.parse().ok()?;
    match address.parse().ok()? {
        IpAddr::V4(address) if length < 32 => {
            let network = u32::from(address) & !(u32::MAX.checked_shr(length).unwrap_or(0));
            Some(IpAddr::V4(Ipv4Addr::from(network.wrapping_add(1))))
        }
        IpAddr::V6(address) if length < 128 => {
            let network = u128::from(address) & !(u128::MAX.checked_shr(length).unwrap_or(0));
            Some(IpAddr::V6(Ipv6Addr::from(network.wrapping_add(1))))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_at_their_shortest() {
        for (folder, path) in [
            ("/pki/", "/pki/ca.crt"),
            ("/a//b/./..", "/a/ca.crt"),
            ("../x", "../x/ca.crt"),
            ("/..", "/ca.crt"),
        ] {
            assert_eq!(join_path(folder, "ca.crt"), path);
        }
    }

    #[test]
    fn a_secrets_name_tells_cluster_and_purpose() {
        assert_eq!(Purpose::EtcdCa.secret_name("a-b"), "a-b-etcd");
        assert_eq!(
            Purpose::of_secret_name("a-b-apiserver-etcd-client"),
            Some(("a-b", Purpose::ApiServerEtcdClient))
        );
        assert_eq!(Purpose::of_secret_name("a-ca"), Some(("a", Purpose::ClusterCa)));
        assert_eq!(Purpose::of_secret_name("alpaca"), None);
    }

    #[test]
    fn what_is_missing_is_named() {
        let certificates = for_init(&ClusterConfiguration::default());
        let error = ensure_all_exist(&certificates, &KeyPairs::new());
        assert_eq!(error, Err(Error::MissingCertificate { what: "certificate", purpose: "ca" }));
    }

    #[test]
    fn the_api_server_has_the_first_service_address() {
        assert_eq!(
            first_service_address("10.96.5.0/12,fd00::/108").map(|ip| ip.to_string()),
            Some("10.96.0.1".into())
        );
        assert_eq!(first_service_address("fd00::/108").map(|ip| ip.to_string()), Some("fd00::1".into()));
        assert_eq!(first_service_address("10.0.0.0"), None);
        let names = api_server_names("n", None, "cluster.local", "10.96.0.0/12", Some("n"), &["x".into()]);
        assert_eq!(names.last().map(String::as_str), Some("x"));
        assert_eq!(names.iter().filter(|name| *name == "n").count(), 1);
    }
}
