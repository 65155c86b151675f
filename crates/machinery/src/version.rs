//! Semantic versions, as Kubernetes and the Go library blang/semver read and order them.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::status::quote;

/// A version: `major.minor.patch[-pre][+build]`.
///
/// Equality looks at everything; order ([`Version::precedence`]) does not look at build metadata.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Version {
    /// Incompatible changes.
    pub major: u64,
    /// Additions.
    pub minor: u64,
    /// Fixes.
    pub patch: u64,
    /// Dot-separated identifiers after `-`; empty for a release.
    pub pre: Vec<Identifier>,
    /// Dot-separated identifiers after `+`.
    pub build: Vec<String>,
}

/// A part of a pre-release. Numbers come before words.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Identifier {
    /// Only digits.
    Number(u64),
    /// Anything else.
    Word(String),
}

/// A text that is no version. The message is the Go library's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidVersion(pub String);

/// How two versions stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// The first is older.
    Older,
    /// They are the same.
    Same,
    /// The first is newer.
    Newer,
    /// They differ in build metadata that has no order (commit hashes, say).
    Different,
}

/// What a comparison looks at beyond major, minor and patch. By default pre-releases, and no build metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompareOptions {
    /// Whether build metadata decides between versions that are the same otherwise.
    pub with_build_tags: bool,
    /// Whether a pre-release counts as its release.
    pub without_pre_releases: bool,
}

