//! Certificate authorities: made, read, and what they issue.

use std::net::IpAddr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};

use super::{Certificate, PkiError, PrivateKey, der};
use crate::entropy::Stream;

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];
const SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x0e];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x23];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25];
const SERVER_AUTHENTICATION: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01];
const CLIENT_AUTHENTICATION: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];

/// Bits of the key usage extension, first byte.
const DIGITAL_SIGNATURE: u8 = 0x80;
const KEY_ENCIPHERMENT: u8 = 0x20;
const CERTIFICATE_SIGN: u8 = 0x04;
const LEAF_USAGE: u8 = DIGITAL_SIGNATURE | KEY_ENCIPHERMENT;

const SERIAL_LENGTH_BYTES: usize = 16;
const KEY_IDENTIFIER_LENGTH_BYTES: usize = 20;
/// A new authority is valid a little before it is made, for machines whose clocks are behind.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What a certificate may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// To prove a server's name.
    Server,
    /// To prove who a client is.
    Client,
}

/// What to certify.
#[derive(Clone, Debug)]
pub struct CertificateRequest {
    /// Whose certificate: a user's or a server's name.
    pub common_name: String,
    /// The groups of a user.
    pub organizations: Vec<String>,
    /// DNS names of a server.
    pub dns_names: Vec<String>,
    /// Addresses of a server.
    pub ip_addresses: Vec<IpAddr>,
    /// At least one.
    pub usages: Vec<Usage>,
    /// How long it is valid from now on.
    pub valid_for: Duration,
}

impl CertificateRequest {
    /// A client's certificate for a user in groups.
    pub fn client(common_name: &str, organizations: &[&str], valid_for: Duration) -> Self {
        Self {
            common_name: common_name.to_owned(),
            organizations: organizations.iter().map(|group| (*group).to_owned()).collect(),
            dns_names: Vec::new(),
            ip_addresses: Vec::new(),
            usages: vec![Usage::Client],
            valid_for,
        }
    }

    /// A server's certificate; each of `hosts` is a DNS name or an IP address.
    pub fn server(common_name: &str, hosts: &[&str], valid_for: Duration) -> Self {
        let mut request = Self { usages: vec![Usage::Server], ..Self::client(common_name, &[], valid_for) };
        for host in hosts {
            match host.parse() {
                Ok(address) => request.ip_addresses.push(address),
                Err(_) => request.dns_names.push((*host).to_owned()),
            }
        }
        request
    }

    /// The same, also to be used for `usage`.
    #[must_use]
    pub fn and_usage(mut self, usage: Usage) -> Self {
        self.usages.push(usage);
        self
    }
}

/// A certificate authority with its private key.
#[derive(Clone, Debug)]
pub struct Authority {
    certificate: Certificate,
    key: PrivateKey,
}

impl Authority {
    /// Makes a new authority that signs itself: valid for `valid_for` from `now`, and allowed to sign leaf certificates
    /// only. kubeadm's are named `kubernetes`.
    pub fn new_self_signed(
        common_name: &str,
        key: PrivateKey,
        now: Timestamp,
        valid_for: Duration,
        random: &mut Stream,
    ) -> Result<Self, PkiError> {
        let subject = name(common_name, &[]);
        let identifier = key_identifier(key.public_key_info());
        let extensions = [
            key_usage(LEAF_USAGE | CERTIFICATE_SIGN),
            extension(BASIC_CONSTRAINTS, true, &der::sequence(&[&der::boolean_true(), &der::unsigned(&[])])),
            extension(SUBJECT_KEY_IDENTIFIER, false, &der::octets(&identifier)),
        ];
        let to_sign = ToSign {
            serial: serial(random),
            issuer: &subject,
            subject: &subject,
            not_before: now.checked_sub(CLOCK_SKEW).unwrap_or(now),
            not_after: later(now, valid_for),
            public_key_info: key.public_key_info(),
            extensions: &extensions,
        };
        let certificate = to_sign.sign(&key)?;
        Ok(Self { certificate, key })
    }

    /// Takes an authority that exists; the key must belong to the certificate, and the certificate must be allowed to
    /// sign.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, PkiError> {
        let certificate = Certificate::from_pem(certificate)?;
        let key = PrivateKey::from_pem(key)?;
        if !certificate.belongs_to(&key) {
            return Err(PkiError::Mismatch(certificate.common_name));
        }
        if !certificate.is_authority {
            return Err(PkiError::NotAuthority(certificate.common_name));
        }
        Ok(Self { certificate, key })
    }

    /// The authority's own certificate, which others trust.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The authority's private key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// Issues a certificate for the public half of `subject_key`. It is valid since the authority is, so that a machine
    /// whose clock is behind accepts it.
    pub fn issue(
        &self,
        request: &CertificateRequest,
        subject_key: &PrivateKey,
        now: Timestamp,
        random: &mut Stream,
    ) -> Result<Certificate, PkiError> {
        let mut extensions = vec![key_usage(LEAF_USAGE), extended_key_usage(&request.usages)];
        if let Some(identifier) = &self.certificate.subject_key_identifier {
            let value = der::sequence(&[&der::implicit(0, identifier)]);
            extensions.push(extension(AUTHORITY_KEY_IDENTIFIER, false, &value));
        }
        extensions.extend(alternative_names(request));
        let to_sign = ToSign {
            serial: serial(random),
            issuer: &self.certificate.subject,
            subject: &name(&request.common_name, &request.organizations),
            not_before: self.certificate.not_before.min(now),
            not_after: later(now, request.valid_for),
            public_key_info: subject_key.public_key_info(),
            extensions: &extensions,
        };
        to_sign.sign(&self.key)
    }
}

