//! Which configuration format which kubeadm reads.

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
        match major_and_minor(version)? {
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
fn major_and_minor(version: &str) -> Result<(u64, u64), Error> {
    let invalid = |reason| Error::InvalidVersion { version: version.to_owned(), reason };
    let text = version.trim();
    let text = text.strip_prefix('v').unwrap_or(text);
    let numbers_end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, suffix) = text.split_at(numbers_end);
    let parts: Vec<&str> = numbers.split('.').collect();
    if parts.len() > 3 || (parts.len() < 3 && !suffix.is_empty()) {
        return Err(invalid("it must have three numbers where it has a pre-release or build"));
    }
    if !suffix.bytes().all(|b| b.is_ascii_alphanumeric() || b".-+".contains(&b)) {
        return Err(invalid("pre-release and build may hold letters, digits, dots and dashes only"));
    }
    let mut values = [0_u64; 3];
    for (value, part) in values.iter_mut().zip(&parts) {
        if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
            return Err(invalid("major, minor and patch must be numbers"));
        }
        *value = part.parse().map_err(|_| invalid("a number is too large"))?;
    }
    let [major, minor, _] = values;
    Ok((major, minor))
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
        for bad in ["", "v", "bad", "1.x", "1.30-rc.1", "1.2.3.4", "1.30.0-ä"] {
            assert!(matches!(of(bad), Err(Error::InvalidVersion { .. })), "{bad}");
        }
    }
}
