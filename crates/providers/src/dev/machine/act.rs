//! Deeds of a DevMachine in the cloud.

use k8s_openapi::api::core::v1::Secret;
use runtime::key::Key;
use runtime::kind::Kind;

use super::decide::Deed;
use super::settings::{Delay, Settings};
use crate::dev::cloud::{ClusterId, Delays, NewMachine};
use crate::dev::frame::{Error, Site};

/// The key of a bootstrap Secret under which the data lies.
const DATA: &str = "value";

/// Does one deed.
pub async fn act(site: &Site, key: &Key, deed: &Deed) -> Result<(), Error> {
    let name = key.name();
    match deed {
        Deed::Create { id, control_plane, version, settings } => {
            let new = NewMachine {
                name: name.to_owned(),
                control_plane: *control_plane,
                version: version.clone(),
                delays: draw(site, id, name, settings),
            };
            Ok(site.cloud.create_machine(id, new).await?)
        }
        Deed::Boot { id, secret } => {
            let data = bootstrap_data(site, &Key::new(key.namespace(), secret)).await?;
            Ok(site.cloud.bootstrap(id, name, &data).await?)
        }
        Deed::StartEtcd { id } => Ok(site.cloud.start_etcd(id, name).await?),
        Deed::StartApiServer { id } => Ok(site.cloud.start_api_server(id, name).await?),
        Deed::Delete { id } => Ok(site.cloud.delete_machine(id, name).await?),
    }
}

/// Destroys whatever was made for a DevMachine that is gone.
pub async fn gone(site: &Site, key: &Key) -> Result<(), Error> {
    for id in site.cloud.clusters_with(key.namespace(), key.name()) {
        site.cloud.delete_machine(&id, key.name()).await?;
    }
    Ok(())
}

/// Chance is asked once, when the machine is made.
fn draw(site: &Site, id: &ClusterId, name: &str, settings: &Settings) -> Delays {
    let mut stream = site.cx.entropy.stream("dev-machine", &format!("{id}/{name}"));
    let mut jitter = |delay: Delay| stream.jitter(delay.duration, delay.jitter);
    Delays {
        vm: jitter(settings.vm),
        node: jitter(settings.node),
        etcd: jitter(settings.etcd),
        api_server: jitter(settings.api_server),
    }
}

/// The user data. Only labelled Secrets are cached; one that a user wrote may have no label and is read by name.
async fn bootstrap_data(site: &Site, key: &Key) -> Result<Vec<u8>, Error> {
    let data_of =
        |secret: &Secret| secret.data.as_ref().and_then(|data| data.get(DATA)).map(|data| data.0.clone());
    let none = || Error::NoBootstrapData { key: key.to_string() };
    if let Some(secret) = site.cx.get::<Secret>(key)? {
        return data_of(&secret).ok_or_else(none);
    }
    let bytes = site.cx.cache.client().get(&Kind::of::<Secret>(), key).await?;
    let secret: Secret = runtime::client::decode(&bytes).map_err(|error| Error::Unreadable {
        kind: "Secret",
        key: key.to_string(),
        reason: error.to_string(),
    })?;
    data_of(&secret).ok_or_else(none)
}
