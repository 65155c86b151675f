//! Fields that our types have and a format of kubeadm does not. There they are unknown, and count for nothing.

use serde_json::Value;

use super::entries_at;
use crate::versions::ConfigurationVersion;

/// What no format has: Cluster API's own. Those that stand for a duration are dropped where that is read.
const OURS: [(&str, &str); 3] = [
    ("", "certificateValidityPeriodDays"),
    ("", "caCertificateValidityPeriodDays"),
    ("/discovery/file", "kubeConfig"),
];

/// What only v1beta4 has.
const NEWER_THAN_V1BETA3: [(&str, &str); 7] = [
    ("", "encryptionAlgorithm"),
    ("", "timeouts"),
    ("/apiServer", "extraEnvs"),
    ("/controllerManager", "extraEnvs"),
    ("/scheduler", "extraEnvs"),
    ("/etcd/local", "extraEnvs"),
    ("/nodeRegistration", "imagePullSerial"),
];

/// Removes what the format does not have.
pub(super) fn drop_unknown(document: &mut Value, version: ConfigurationVersion) {
    let newer: &[_] = match version {
        ConfigurationVersion::V1Beta3 => &NEWER_THAN_V1BETA3,
        ConfigurationVersion::V1Beta4 => &[],
    };
    for (path, key) in OURS.iter().chain(newer) {
        if let Some(entries) = entries_at(document, path) {
            entries.remove(*key);
        }
    }
}
