//! What a KubeadmConfig may have looked up or made: contents of Secrets, keys, and when a token ends.

use std::collections::BTreeMap;

use decide::certificates::key_pairs;
use decide::kubeadm_config::{Need, Observed, SecretValues, TOKEN_NAMESPACE, TokenExpiry, value_key};
use kubeadm::token;
use runtime::key::Key;

use crate::context::Context;
use crate::error::Error;
use crate::{certificates, secrets, workload};

/// Looks one thing up and writes down what became known.
pub async fn look(cx: &Context, need: Need, seen: &mut Observed) -> Result<(), Error> {
    match need {
        Need::Secrets(names) => {
            let namespace = seen.config.metadata.namespace.clone().unwrap_or_default();
            seen.referenced_secrets = Some(values(cx, &namespace, &names).await?);
        }
        Need::KnownKeyPairs(purposes) => {
            if let Some(cluster) = &seen.cluster {
                let cluster = Key::of(&cluster.metadata);
                let found = secrets::of_cluster(cx, &cluster, &purposes).await?;
                seen.key_pairs.extend(key_pairs(cluster.name(), &found));
            }
            seen.has_looked_for_key_pairs = true;
        }
        Need::NewKeyPairs(wanted) => {
            let uid = seen.config.metadata.uid.as_deref().unwrap_or_default();
            seen.made_key_pairs = Some(certificates::make(cx, uid, &wanted)?);
        }
        Need::TokenExpiry { id } => seen.token_expires = Some(token_expiry(cx, seen, &id).await),
    }
    Ok(())
}

/// What Secrets of users hold.
async fn values(cx: &Context, namespace: &str, names: &[String]) -> Result<SecretValues, Error> {
    let mut values = BTreeMap::new();
    for name in names {
        let Some(secret) = secrets::read(cx.cache.client(), &Key::new(namespace, name)).await? else {
            continue;
        };
        for (key, value) in secret.data.unwrap_or_default() {
            if let Ok(text) = String::from_utf8(value.0) {
                values.insert(value_key(name, &key), text);
            }
        }
    }
    Ok(SecretValues(values))
}

async fn token_expiry(cx: &Context, seen: &Observed, id: &str) -> TokenExpiry {
    let Some(cluster) = &seen.cluster else { return TokenExpiry::Unknown };
    let Ok(client) = workload::client(cx, &Key::of(&cluster.metadata)) else { return TokenExpiry::Unknown };
    match secrets::read(&client, &Key::new(TOKEN_NAMESPACE, &token::secret_name(id))).await {
        Ok(Some(secret)) => token::expiration(&secret).map_or(TokenExpiry::Never, TokenExpiry::At),
        Ok(None) => TokenExpiry::Gone,
        Err(_) => TokenExpiry::Unknown,
    }
}
