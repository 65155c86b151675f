//! The one source of randomness: UIDs, name suffixes, tokens, keys and jitter.
//!
//! Draws come from named streams. Under a seed, a stream depends on the seed, its name, its key and how often it was
//! opened before, and on nothing else: one draw more in one place does not change any draw in another.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::SysRng;
use rand::{Rng, TryRng};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

/// The letters of names that Kubernetes makes up: no vowels and no look-alikes, so that no words appear.
const SAFE_ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
/// How long the suffix of a generated name is.
const SUFFIX_LENGTH: usize = 5;
/// The letters of bootstrap tokens.
const TOKEN_ALPHABET: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const TOKEN_ID_LENGTH: usize = 6;
const TOKEN_SECRET_LENGTH: usize = 16;

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes: {0}")]
pub struct EntropyError(String);

/// A handle that opens streams. Cheap to clone; clones share the counts of opened streams.
#[derive(Clone)]
pub struct Entropy {
    shared: Arc<Shared>,
}

struct Shared {
    /// Secret in production: whoever knows it knows every key drawn later.
    root: [u8; 32],
    openings: Openings,
}

/// How a stream that is opened twice gives something else the second time.
enum Openings {
    /// One count over all streams: nothing is kept per stream, which suits a process that runs for months.
    Together(Mutex<u64>),
    /// A count per stream, by its digest: the price of runs that repeat.
    PerStream(Mutex<BTreeMap<[u8; 16], u64>>),
}

impl Entropy {
    /// Randomness from the operating system, fit for keys.
    pub fn system() -> Result<Self, EntropyError> {
        let mut root = [0; 32];
        SysRng.try_fill_bytes(&mut root).map_err(|error| EntropyError(error.to_string()))?;
        Ok(Self::from_root(root, Openings::Together(Mutex::new(0))))
    }

    /// The same draws for the same seed, in every run. Never for keys that protect anything.
    pub fn seeded(seed: u64) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"seed");
        hasher.update(seed.to_be_bytes());
        Self::from_root(hasher.finalize().into(), Openings::PerStream(Mutex::new(BTreeMap::new())))
    }

    fn from_root(root: [u8; 32], openings: Openings) -> Self {
        Self { shared: Arc::new(Shared { root, openings }) }
    }

    /// Whether draws repeat under the same seed.
    pub fn is_seeded(&self) -> bool {
        matches!(self.shared.openings, Openings::PerStream(_))
    }

    /// Opens the stream `name` for `key`, for example `("uid", "machines/default/a")`. Opening it again goes on with
    /// other draws.
    pub fn stream(&self, name: &str, key: &str) -> Stream {
        let mut hasher = Sha256::new();
        hasher.update(self.shared.root);
        hasher.update((name.len() as u64).to_be_bytes());
        hasher.update(name.as_bytes());
        hasher.update(key.as_bytes());
        let opening = match &self.shared.openings {
            Openings::Together(count) => next(&mut count.lock().unwrap_or_else(PoisonError::into_inner)),
            Openings::PerStream(counts) => {
                let mut label = [0; 16];
                label.copy_from_slice(&hasher.clone().finalize()[..16]);
                next(counts.lock().unwrap_or_else(PoisonError::into_inner).entry(label).or_default())
            }
        };
        hasher.update(opening.to_be_bytes());
        Stream { generator: ChaCha20Rng::from_seed(hasher.finalize().into()) }
    }
}

fn next(count: &mut u64) -> u64 {
    let now = *count;
    *count += 1;
    now
}

impl fmt::Debug for Entropy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Entropy").field("seeded", &self.is_seeded()).finish_non_exhaustive()
    }
}

/// Draws in order. Also a `rand` generator (see [`Stream::generator`]) for those who take one.
pub struct Stream {
    generator: ChaCha20Rng,
}

impl Stream {
    /// A version 4 UUID as text.
    pub fn uid(&mut self) -> String {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        uuid_text(&bytes)
    }