fn fail<T>(message: String) -> Result<T, InvalidVersion> {
    Err(InvalidVersion(message))
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_identifier(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn has_leading_zero(text: &str) -> bool {
    text.len() > 1 && text.starts_with('0')
}

fn parse_number(text: &str, name: &str) -> Result<u64, InvalidVersion> {
    if !is_digits(text) {
        return fail(format!("Invalid character(s) found in {} number {}", name.to_lowercase(), quote(text)));
    }
    if has_leading_zero(text) {
        return fail(format!("{name} number must not contain leading zeroes {}", quote(text)));
    }
    text.parse().map_err(|_| {
        let problem = if text.is_empty() { "invalid syntax" } else { "value out of range" };
        InvalidVersion(format!("strconv.ParseUint: parsing {}: {problem}", quote(text)))
    })
}

fn parse_pre(text: &str) -> Result<Identifier, InvalidVersion> {
    if text.is_empty() {
        return fail("Prerelease is empty".to_owned());
    }
    if is_digits(text) {
        if has_leading_zero(text) {
            let message = "Numeric PreRelease version must not contain leading zeroes";
            return fail(format!("{message} {}", quote(text)));
        }
        let number = text.parse().map_err(|_| {
            InvalidVersion(format!("strconv.ParseUint: parsing {}: value out of range", quote(text)))
        });
        return number.map(Identifier::Number);
    }
    if is_identifier(text) {
        return Ok(Identifier::Word(text.to_owned()));
    }
    fail(format!("Invalid character(s) found in prerelease {}", quote(text)))
}

fn parse_build(text: &str) -> Result<String, InvalidVersion> {
    if text.is_empty() {
        return fail("Build meta data is empty".to_owned());
    }
    if is_identifier(text) {
        return Ok(text.to_owned());
    }
    fail(format!("Invalid character(s) found in build meta data {}", quote(text)))
}

impl Version {
    /// A release.
    pub fn new(major: u64, minor: u64, patch: u64) -> Self {
        Self { major, minor, patch, ..Self::default() }
    }

    /// Reads a version that is written in full.
    pub fn parse(text: &str) -> Result<Self, InvalidVersion> {
        if text.is_empty() {
            return fail("Version string empty".to_owned());
        }
        let mut parts = text.splitn(3, '.');
        let (Some(major), Some(minor), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
            return fail("No Major.Minor.Patch elements found".to_owned());
        };
        let (major, minor) = (parse_number(major, "Major")?, parse_number(minor, "Minor")?);
        let (rest, build) = rest.split_once('+').map_or((rest, None), |(rest, build)| (rest, Some(build)));
        let (patch, pre) = rest.split_once('-').map_or((rest, None), |(patch, pre)| (patch, Some(pre)));
        let patch = parse_number(patch, "Patch")?;
        let pre = pre.map(|pre| pre.split('.').map(parse_pre).collect::<Result<_, _>>()).transpose()?;
        let build =
            build.map(|build| build.split('.').map(parse_build).collect::<Result<_, _>>()).transpose()?;
        Ok(Self { major, minor, patch, pre: pre.unwrap_or_default(), build: build.unwrap_or_default() })
    }

    /// Reads a version as people write it: blanks around, a leading `v`, leading zeros, minor or patch left out.
    pub fn parse_tolerant(text: &str) -> Result<Self, InvalidVersion> {
        let text = text.trim();
        let text = text.strip_prefix('v').unwrap_or(text);
        let mut parts: Vec<String> = text.splitn(3, '.').map(without_leading_zeros).collect();
        if parts.len() < 3 {
            if parts.last().is_some_and(|last| last.contains(['+', '-'])) {
                return fail("Short version cannot contain PreRelease/Build meta data".to_owned());
            }
            parts.resize(3, "0".to_owned());
        }
        Self::parse(&parts.join("."))
    }

    /// Reads the tag of an image, where `_` stands for the `+` that a tag cannot have.
    pub fn parse_image_tag(tag: &str) -> Result<Self, InvalidVersion> {
        Self::parse_tolerant(&tag.replace('_', "+"))
    }

    /// Only major, minor and patch.
    pub fn release(&self) -> Self {
        Self::new(self.major, self.minor, self.patch)
    }

    /// Whether this is a pre-release.
    pub fn is_pre_release(&self) -> bool {
        !self.pre.is_empty()
    }

    /// The order of semantic versioning: build metadata has no say.
    pub fn precedence(&self, other: &Self) -> Ordering {
        let release = (self.major, self.minor, self.patch).cmp(&(other.major, other.minor, other.patch));
        release.then_with(|| match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => self.pre.cmp(&other.pre),
        })
    }

    /// Compares as asked for.
    pub fn compare(&self, other: &Self, options: CompareOptions) -> Comparison {
        let order = if options.without_pre_releases {
            self.release().precedence(&other.release())
        } else {
            self.precedence(other)
        };
        match order {
            Ordering::Equal if options.with_build_tags => compare_build(&self.build, &other.build),
            order => order.into(),
        }
    }
}

fn without_leading_zeros(part: &str) -> String {
    if part.len() < 2 {
        return part.to_owned();
    }
    let trimmed = part.trim_start_matches('0');
    if trimmed.starts_with(|first: char| first.is_ascii_digit()) {
        trimmed.to_owned()
    } else {
        format!("0{trimmed}")
    }
}

/// Digits are compared as numbers and come before words. Words are the same or not: they may be hashes.
fn compare_build(left: &[String], right: &[String]) -> Comparison {
    for (a, b) in left.iter().zip(right) {
        // A number that is out of range counts as the largest, as Go's parser leaves it.
        let number = |text: &str| is_digits(text).then(|| text.parse().unwrap_or(u64::MAX));
        let comparison = match (number(a), number(b)) {
            (Some(a), Some(b)) => a.cmp(&b).into(),
            (Some(_), None) => Comparison::Older,
            (None, Some(_)) => Comparison::Newer,
            (None, None) if a == b => Comparison::Same,
            (None, None) => Comparison::Different,
        };
        if comparison != Comparison::Same {
            return comparison;
        }
    }
    left.len().cmp(&right.len()).into()
}

impl From<Ordering> for Comparison {
    fn from(order: Ordering) -> Self {
        match order {
            Ordering::Less => Self::Older,
            Ordering::Equal => Self::Same,
            Ordering::Greater => Self::Newer,
        }
    }
}

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        for (index, identifier) in self.pre.iter().enumerate() {
            f.write_str(if index == 0 { "-" } else { "." })?;
            match identifier {
                Identifier::Number(number) => write!(f, "{number}")?,
                Identifier::Word(word) => f.write_str(word)?,
            }
        }
        for (index, identifier) in self.build.iter().enumerate() {
            f.write_str(if index == 0 { "+" } else { "." })?;
            f.write_str(identifier)?;
        }
        Ok(())
    }
}
