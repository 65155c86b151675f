//! The Secrets with a cluster's authorities and keys: which there must be, which are missing, what is in them.
//!
//! A user may bring their own: what is there is used as it is, and nothing is ever made again for a cluster that was
//! initialized with other keys. The keys themselves are made elsewhere and arrive here as data.

use std::sync::Arc;

use api::labels;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kubeadm::certificates::{
    CERTIFICATE_KEY, Certificate, KUBECONFIG_KEY, KeyPair, KeyPairs, PRIVATE_KEY_KEY, Purpose, SECRET_TYPE,
};
use serde_json::Value;

use crate::plan::Action;

/// The key pairs that Secrets of a cluster hold, by what they are for. Secrets of another name or without the expected
/// keys are left out.
pub fn key_pairs(cluster_name: &str, secrets: &[Arc<Secret>]) -> KeyPairs {
    secrets.iter().filter_map(|secret| key_pair(cluster_name, secret)).collect()
}

fn key_pair(cluster_name: &str, secret: &Secret) -> Option<(Purpose, KeyPair)> {
    let (cluster, purpose) = Purpose::of_secret_name(secret.metadata.name.as_deref()?)?;
    if cluster != cluster_name {
        return None;
    }
    let text = |key: &str| {
        let bytes = secret.data.as_ref()?.get(key)?;
        String::from_utf8(bytes.0.clone()).ok()
    };
    let certificate = text(CERTIFICATE_KEY)?;
    Some((purpose, KeyPair { certificate, key: text(PRIVATE_KEY_KEY).unwrap_or_default() }))
}

/// What planned certificates are for that are not there.
pub fn missing(planned: &[Certificate], existing: &KeyPairs) -> Vec<Purpose> {
    let purposes = planned.iter().map(|certificate| certificate.purpose);
    purposes.filter(|purpose| !existing.contains_key(purpose)).collect()
}

/// The certificates that have to be made: those that are neither there nor brought by the user.
pub fn to_make(planned: &[Certificate], existing: &KeyPairs) -> Vec<Certificate> {
    planned
        .iter()
        .filter(|certificate| !certificate.external && !existing.contains_key(&certificate.purpose))
        .cloned()
        .collect()
}

/// The Secret with a key pair.
pub fn secret(
    cluster_name: &str,
    namespace: &str,
    owner: &OwnerReference,
    purpose: Purpose,
    pair: &KeyPair,
) -> Value {
    let data = [
        (CERTIFICATE_KEY.to_owned(), ByteString(pair.certificate.clone().into_bytes())),
        (PRIVATE_KEY_KEY.to_owned(), ByteString(pair.key.clone().into_bytes())),
    ];
    cluster_secret(cluster_name, namespace, &purpose.secret_name(cluster_name), owner, data.into())
}

/// Creates the Secrets with those key pairs of `made` that are not there.
pub fn create(
    cluster_name: &str,
    namespace: &str,
    owner: &OwnerReference,
    made: &KeyPairs,
    existing: &KeyPairs,
) -> Vec<Action> {
    let new = made.iter().filter(|(purpose, _)| !existing.contains_key(purpose));
    new.map(|(purpose, pair)| {
        let object = secret(cluster_name, namespace, owner, *purpose, pair);
        Action::create(object, format!("the cluster needs its {}", purpose.suffix()))
    })
    .collect()
}

/// The Secret with a cluster's kubeconfig.
pub fn kubeconfig_secret(
    cluster_name: &str,
    namespace: &str,
    owner: &OwnerReference,
    kubeconfig: &str,
) -> Value {
    let data = [(KUBECONFIG_KEY.to_owned(), ByteString(kubeconfig.as_bytes().to_vec()))];
    cluster_secret(cluster_name, namespace, &kubeconfig_name(cluster_name), owner, data.into())
}

/// The name of the Secret with a cluster's kubeconfig.
pub fn kubeconfig_name(cluster_name: &str) -> String {
    format!("{cluster_name}-kubeconfig")
}

/// A Secret of Cluster API's own type that belongs to a cluster.
pub fn cluster_secret(
    cluster_name: &str,
    namespace: &str,
    name: &str,
    owner: &OwnerReference,
    data: std::collections::BTreeMap<String, ByteString>,
) -> Value {
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            labels: Some([(labels::CLUSTER_NAME.to_owned(), cluster_name.to_owned())].into()),
            owner_references: Some(vec![owner.clone()]),
            ..ObjectMeta::default()
        },
        type_: Some(SECRET_TYPE.to_owned()),
        data: Some(data),
        ..Secret::default()
    };
    // A Secret is a tree of texts and always has a JSON form.
    serde_json::to_value(secret).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use api::bootstrap::ClusterConfiguration;

    use super::*;

    fn owner() -> OwnerReference {
        OwnerReference {
            name: "kcp".into(),
            uid: "1".into(),
            controller: Some(true),
            ..OwnerReference::default()
        }
    }

    fn pair(text: &str) -> KeyPair {
        KeyPair { certificate: format!("crt {text}"), key: format!("key {text}") }
    }

    #[test]
    fn what_is_written_is_read_back_and_not_made_again() {
        let value = secret("c", "ns", &owner(), Purpose::ClusterCa, &pair("ca"));
        let written: Secret = serde_json::from_value(value).unwrap();
        let pairs = key_pairs("c", &[Arc::new(written.clone())]);
        assert_eq!(pairs.get(&Purpose::ClusterCa), Some(&pair("ca")));
        assert!(key_pairs("other", &[Arc::new(written)]).is_empty());
        let planned = kubeadm::certificates::for_init(&ClusterConfiguration::default());
        let missing: Vec<Purpose> = to_make(&planned, &pairs).iter().map(|planned| planned.purpose).collect();
        assert_eq!(missing, [Purpose::ServiceAccount, Purpose::FrontProxyCa, Purpose::EtcdCa]);
    }

    #[test]
    fn a_key_pair_is_not_shown() {
        assert!(!format!("{:?}", pair("secret")).contains("key secret"));
    }
}