/// The part of a certificate that is signed.
struct ToSign<'a> {
    serial: Vec<u8>,
    issuer: &'a [u8],
    subject: &'a [u8],
    not_before: Timestamp,
    not_after: Timestamp,
    public_key_info: &'a [u8],
    extensions: &'a [Vec<u8>],
}

impl ToSign<'_> {
    fn sign(&self, key: &PrivateKey) -> Result<Certificate, PkiError> {
        let algorithm = key.signature_algorithm();
        let version_3 = der::explicit(0, &der::unsigned(&[2]));
        let validity = der::sequence(&[&der::time(self.not_before), &der::time(self.not_after)]);
        let extensions: Vec<&[u8]> = self.extensions.iter().map(Vec::as_slice).collect();
        let body = der::sequence(&[
            &version_3,
            &der::unsigned(&self.serial),
            &algorithm,
            self.issuer,
            &validity,
            self.subject,
            self.public_key_info,
            &der::explicit(3, &der::sequence(&extensions)),
        ]);
        let signature = key.sign(&body)?;
        let whole = der::sequence(&[&body, &algorithm, &der::bits(&signature)]);
        Certificate::from_der(CertificateDer::from(whole))
    }
}

/// A positive serial number; 127 bits make a collision within one authority unthinkable.
fn serial(random: &mut Stream) -> Vec<u8> {
    let mut bytes = random.bytes(SERIAL_LENGTH_BYTES);
    if let Some(first) = bytes.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    bytes
}

fn later(now: Timestamp, duration: Duration) -> Timestamp {
    SignedDuration::try_from(duration)
        .ok()
        .and_then(|signed| now.checked_add(signed).ok())
        .unwrap_or(Timestamp::MAX)
}

fn name(common_name: &str, organizations: &[String]) -> Vec<u8> {
    let attribute = |kind, value: &str| der::set(&der::sequence(&[&der::oid(kind), &der::text(value)]));
    let mut parts: Vec<Vec<u8>> = organizations.iter().map(|group| attribute(ORGANIZATION, group)).collect();
    if !common_name.is_empty() {
        parts.push(attribute(COMMON_NAME, common_name));
    }
    der::sequence(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// RFC 7093, method 1: the left 160 bits of a SHA-256; what it is made of matters to nobody as long as it is unique.
fn key_identifier(public_key_info: &[u8]) -> Vec<u8> {
    Sha256::digest(public_key_info).iter().take(KEY_IDENTIFIER_LENGTH_BYTES).copied().collect()
}

fn extension(kind: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { der::boolean_true() } else { Vec::new() };
    der::sequence(&[&der::oid(kind), &critical, &der::octets(value)])
}

fn key_usage(usage: u8) -> Vec<u8> {
    let unused_bits = usage.trailing_zeros() as u8;
    extension(KEY_USAGE, true, &der::padded_bits(unused_bits, &[usage]))
}

fn extended_key_usage(usages: &[Usage]) -> Vec<u8> {
    let kinds: Vec<Vec<u8>> = usages
        .iter()
        .map(|usage| match usage {
            Usage::Server => der::oid(SERVER_AUTHENTICATION),
            Usage::Client => der::oid(CLIENT_AUTHENTICATION),
        })
        .collect();
    extension(EXTENDED_KEY_USAGE, false, &der::sequence(&kinds.iter().map(Vec::as_slice).collect::<Vec<_>>()))
}

fn alternative_names(request: &CertificateRequest) -> Option<Vec<u8>> {
    let dns_names = request.dns_names.iter().map(|host| der::implicit(2, host.as_bytes()));
    let addresses = request.ip_addresses.iter().map(|address| match address {
        IpAddr::V4(address) => der::implicit(7, &address.octets()),
        IpAddr::V6(address) => der::implicit(7, &address.octets()),
    });
    let names: Vec<Vec<u8>> = dns_names.chain(addresses).collect();
    if names.is_empty() {
        return None;
    }
    let value = der::sequence(&names.iter().map(Vec::as_slice).collect::<Vec<_>>());
    Some(extension(SUBJECT_ALTERNATIVE_NAME, false, &value))
}
