//! Names of children, derived so that doing a step twice collides instead of duplicating.
//!
//! The random part of a child's name is a hash of its owner's uid, of the owner as it was seen (its resourceVersion) and
//! of the child's place among those made in one step. A second try from the same view gives the same names; a later
//! view, in which the first children are visible, gives others.

use std::collections::BTreeSet;

/// The letters Kubernetes uses for random suffixes: no vowels, nothing that is easily mistaken.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// Length of a random suffix.
const SUFFIX_LENGTH: usize = 5;

/// The suffix for the child at place `ordinal` of an owner seen at `resource_version`.
pub fn suffix(owner_uid: &str, resource_version: &str, ordinal: usize) -> String {
    let mut hash = Fnv::new();
    for part in [owner_uid, resource_version] {
        hash.write(part.as_bytes());
        hash.write(&[0]);
    }
    hash.write(&(ordinal as u64).to_le_bytes());
    letters(hash.finish())
}

/// How many suffixes in a row may be in use before it is clear that all are: names that are made without their suffix.
const TRIES: usize = 100;

/// The suffixes of `count` children, skipping every one that `taken` says is in use. Fewer where none is left.
pub fn suffixes(
    owner_uid: &str,
    resource_version: &str,
    count: usize,
    taken: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut chosen = BTreeSet::new();
    let mut ordered = Vec::with_capacity(count);
    let (mut ordinal, mut in_vain) = (0, 0);
    while ordered.len() < count && in_vain < TRIES {
        let candidate = suffix(owner_uid, resource_version, ordinal);
        ordinal += 1;
        in_vain += 1;
        if !taken(&candidate) && chosen.insert(candidate.clone()) {
            ordered.push(candidate);
            in_vain = 0;
        }
    }
    ordered
}

/// A short stable text for any content, in the same alphabet: for hashes in names and labels.
pub fn fingerprint(content: &[u8]) -> String {
    let mut hash = Fnv::new();
    hash.write(content);
    let mut text = letters(hash.finish());
    text.push_str(&letters(hash.finish().rotate_left(32)));
    text
}

fn letters(mut value: u64) -> String {
    // FNV's low bits are weak for short inputs: mix before taking letters (the finaliser of splitmix64).
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^= value >> 31;
    let base = ALPHABET.len() as u64;
    let letter = |place: u32| ALPHABET[(value / base.pow(place) % base) as usize] as char;
    (0..SUFFIX_LENGTH as u32).map(letter).collect()
}

/// FNV-1a, 64 bits.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_view_gives_the_same_names_and_a_later_view_others() {
        assert_eq!(suffix("uid", "10", 0), suffix("uid", "10", 0));
        assert_ne!(suffix("uid", "10", 0), suffix("uid", "11", 0));
        assert_ne!(suffix("uid", "10", 0), suffix("uid", "10", 1));
        assert_ne!(suffix("uid", "10", 0), suffix("other", "10", 0));
    }

    #[test]
    fn taken_names_are_skipped_and_no_name_comes_twice() {
        let first = suffixes("uid", "10", 3, |_| false);
        let next = suffixes("uid", "10", 3, |name| first.iter().any(|taken| taken == name));
        assert!(next.iter().all(|name| !first.contains(name)));
        assert!(suffixes("uid", "10", 3, |_| true).is_empty(), "an end, where every name is in use");
        let all: BTreeSet<String> = suffixes("uid", "10", 500, |_| false).into_iter().collect();
        assert_eq!(all.len(), 500);
    }
}
