//! How we show ourselves to the etcd of a workload cluster: a client certificate of its own authority, as kubeadm makes
//! for the API server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kubeadm::certificates::Purpose;
use runtime::key::Key;
use runtime::pki::{Authority, CertificateRequest, KeyAlgorithm, PrivateKey};
use runtime::workload::EtcdAccess;

use crate::context::Context;
use crate::error::Error;
use crate::secrets;

/// The name etcd knows us by.
const COMMON_NAME: &str = "windlass";
/// How long a certificate lives, and how much of that it is used.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);
const USED_FOR: Duration = Duration::from_secs(12 * 3600);

/// Certificates made so far, by cluster: making one costs more than most calls to etcd.
#[derive(Clone, Default)]
pub struct EtcdIdentities {
    known: Arc<Mutex<BTreeMap<Key, Arc<EtcdIdentity>>>>,
}

/// A client certificate for the etcd of one cluster.
pub struct EtcdIdentity {
    authority: Vec<u8>,
    certificate: String,
    key: String,
    made: Timestamp,
}

impl EtcdIdentity {
    /// The certificate for a cluster, made of its Secret `<cluster>-etcd` where there is none that fits.
    ///
    /// # Errors
    /// When there is no such Secret, or no authority in it.
    pub async fn of(cx: &Context, cluster: &Key) -> Result<Arc<Self>, Error> {
        let (authority, key) = authority(cx, cluster).await?;
        if let Some(known) = cx.etcd_identities.get(cluster)
            && known.authority == authority
            && cx.clock.since(known.made) < USED_FOR
        {
            return Ok(known);
        }
        let fresh = Arc::new(Self::issue(cx, cluster, authority, &key)?);
        cx.etcd_identities.put(cluster, &fresh);
        Ok(fresh)
    }

    fn issue(cx: &Context, cluster: &Key, authority: Vec<u8>, authority_key: &[u8]) -> Result<Self, Error> {
        let made = cx.clock.now();
        let mut random = cx.entropy.stream("etcd-client", &format!("{cluster} {}", made.as_second()));
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256, &mut random)?;
        let request = CertificateRequest::client(COMMON_NAME, &[], LIFETIME);
        let certificate =
            Authority::from_pem(&authority, authority_key)?.issue(&request, &key, made, &mut random)?;
        Ok(Self { authority, certificate: certificate.to_pem(), key: key.to_pem(), made })
    }

    /// What a connection needs.
    pub fn access(&self) -> EtcdAccess<'_> {
        EtcdAccess::new(&self.authority, self.certificate.as_bytes(), self.key.as_bytes())
    }
}

impl EtcdIdentities {
    fn get(&self, cluster: &Key) -> Option<Arc<EtcdIdentity>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(cluster).cloned()
    }

    fn put(&self, cluster: &Key, identity: &Arc<EtcdIdentity>) {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(cluster.clone(), Arc::clone(identity));
    }

    /// Forgets a cluster that is gone.
    pub fn forget(&self, cluster: &Key) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(cluster);
    }
}

/// Certificate and key of the etcd authority of a cluster, as PEM.
async fn authority(cx: &Context, cluster: &Key) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let name = Purpose::EtcdCa.secret_name(cluster.name());
    let key = Key::new(cluster.namespace(), &name);
    let secret = match cx.get::<Secret>(&key)? {
        Some(cached) => Some(cached),
        None => secrets::read(cx.cache.client(), &key).await?.map(Arc::new),
    };
    let data = secret.as_ref().and_then(|secret| secret.data.as_ref());
    let part = |field: &str| data.and_then(|data| data.get(field)).map(|bytes| bytes.0.clone());
    match (part("tls.crt"), part("tls.key")) {
        (Some(certificate), Some(key)) => Ok((certificate, key)),
        _ => Err(Error::Workload {
            cluster: cluster.to_string(),
            reason: format!("Secret {name} with the etcd authority (tls.crt, tls.key) is not there"),
        }),
    }
}
