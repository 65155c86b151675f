//! Certificates as they are read: the facts others ask about.

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::key::{encode_pem, pem_reason, public_key_hash};
use super::{PkiError, PrivateKey};

/// A certificate and what was read from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    der: CertificateDer<'static>,
    /// Not valid before this time.
    pub not_before: Timestamp,
    /// Not valid after this time.
    pub not_after: Timestamp,
    /// The subject's common name (the user, to Kubernetes); empty where there is none.
    pub common_name: String,
    /// The subject's organizations (the groups, to Kubernetes).
    pub organizations: Vec<String>,
    /// Whether it may sign others.
    pub is_authority: bool,
    /// The subject as encoded, to be carried over into what it signs.
    pub(super) subject: Vec<u8>,
    /// What certificates signed by it name it by.
    pub(super) subject_key_identifier: Option<Vec<u8>>,
    public_key_info: Vec<u8>,
}

impl Certificate {
    /// Reads the first certificate of a PEM text.
    pub fn from_pem(pem: &[u8]) -> Result<Self, PkiError> {
        let der = CertificateDer::from_pem_slice(pem)
            .map_err(|error| PkiError::Pem { wanted: "certificate", reason: pem_reason(&error) })?;
        Self::from_der(der)
    }

    /// Reads every certificate of a PEM text, in order; at least one.
    pub fn all_from_pem(pem: &[u8]) -> Result<Vec<Self>, PkiError> {
        let wrong = |reason: String| PkiError::Pem { wanted: "certificate", reason };
        let all = CertificateDer::pem_slice_iter(pem)
            .map(|der| Self::from_der(der.map_err(|error| wrong(pem_reason(&error)))?))
            .collect::<Result<Vec<_>, _>>()?;
        if all.is_empty() { Err(wrong("there is none".to_owned())) } else { Ok(all) }
    }

    /// Reads a certificate in its binary form.
    pub fn from_der(der: CertificateDer<'static>) -> Result<Self, PkiError> {
        let wrong = |reason: String| PkiError::Content { what: "certificate", reason };
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|error| wrong(error.to_string()))?;
        let time = |seconds| Timestamp::from_second(seconds).map_err(|error| wrong(error.to_string()));
        let subject = parsed.subject();
        let subject_key_identifier =
            parsed.iter_extensions().find_map(|extension| match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(identifier) => Some(identifier.0.to_vec()),
                _ => None,
            });
        let organizations =
            subject.iter_organization().filter_map(|name| name.as_str().ok()).map(str::to_owned).collect();
        let common_name =
            subject.iter_common_name().find_map(|name| name.as_str().ok()).unwrap_or_default().to_owned();
        let certificate = Self {
            not_before: time(parsed.validity().not_before.timestamp())?,
            not_after: time(parsed.validity().not_after.timestamp())?,
            common_name,
            organizations,
            is_authority: parsed.is_ca(),
            subject: subject.as_raw().to_vec(),
            subject_key_identifier,
            public_key_info: parsed.public_key().raw.to_vec(),
            der: der.clone(),
        };
        Ok(certificate)
    }

    /// The certificate as PEM.
    pub fn to_pem(&self) -> String {
        encode_pem("CERTIFICATE", &self.der)
    }

    /// The certificate in its binary form.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// kubeadm's pin for it, as in `discovery.bootstrapToken.caCertHashes`: `sha256:` and a hex hash of the public key.
    pub fn public_key_hash(&self) -> String {
        public_key_hash(&self.public_key_info)
    }

    /// Whether `key` is the private half of it.
    pub fn belongs_to(&self, key: &PrivateKey) -> bool {
        self.has_public_key(key.public_key_info())
    }

    /// Whether `public_key_info`, the DER of a SubjectPublicKeyInfo, is what it certifies.
    pub(crate) fn has_public_key(&self, public_key_info: &[u8]) -> bool {
        self.public_key_info == public_key_info
    }
}
