//! Which configuration format which kubeadm reads.

use machinery::version::Version;

use crate::Error;

/// A format of kubeadm's configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfigurationVersion {
    /// For Kubernetes 1.22 to 1.30.
    V1Beta3,
    /// For Kubernetes 1.31 and later.
    V1Beta4,
}

impl ConfigurationVersion {
    /// The format for the kubeadm of a Kubernetes version. A pre-release counts as its release.
    pub fn for_kubernetes(version: &str) -> Result<Self, Error> {
        let version_read = parse(version)?;
        match (version_read.major, version_read.minor) {
            older if older < (1, 22) => Err(Error::UnsupportedVersion { version: version.to_owned() }),
            older if older < (1, 31) => Ok(Self::V1Beta3),
            _ => Ok(Self::V1Beta4),
        }
    }

    /// The `apiVersion` of the format.
    pub fn api_version(self) -> &'static str {
        match self {
            Self::V1Beta3 => "kubeadm.k8s.io/v1beta3",
            Self::V1Beta4 => "kubeadm.k8s.io/v1beta4",
        }
    }

    /// The format that an `apiVersion` names.
    pub fn of_api_version(api_version: &str) -> Option<Self> {
        [Self::V1Beta3, Self::V1Beta4].into_iter().find(|version| version.api_version() == api_version)
    }
}

/// Reads a version leniently: with or without a leading `v`, with one to three numbers, with leading zeros.
pub fn parse(version: &str) -> Result<Version, Error> {
    Version::parse_tolerant(version)
        .map_err(|error| Error::InvalidVersion { version: version.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn the_format_changes_with_1_31() {
        use ConfigurationVersion::{V1Beta3, V1Beta4};
        let of = |version| ConfigurationVersion::for_kubernetes(version);
        assert_eq!(of("v1.22.0-alpha.1"), Ok(V1Beta3));
        assert_eq!(of("1.30"), Ok(V1Beta3));
        assert_eq!(of("v1.31.0-rc.0+x"), Ok(V1Beta4));
        assert!(matches!(of("v1.21.9"), Err(Error::UnsupportedVersion { .. })));
        for bad in
            ["", "v", "bad", "1.x", "1.30-rc.1", "1.2.3.4", "1.30.0-ä", "1.31.0-", "1.31.0+", "1.31.0-rc.01"]
        {
            assert!(matches!(of(bad), Err(Error::InvalidVersion { .. })), "{bad}");
        }
    }
}
