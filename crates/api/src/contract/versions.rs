//! Which contract a kind fulfils, and in which of its versions: said by labels on its CustomResourceDefinition.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::labels::CONTRACT_PREFIX;

/// A contract version whose paths we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contract {
    /// The older one.
    V1Beta1,
    /// The current one.
    V1Beta2,
}

/// The contract that our own controllers speak.
pub const CURRENT: &str = "v1beta2";

impl Contract {
    /// The contract of that name. Contracts other than `v1beta1` use the current paths.
    pub fn from_name(name: &str) -> Self {
        if name == "v1beta1" { Self::V1Beta1 } else { Self::V1Beta2 }
    }

    /// Its name in labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1Beta1 => "v1beta1",
            Self::V1Beta2 => "v1beta2",
        }
    }
}

/// A contract, and the version of a kind to speak to it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Name of the contract.
    pub contract: String,
    /// Version of the kind, without the group.
    pub version: String,
}

/// Why no version of a kind can be chosen.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoVersion {
    /// The name of the contract asked for is empty.
    #[error("current contract version cannot be empty")]
    EmptyContract,
    /// The kind says of no version that it fulfils a compatible contract.
    #[error(
        "CustomResourceDefinition {name}: no version for any of the contracts {contracts:?}: \
         the label cluster.x-k8s.io/<contract> is missing or empty"
    )]
    Unlabelled {
        /// Name of the CustomResourceDefinition.
        name: String,
        /// The contracts that would do, the best first.
        contracts: Vec<String>,
    },
}

/// The contracts that do where `contract` is asked for, the best first. v1beta1 does for v1beta2 for the time being.
pub fn compatible(contract: &str) -> Vec<String> {
    let mut contracts = vec![contract.to_owned()];
    if contract == "v1beta2" {
        contracts.push("v1beta1".to_owned());
    }
    contracts
}

/// The best contract compatible with `current` that a kind fulfils, and the newest version that fulfils it.
///
/// `labels` and `name` are those of the kind's CustomResourceDefinition.
pub fn choose(name: &str, labels: &BTreeMap<String, String>, current: &str) -> Result<Choice, NoVersion> {
    if current.is_empty() {
        return Err(NoVersion::EmptyContract);
    }
    let contracts = compatible(current);
    for contract in &contracts {
        let Some(listed) = labels.get(&format!("{CONTRACT_PREFIX}/{contract}")) else { continue };
        if listed.is_empty() {
            continue;
        }
        if let Some(version) = listed.split('_').max_by(|a, b| compare(a, b)) {
            return Ok(Choice { contract: contract.clone(), version: version.to_owned() });
        }
    }
    Err(NoVersion::Unlabelled { name: name.to_owned(), contracts })
}

/// The contract that one version of a kind fulfils; the first by name where there are several.
pub fn contract_of_version<'a>(labels: &'a BTreeMap<String, String>, version: &str) -> Option<&'a str> {
    labels.iter().find_map(|(key, listed)| {
        let contract = key.strip_prefix(CONTRACT_PREFIX)?.strip_prefix('/')?;
        listed.split('_').any(|one| one == version).then_some(contract)
    })
}

/// Orders API versions as Kubernetes does, the lowest priority first: words of any other form, from z to a; then alpha,
/// beta and stable versions, each by number.
pub fn compare(a: &str, b: &str) -> Ordering {
    match (ApiVersion::parse(a), ApiVersion::parse(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(_), None) => Ordering::Greater,
        (None, Some(_)) => Ordering::Less,
        (None, None) => b.cmp(a),
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Stability {
    Alpha,
    Beta,
    Stable,
}

/// `v1`, `v2beta3`: ordered by stability first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct ApiVersion {
    stability: Stability,
    major: u64,
    minor: u64,
}

impl ApiVersion {
    fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('v')?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (major, rest) = rest.split_at(digits);
        let major = number(major)?;
        if rest.is_empty() {
            return Some(Self { stability: Stability::Stable, major, minor: 0 });
        }
        let (stability, minor) = match rest.strip_prefix("alpha") {
            Some(minor) => (Stability::Alpha, minor),
            None => (Stability::Beta, rest.strip_prefix("beta")?),
        };
        Some(Self { stability, major, minor: number(minor)? })
    }
}

/// Digits only: no sign, not empty.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_stability_then_number() {
        let sorted = [
            "zebra", "ant", "v1alpha1", "v2alpha1", "v1beta1", "v1beta2", "v1beta10", "v2beta1", "v1", "v10",
        ];
        for pair in sorted.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        }
    }

    #[test]
    fn a_version_tells_its_contract() {
        let labels = BTreeMap::from([
            ("cluster.x-k8s.io/v1beta1".to_owned(), "v1alpha4_v1beta1".to_owned()),
            ("cluster.x-k8s.io/v1beta2".to_owned(), "v1beta2".to_owned()),
        ]);
        assert_eq!(contract_of_version(&labels, "v1alpha4"), Some("v1beta1"));
        assert_eq!(contract_of_version(&labels, "v1beta2"), Some("v1beta2"));
        assert_eq!(contract_of_version(&labels, "v1"), None);
    }
}
