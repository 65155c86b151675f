//! What a KubeadmConfig may have looked up: contents from Secrets, and when a token ends.

use std::collections::BTreeMap;

use decide::kubeadm_config::{Need, Observed, SecretValues, TOKEN_NAMESPACE, TokenExpiry, value_key};
use k8s_openapi::api::core::v1::Secret;
use kubeadm::token;
use runtime::client::Client;
use runtime::key::Key;
use runtime::kind::Kind;

use crate::context::Context;
use crate::error::Error;
use crate::workload;

/// Looks one thing up and writes down what became known.
pub async fn look(cx: &Context, need: Need, seen: &mut Observed) -> Result<(), Error> {
    match need {
        Need::Secrets(names) => {
            let namespace = seen.config.metadata.namespace.clone().unwrap_or_default();
            seen.referenced_secrets = Some(secrets(cx, &namespace, &names).await?);
        }
        Need::TokenExpiry { id } => seen.token_expires = Some(token_expiry(cx, seen, &id).await),
    }
    Ok(())
}

/// Read live: Secrets of users carry no label of ours, so they are not cached.
async fn secrets(cx: &Context, namespace: &str, names: &[String]) -> Result<SecretValues, Error> {
    let mut values = BTreeMap::new();
    for name in names {
        let Some(secret) = read(cx.cache.client(), &Key::new(namespace, name)).await? else { continue };
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
    match read(&client, &Key::new(TOKEN_NAMESPACE, &token::secret_name(id))).await {
        Ok(Some(secret)) => token::expiration(&secret).map_or(TokenExpiry::Never, TokenExpiry::At),
        Ok(None) => TokenExpiry::Gone,
        Err(_) => TokenExpiry::Unknown,
    }
}

async fn read(client: &Client, key: &Key) -> Result<Option<Secret>, runtime::client::Error> {
    match client.get(&Kind::of::<Secret>(), key).await {
        // What is no Secret holds no value that could be used.
        Ok(body) => Ok(serde_json::from_slice(&body).ok()),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
