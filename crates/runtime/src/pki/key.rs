//! Private keys: drawn, read, written, and what they sign with.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Signer as _;
use p256::elliptic_curve::Generate as _;
use p256::pkcs8::DecodePrivateKey as _;
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rustls::SignatureScheme;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivateSec1KeyDer};
use sha2::{Digest as _, Sha256};

use super::{PkiError, der};
use crate::entropy::Stream;

const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const CURVE_P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const CURVE_P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const ECDSA_WITH_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];
const RSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// What kind of key to make, by the names of kubeadm's `encryptionAlgorithm`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// Fast and small; what is used where nobody asks for anything else.
    #[default]
    EcdsaP256,
    /// Slower than P-256.
    EcdsaP384,
    /// Takes tenths of a second to draw.
    Rsa2048,
    /// Takes about a second to draw.
    Rsa3072,
    /// Takes seconds to draw.
    Rsa4096,
}

impl KeyAlgorithm {
    /// Reads kubeadm's name for it, for example `ECDSA-P256`; an empty name means the default.
    pub fn from_name(name: &str) -> Result<Self, PkiError> {
        match name {
            "" | "ECDSA-P256" => Ok(Self::EcdsaP256),
            "ECDSA-P384" => Ok(Self::EcdsaP384),
            "RSA-2048" => Ok(Self::Rsa2048),
            "RSA-3072" => Ok(Self::Rsa3072),
            "RSA-4096" => Ok(Self::Rsa4096),
            other => Err(PkiError::UnknownAlgorithm(other.to_owned())),
        }
    }
}

/// A private key. Its `Debug` form shows nothing secret. Cloning is cheap enough to hand keys around.
#[derive(Clone)]
pub struct PrivateKey {
    signer: Signer,
    /// The public half as X.509 writes it (SubjectPublicKeyInfo).
    public_key_info: Vec<u8>,
}

#[derive(Clone)]
enum Signer {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    /// RSA or Ed25519, whose signatures need no randomness, so the fast implementation serves rehearsals too.
    Other {
        key: Arc<dyn rustls::sign::SigningKey>,
        scheme: SignatureScheme,
        der: Arc<PrivateKeyDer<'static>>,
    },
}

impl PrivateKey {
    /// Draws a new key. RSA is slow (see [`KeyAlgorithm`]).
    pub fn generate(algorithm: KeyAlgorithm, random: &mut Stream) -> Result<Self, PkiError> {
        match algorithm {
            KeyAlgorithm::EcdsaP256 => {
                Ok(Self::p256(p256::ecdsa::SigningKey::generate_from_rng(random.generator())))
            }
            KeyAlgorithm::EcdsaP384 => {
                Ok(Self::p384(p384::ecdsa::SigningKey::generate_from_rng(random.generator())))
            }
            KeyAlgorithm::Rsa2048 => Self::generate_rsa(2048, random),
            KeyAlgorithm::Rsa3072 => Self::generate_rsa(3072, random),
            KeyAlgorithm::Rsa4096 => Self::generate_rsa(4096, random),
        }
    }

    fn generate_rsa(size_bits: usize, random: &mut Stream) -> Result<Self, PkiError> {
        let failed = |reason: String| PkiError::Key { act: "draw an RSA key", reason };
        let key =
            rsa::PrivateKey::new(random.generator(), size_bits).map_err(|error| failed(error.to_string()))?;
        let encoded = key.to_pkcs1_der().map_err(|error| failed(error.to_string()))?;
        Self::other(PrivatePkcs1KeyDer::from(encoded.as_bytes().to_vec()).into())
    }

    fn p256(key: p256::ecdsa::SigningKey) -> Self {
        let point = key.verifying_key().to_sec1_point(false);
        let public_key_info = elliptic_public_key_info(CURVE_P256, point.as_bytes());
        Self { signer: Signer::P256(key), public_key_info }
    }

    fn p384(key: p384::ecdsa::SigningKey) -> Self {
        let point = key.verifying_key().to_sec1_point(false);
        let public_key_info = elliptic_public_key_info(CURVE_P384, point.as_bytes());
        Self { signer: Signer::P384(key), public_key_info }
    }

