//! Making the keys that decisions ask for. The keys are data from here on; nothing of them is logged.

use std::time::Duration;

use kubeadm::certificates::{
    CA_COMMON_NAME, Certificate, KUBECONFIG_COMMON_NAME, KUBECONFIG_ORGANIZATION, KeyPair, KeyPairs, Purpose,
};
use runtime::kubeconfig::NewKubeconfig;
use runtime::pki::{Authority, CertificateRequest, KeyAlgorithm, PrivateKey};

use crate::context::Context;
use crate::error::Error;

/// Seconds of a day.
const DAY_SECONDS: u64 = 24 * 3600;
/// How long the client certificate in a kubeconfig lives.
pub const KUBECONFIG_LIFETIME: Duration = Duration::from_secs(365 * DAY_SECONDS);

/// Makes a key pair for each of the certificates. `owner_uid` names the stream of randomness they are drawn from.
///
/// # Errors
/// When a key or a certificate cannot be made.
pub fn make(cx: &Context, owner_uid: &str, certificates: &[Certificate]) -> Result<KeyPairs, Error> {
    let made = certificates
        .iter()
        .map(|certificate| Ok((certificate.purpose, key_pair(cx, owner_uid, certificate)?)));
    made.collect()
}

fn key_pair(cx: &Context, owner_uid: &str, certificate: &Certificate) -> Result<KeyPair, Error> {
    let mut random =
        cx.entropy.stream("cluster-keys", &format!("{owner_uid}/{}", certificate.purpose.suffix()));
    let algorithm = certificate.algorithm.map(|algorithm| KeyAlgorithm::from_name(algorithm.as_str()));
    // Where nobody asks for anything, keys are small and quickly made; RSA costs half a second each.
    let key = PrivateKey::generate(algorithm.transpose()?.unwrap_or_default(), &mut random)?;
    if certificate.purpose == Purpose::ServiceAccount {
        return Ok(KeyPair { certificate: key.public_pem(), key: key.to_pem() });
    }
    let days = u64::try_from(certificate.validity_days).unwrap_or_default();
    let lifetime = Duration::from_secs(days * DAY_SECONDS);
    let authority = Authority::new_self_signed(CA_COMMON_NAME, key, cx.clock.now(), lifetime, &mut random)?;
    Ok(KeyPair { certificate: authority.certificate().to_pem(), key: authority.key().to_pem() })
}

/// The administrator's kubeconfig of a workload cluster, with a client certificate of its authority.
///
/// # Errors
/// When the authority cannot be used, or the certificate cannot be made.
pub fn kubeconfig(
    cx: &Context,
    cluster_name: &str,
    server: &str,
    authority: &KeyPair,
) -> Result<String, Error> {
    let now = cx.clock.now();
    let mut random = cx.entropy.stream("kubeconfig", &format!("{cluster_name} {server} {}", now.as_second()));
    let signer = Authority::from_pem(authority.certificate.as_bytes(), authority.key.as_bytes())?;
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256, &mut random)?;
    let request =
        CertificateRequest::client(KUBECONFIG_COMMON_NAME, &[KUBECONFIG_ORGANIZATION], KUBECONFIG_LIFETIME);
    let certificate = signer.issue(&request, &key, now, &mut random)?;
    let (certificate, key) = (certificate.to_pem(), key.to_pem());
    let kubeconfig = NewKubeconfig {
        cluster: cluster_name,
        user: &format!("{cluster_name}-admin"),
        server: &format!("https://{server}"),
        certificate_authority: authority.certificate.as_bytes(),
        client_certificate: certificate.as_bytes(),
        client_key: key.as_bytes(),
    };
    Ok(kubeconfig.render())
}

/// When the client certificate in a kubeconfig ends; nothing if it cannot be read.
pub fn kubeconfig_expires(kubeconfig: &[u8]) -> Option<jiff::Timestamp> {
    let parsed = runtime::kubeconfig::Kubeconfig::parse(kubeconfig, None).ok()?;
    let (certificate, _) = parsed.client_certificate?;
    Some(runtime::pki::Certificate::from_pem(&certificate).ok()?.not_after)
}