    /// Five characters for the end of a generated name.
    pub fn suffix(&mut self) -> String {
        self.text(SAFE_ALPHABET, SUFFIX_LENGTH)
    }

    /// `count` random bytes.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.fill(&mut bytes);
        bytes
    }

    /// Fills `target` with random bytes.
    pub fn fill(&mut self, target: &mut [u8]) {
        self.generator.fill_bytes(target);
    }

    /// `duration` made longer by up to `factor` times itself: `jitter(10 s, 0.2)` lies between 10 and 12 seconds.
    pub fn jitter(&mut self, duration: Duration, factor: f64) -> Duration {
        // 53 bits are what a double can hold exactly.
        let fraction = (self.generator.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let longer = duration.as_secs_f64() * (1.0 + fraction * factor.max(0.0));
        Duration::try_from_secs_f64(longer).unwrap_or(duration)
    }

    /// A number below `bound`; zero for a bound of zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        // Draws beyond the last whole multiple of the bound would favour small numbers.
        let limit = u64::MAX - u64::MAX % bound;
        loop {
            let draw = self.generator.next_u64();
            if draw < limit {
                return draw % bound;
            }
        }
    }

    /// A bootstrap token as `id.secret`: six and sixteen characters of `[0-9a-z]`.
    pub fn bootstrap_token(&mut self) -> String {
        let id = self.text(TOKEN_ALPHABET, TOKEN_ID_LENGTH);
        let secret = self.text(TOKEN_ALPHABET, TOKEN_SECRET_LENGTH);
        format!("{id}.{secret}")
    }

    /// The generator itself: a `rand_core` 0.10 generator fit for keys.
    pub fn generator(&mut self) -> &mut ChaCha20Rng {
        &mut self.generator
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        let mut text = String::with_capacity(length);
        while text.len() < length {
            let index = self.below(alphabet.len() as u64) as usize;
            text.extend(alphabet.get(index).map(|letter| char::from(*letter)));
        }
        text
    }
}

fn uuid_text(bytes: &[u8; 16]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(36);
    for (position, byte) in bytes.iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 0x0f)]));
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats() {
        let draw = |seed| {
            let entropy = Entropy::seeded(seed);
            let mut stream = entropy.stream("uid", "machines/default/a");
            (stream.uid(), stream.suffix(), stream.bootstrap_token(), entropy.stream("key", "").bytes(32))
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn other_streams_do_not_shift() {
        let quiet = Entropy::seeded(1);
        let busy = Entropy::seeded(1);
        for _ in 0..10 {
            busy.stream("suffix", "other").bytes(100);
        }
        assert_eq!(quiet.stream("uid", "a").uid(), busy.stream("uid", "a").uid());
    }

    #[test]
    fn opening_again_draws_anew() {
        for entropy in [Entropy::seeded(1), Entropy::system().unwrap()] {
            assert_ne!(entropy.stream("uid", "a").uid(), entropy.stream("uid", "a").uid());
        }
    }

    #[test]
    fn names_and_keys_do_not_run_together() {
        let entropy = Entropy::seeded(1);
        assert_ne!(entropy.stream("ab", "c").uid(), entropy.stream("a", "bc").uid());
    }

    #[test]
    fn shapes() {
        let mut stream = Entropy::seeded(3).stream("shapes", "");
        let uid = stream.uid();
        assert_eq!(uid.len(), 36);
        assert_eq!(uid.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&uid.as_bytes()[19]));
        let suffix = stream.suffix();
        assert!(suffix.len() == 5 && suffix.bytes().all(|letter| SAFE_ALPHABET.contains(&letter)));
        let token = stream.bootstrap_token();
        assert_eq!(token.split('.').map(str::len).collect::<Vec<_>>(), [6, 16]);
        for _ in 0..1000 {
            let longer = stream.jitter(Duration::from_secs(10), 0.2);
            assert!((Duration::from_secs(10)..=Duration::from_secs(12)).contains(&longer));
        }
    }
}