    fn other(der: PrivateKeyDer<'static>) -> Result<Self, PkiError> {
        let key = signer(&der)?;
        let scheme = match key.algorithm() {
            rustls::SignatureAlgorithm::RSA => SignatureScheme::RSA_PKCS1_SHA256,
            rustls::SignatureAlgorithm::ED25519 => SignatureScheme::ED25519,
            _ => return Err(PkiError::UnsupportedKey),
        };
        let public_key_info = key.public_key().ok_or(PkiError::UnsupportedKey)?.as_ref().to_vec();
        Ok(Self { signer: Signer::Other { key, scheme, der: Arc::new(der) }, public_key_info })
    }

    /// Reads the first private key of a PEM text, in any of the usual forms (`PRIVATE KEY`, `RSA PRIVATE KEY`,
    /// `EC PRIVATE KEY`).
    pub fn from_pem(pem: &[u8]) -> Result<Self, PkiError> {
        let der = der_from_pem(pem)?;
        match &der {
            PrivateKeyDer::Sec1(sec1) => Self::from_sec1(sec1),
            PrivateKeyDer::Pkcs8(pkcs8) => {
                let bytes = pkcs8.secret_pkcs8_der();
                if let Ok(key) = p256::SecretKey::from_pkcs8_der(bytes) {
                    return Ok(Self::p256(key.into()));
                }
                if let Ok(key) = p384::SecretKey::from_pkcs8_der(bytes) {
                    return Ok(Self::p384(key.into()));
                }
                Self::other(der)
            }
            _ => Self::other(der),
        }
    }

    fn from_sec1(sec1: &PrivateSec1KeyDer<'_>) -> Result<Self, PkiError> {
        let bytes = sec1.secret_sec1_der();
        if let Ok(key) = p256::SecretKey::from_sec1_der(bytes) {
            return Ok(Self::p256(key.into()));
        }
        let key = p384::SecretKey::from_sec1_der(bytes).map_err(|_| PkiError::UnsupportedKey)?;
        Ok(Self::p384(key.into()))
    }

    /// The key as PEM: `EC PRIVATE KEY` and `RSA PRIVATE KEY` as kubeadm and upstream write them, else `PRIVATE KEY`.
    pub fn to_pem(&self) -> String {
        let label = match &self.signer {
            Signer::P256(_) | Signer::P384(_) => "EC PRIVATE KEY",
            Signer::Other { der, .. } => match der.as_ref() {
                PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
                _ => "PRIVATE KEY",
            },
        };
        encode_pem(label, self.to_der().secret_der())
    }

