//! The ConfigMap `kubeadm-config`: where a cluster keeps its ClusterConfiguration for machines that join later.

use std::collections::BTreeMap;

use api::bootstrap::ClusterConfiguration;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::marshal::{self, AdditionalData};
use crate::{Error, naming, unmarshal};

/// Key of the ClusterConfiguration.
pub const CLUSTER_CONFIGURATION_KEY: &str = "ClusterConfiguration";

/// The ConfigMap, as kubeadm leaves it after init.
pub fn config_map(
    configuration: &ClusterConfiguration,
    data: &AdditionalData,
    kubernetes_version: &str,
) -> Result<ConfigMap, Error> {
    let yaml = marshal::cluster_configuration(configuration, data, kubernetes_version)?;
    Ok(ConfigMap {
        metadata: ObjectMeta {
            name: Some(naming::KUBEADM_CONFIG.to_owned()),
            namespace: Some(naming::NAMESPACE.to_owned()),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(CLUSTER_CONFIGURATION_KEY.to_owned(), yaml)])),
        ..ConfigMap::default()
    })
}

/// What the ConfigMap holds.
pub fn read(config_map: &ConfigMap) -> Result<(ClusterConfiguration, AdditionalData), Error> {
    let yaml = config_map.data.as_ref().and_then(|data| data.get(CLUSTER_CONFIGURATION_KEY));
    let yaml = yaml.ok_or_else(|| Error::MissingKey {
        kind: "ConfigMap",
        name: naming::KUBEADM_CONFIG.to_owned(),
        key: CLUSTER_CONFIGURATION_KEY,
    })?;
    unmarshal::cluster_configuration(yaml)
}

/// Changes what the ConfigMap holds, and writes it in the format of a Kubernetes version. The map is left alone, and
/// false returned, where that changes nothing.
pub fn update(
    config_map: &mut ConfigMap,
    kubernetes_version: &str,
    change: impl FnOnce(&mut ClusterConfiguration, &mut AdditionalData),
) -> Result<bool, Error> {
    let before = read(config_map)?;
    let (mut configuration, mut data) = before.clone();
    change(&mut configuration, &mut data);
    if (&configuration, &data) == (&before.0, &before.1) {
        return Ok(false);
    }
    let yaml = marshal::cluster_configuration(&configuration, &data, kubernetes_version)?;
    config_map.data.get_or_insert_default().insert(CLUSTER_CONFIGURATION_KEY.to_owned(), yaml);
    Ok(true)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn the_version_moves_with_an_upgrade() {
        let data = AdditionalData { cluster_name: Some("c".into()), ..AdditionalData::default() };
        let mut map = config_map(&ClusterConfiguration::default(), &data, "v1.30.0").unwrap();
        let set = |version: &'static str| {
            move |_: &mut ClusterConfiguration, data: &mut AdditionalData| {
                data.kubernetes_version = Some(version.into())
            }
        };
        assert!(update(&mut map, "v1.31.0", set("v1.31.0")).unwrap());
        assert!(!update(&mut map, "v1.31.0", set("v1.31.0")).unwrap());
        assert_eq!(read(&map).unwrap().1.kubernetes_version.as_deref(), Some("v1.31.0"));
        assert!(read(&ConfigMap::default()).is_err());
    }
}
