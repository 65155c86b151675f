//! Where to put the next control plane Machine, and where to take one away.

use std::collections::BTreeMap;

/// The Machines by failure domain. Machines without a domain, or with one that the cluster does not list, do not count.
#[derive(Clone, Debug, Default)]
pub struct Spread<'a> {
    /// Failure domains that the infrastructure offers to the control plane.
    pub domains: Vec<&'a str>,
    /// Domain of every Machine; empty where it has none.
    pub all: Vec<&'a str>,
    /// Domain of every Machine that counts first: the up-to-date ones when placing, those that may go when deleting.
    pub preferred: Vec<&'a str>,
}

/// Preferred and all Machines of one domain.
type Count = (usize, usize);

impl<'a> Spread<'a> {
    /// The domains for a new Machine, equally good and in order of their names; empty where there are no domains.
    ///
    /// Spreading the preferred Machines comes first, because they are the ones that stay; the rest breaks ties.
    pub fn fewest(&self) -> Vec<&'a str> {
        let counts = self.counts();
        let least = counts.values().min().copied();
        best(&counts, least)
    }

    /// The domains from which a Machine should go, equally good and in order of their names; empty where no domain has a
    /// Machine that may go.
    pub fn most(&self) -> Vec<&'a str> {
        let counts = self.counts();
        let most = counts.values().max().copied().filter(|(preferred, _)| *preferred > 0);
        best(&counts, most)
    }

    fn counts(&self) -> BTreeMap<&'a str, Count> {
        let mut counts: BTreeMap<&'a str, Count> =
            self.domains.iter().map(|domain| (*domain, (0, 0))).collect();
        let named = |domain: &&&'a str| !domain.is_empty();
        for domain in self.all.iter().filter(named) {
            if let Some(count) = counts.get_mut(domain) {
                count.1 += 1;
            }
        }
        for domain in self.preferred.iter().filter(named) {
            if let Some(count) = counts.get_mut(domain) {
                count.0 += 1;
            }
        }
        counts
    }
}

/// Chooses among equally good domains. `lot` should differ between clusters, so that many clusters that grow at the same
/// time do not all grow in the same place, and stay the same for one cluster, so that a decision repeats itself.
pub fn choose<'a>(equally_good: &[&'a str], lot: u64) -> Option<&'a str> {
    let count = u64::try_from(equally_good.len()).ok()?;
    let index = usize::try_from(lot.checked_rem(count)?).ok()?;
    equally_good.get(index).copied()
}

fn best<'a>(counts: &BTreeMap<&'a str, Count>, wanted: Option<Count>) -> Vec<&'a str> {
    counts.iter().filter(|(_, count)| Some(**count) == wanted).map(|(domain, _)| *domain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lot_decides_between_equals() {
        let domains = ["a", "b", "c"];
        assert_eq!(choose(&domains, 4), Some("b"));
        assert_eq!(choose(&domains, 4), choose(&domains, 7));
        assert_eq!(choose(&[], 4), None);
    }
}