    /// The key in the form that others read it: SEC 1 for ECDSA, PKCS #1 or #8 for the others.
    fn to_der(&self) -> PrivateKeyDer<'static> {
        match &self.signer {
            Signer::P256(key) => self.to_sec1(CURVE_P256, &key.to_bytes()),
            Signer::P384(key) => self.to_sec1(CURVE_P384, &key.to_bytes()),
            Signer::Other { der, .. } => der.clone_key(),
        }
    }

    /// An ECPrivateKey (RFC 5915) with curve and public half, as Go writes it. The public half is known: a library would work
    /// it out again, which costs as much as a signature.
    fn to_sec1(&self, curve: &[u8], secret: &[u8]) -> PrivateKeyDer<'static> {
        let point = match self.public_key_info.len().checked_sub(2 * secret.len() + 1) {
            Some(start) => &self.public_key_info[start..],
            None => &[],
        };
        let encoded = der::sequence(&[
            &der::unsigned(&[1]),
            &der::octets(secret),
            &der::explicit(0, &der::oid(curve)),
            &der::explicit(1, &der::bits(point)),
        ]);
        PrivateSec1KeyDer::from(encoded).into()
    }

    /// The key as TLS signs with it.
    pub(crate) fn to_signer(&self) -> Result<Arc<dyn rustls::sign::SigningKey>, PkiError> {
        match &self.signer {
            Signer::Other { key, .. } => Ok(Arc::clone(key)),
            Signer::P256(_) | Signer::P384(_) => signer(&self.to_der()),
        }
    }

    /// The public half as PEM (`PUBLIC KEY`), for example for service account tokens.
    pub fn public_pem(&self) -> String {
        encode_pem("PUBLIC KEY", &self.public_key_info)
    }

    /// The public half as X.509 writes it (DER of SubjectPublicKeyInfo).
    pub fn public_key_info(&self) -> &[u8] {
        &self.public_key_info
    }

    /// The AlgorithmIdentifier of this key's signatures.
    pub(super) fn signature_algorithm(&self) -> Vec<u8> {
        match &self.signer {
            Signer::P256(_) => der::sequence(&[&der::oid(ECDSA_WITH_SHA256)]),
            Signer::P384(_) => der::sequence(&[&der::oid(ECDSA_WITH_SHA384)]),
            Signer::Other { scheme: SignatureScheme::ED25519, .. } => der::sequence(&[&der::oid(ED25519)]),
            // RSA alone has parameters, and they are always null.
            Signer::Other { .. } => der::sequence(&[&der::oid(RSA_WITH_SHA256), &[0x05, 0x00]]),
        }
    }

    /// Signs `message`, hashed as [`PrivateKey::signature_algorithm`] says.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, PkiError> {
        let failed = |reason: String| PkiError::Key { act: "sign", reason };
        match &self.signer {
            Signer::P256(key) => {
                let signature: p256::ecdsa::DerSignature =
                    key.try_sign(message).map_err(|error| failed(error.to_string()))?;
                Ok(signature.as_bytes().to_vec())
            }
            Signer::P384(key) => {
                let signature: p384::ecdsa::DerSignature =
                    key.try_sign(message).map_err(|error| failed(error.to_string()))?;
                Ok(signature.as_bytes().to_vec())
            }
            Signer::Other { key, scheme, .. } => {
                let signer = key.choose_scheme(&[*scheme]).ok_or(PkiError::UnsupportedKey)?;
                signer.sign(message).map_err(|error| failed(error.to_string()))
            }
        }
    }
}

fn der_from_pem(pem: &[u8]) -> Result<PrivateKeyDer<'static>, PkiError> {
    PrivateKeyDer::from_pem_slice(pem)
        .map_err(|error| PkiError::Pem { wanted: "private key", reason: pem_reason(&error) })
}

fn signer(der: &PrivateKeyDer<'_>) -> Result<Arc<dyn rustls::sign::SigningKey>, PkiError> {
    rustls::crypto::ring::sign::any_supported_type(der).map_err(|_| PkiError::UnsupportedKey)
}

/// Reads the first private key of a PEM text only to show who we are with it, which is much cheaper than
/// [`PrivateKey::from_pem`]. Keys that lack their public half take the longer way.
pub(crate) fn signer_from_pem(pem: &[u8]) -> Result<Arc<dyn rustls::sign::SigningKey>, PkiError> {
    signer(&der_from_pem(pem)?).or_else(|_| PrivateKey::from_pem(pem)?.to_signer())
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PrivateKey(not shown)")
    }
}

fn elliptic_public_key_info(curve: &[u8], point: &[u8]) -> Vec<u8> {
    let algorithm = der::sequence(&[&der::oid(EC_PUBLIC_KEY), &der::oid(curve)]);
    der::sequence(&[&algorithm, &der::bits(point)])
}

/// kubeadm's way to pin a public key: `sha256:` and the hash of the SubjectPublicKeyInfo in hex.
pub(super) fn public_key_hash(public_key_info: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(7 + 64);
    text.push_str("sha256:");
    for byte in Sha256::digest(public_key_info) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// One PEM section: lines of 64 characters, as everybody writes them.
pub(super) fn encode_pem(label: &str, content: &[u8]) -> String {
    let encoded = STANDARD.encode(content);
    let mut text = String::with_capacity(encoded.len() + encoded.len() / 64 + 2 * label.len() + 40);
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, following) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = following;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

/// The reader's complaint, without any of the text that was read.
pub(super) fn pem_reason(error: &rustls::pki_types::pem::Error) -> String {
    use rustls::pki_types::pem::Error;
    match error {
        Error::NoItemsFound => "there is none".to_owned(),
        Error::MissingSectionEnd { .. } => "its END line is missing".to_owned(),
        Error::IllegalSectionStart { .. } => "its BEGIN line is malformed".to_owned(),
        Error::Base64Decode(_) => "its content is not base64".to_owned(),
        _ => "it is malformed".to_owned(),
    }
}
