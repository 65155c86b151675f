//! Deeds of a DevCluster in the cloud.

use runtime::key::Key;

use super::decide::Deed;
use crate::dev::frame::{Error, Site};

/// Does one deed.
pub async fn act(site: &Site, key: &Key, deed: &Deed) -> Result<(), Error> {
    match deed {
        Deed::Create { id, host, port } => {
            Ok(site.cloud.create_cluster(id, key.name(), host.as_deref(), *port).await?)
        }
        Deed::Delete { id } => Ok(site.cloud.delete_cluster(id).await?),
    }
}

/// Frees whatever was made for a DevCluster that is gone.
pub async fn gone(site: &Site, key: &Key) -> Result<(), Error> {
    for id in site.cloud.clusters_of(key.namespace(), key.name()) {
        site.cloud.delete_cluster(&id).await?;
    }
    Ok(())
}
