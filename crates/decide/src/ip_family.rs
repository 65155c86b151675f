//! Which families of addresses a cluster uses, told by its ranges: what a provider that makes networks of its own goes by.

use std::net::{IpAddr, Ipv6Addr};

use thiserror::Error;

/// How many ranges Pods and Services may have each: one of each family.
const RANGES: usize = 2;

/// The families of addresses of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IpFamily {
    /// IPv4 alone; also of a cluster that says nothing.
    V4,
    /// IPv6 alone.
    V6,
    /// Both.
    Dual,
}

/// Ranges that do not tell.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum IpFamilyError {
    /// More than one of each family.
    #[error("{whose}: too many CIDRs specified")]
    TooMany {
        /// `pods` or `services`.
        whose: &'static str,
    },
    /// No range in CIDR notation.
    #[error("{whose}: could not parse CIDR: invalid CIDR address: {given}")]
    Invalid {
        /// `pods` or `services`.
        whose: &'static str,
        /// What was given.
        given: String,
    },
    /// Services that Pods of another family could not reach.
    #[error("pods and services IP family mismatch")]
    Mismatch,
}

/// The families of a cluster with these ranges of Pods and Services. Where Pods have both, Services may have either.
///
/// # Errors
/// When a range cannot be read, there are more than two, or Pods and Services have nothing in common.
pub fn ip_family(pods: &[String], services: &[String]) -> Result<IpFamily, IpFamilyError> {
    let pods = of_ranges("pods", pods)?;
    let services = of_ranges("services", services)?;
    match (pods, services) {
        (None, None) => Ok(IpFamily::V4),
        (Some(only), None) | (None, Some(only)) => Ok(only),
        (Some(IpFamily::Dual), Some(_)) => Ok(IpFamily::Dual),
        (Some(pods), Some(services)) if pods == services => Ok(pods),
        (Some(_), Some(_)) => Err(IpFamilyError::Mismatch),
    }
}

fn of_ranges(whose: &'static str, ranges: &[String]) -> Result<Option<IpFamily>, IpFamilyError> {
    if ranges.len() > RANGES {
        return Err(IpFamilyError::TooMany { whose });
    }
    let mut found = None;
    for range in ranges {
        let invalid = || IpFamilyError::Invalid { whose, given: range.clone() };
        let family = of_range(range).ok_or_else(invalid)?;
        found = Some(if found.is_some_and(|found| found != family) { IpFamily::Dual } else { family });
    }
    Ok(found)
}

fn of_range(range: &str) -> Option<IpFamily> {
    let (address, length) = range.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let is_number = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || length.parse::<u8>().ok()? > longest {
        return None;
    }
    Some(match address {
        IpAddr::V4(_) => IpFamily::V4,
        // An address of IPv4 in the clothes of IPv6.
        IpAddr::V6(address) if is_mapped(address) => IpFamily::V4,
        IpAddr::V6(_) => IpFamily::V6,
    })
}

fn is_mapped(address: Ipv6Addr) -> bool {
    address.to_ipv4_mapped().is_some()
}
