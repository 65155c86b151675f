//! Secrets that are not cached, read live.
//!
//! The cache holds Secrets that carry the label of their Cluster. Those of users need not; they are read when something
//! refers to them and no other time.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use kubeadm::certificates::Purpose;
use runtime::client::{Client, Error, decode};
use runtime::key::Key;
use runtime::kind::Kind;

use crate::context::Context;

/// One Secret; `None` if it is not there.
///
/// # Errors
/// When the server refuses or does not answer.
pub async fn read(client: &Client, key: &Key) -> Result<Option<Secret>, Error> {
    match client.get(&Kind::of::<Secret>(), key).await {
        // What is no Secret holds no value that could be used.
        Ok(body) => Ok(decode(&body).ok()),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Those Secrets of a cluster with these purposes that are there.
///
/// # Errors
/// As [`read`].
pub async fn of_cluster(
    cx: &Context,
    cluster: &Key,
    purposes: &[Purpose],
) -> Result<Vec<Arc<Secret>>, Error> {
    let mut found = Vec::new();
    for purpose in purposes {
        let key = Key::new(cluster.namespace(), &purpose.secret_name(cluster.name()));
        found.extend(read(cx.cache.client(), &key).await?.map(Arc::new));
    }
    Ok(found)
}
