//! Private keys and X.509 certificates: made from one source of randomness and one clock, so that a rehearsal gives the
//! same bytes under the same seed.
//!
//! Signatures are deterministic too: RFC 6979 for ECDSA; RSA PKCS #1 v1.5 and Ed25519 are so by definition. Certificates
//! are encoded here rather than by a library, because an issuer's name has to be carried over byte for byte (users bring
//! their own authorities) and a subject may belong to several organizations (groups, to Kubernetes).

mod authority;
mod certificate;
mod der;
mod key;

pub use authority::{Authority, CertificateRequest, Usage};
pub use certificate::Certificate;
pub(crate) use key::signer_from_pem;
pub use key::{KeyAlgorithm, PrivateKey};

/// What can be wrong with key material. Never holds the material itself.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// The text holds no PEM section of the kind that is needed.
    #[error("no {wanted} in the PEM text: {reason}")]
    Pem {
        /// The kind of section, in words.
        wanted: &'static str,
        /// What the reader found instead.
        reason: String,
    },
    /// The section was there, its content is not what it says.
    #[error("the {what} cannot be read: {reason}")]
    Content {
        /// What was read.
        what: &'static str,
        /// Why it could not be.
        reason: String,
    },
    /// A well-formed key of a kind that is not supported.
    #[error(
        "the private key is of an unsupported kind: want RSA (2048 bits or more), ECDSA P-256 or P-384, or Ed25519"
    )]
    UnsupportedKey,
    /// The name of a key algorithm is not known.
    #[error("key algorithm {0:?} is unknown: want ECDSA-P256, ECDSA-P384, RSA-2048, RSA-3072 or RSA-4096")]
    UnknownAlgorithm(String),
    /// Certificate and private key are not a pair.
    #[error("the private key does not belong to the certificate of {0:?}")]
    Mismatch(String),
    /// The certificate may not sign others.
    #[error("the certificate of {0:?} is not one of a certificate authority")]
    NotAuthority(String),
    /// A key could not be made or used.
    #[error("cannot {act}: {reason}")]
    Key {
        /// What was tried.
        act: &'static str,
        /// Why it failed.
        reason: String,
    },
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::entropy::{Entropy, Stream};

    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

    fn now() -> Timestamp {
        Timestamp::constant(1_800_000_000, 0)
    }

    fn random() -> Stream {
        Entropy::seeded(1).stream("pki", "test")
    }

    fn authority(algorithm: KeyAlgorithm, random: &mut Stream) -> Authority {
        let key = PrivateKey::generate(algorithm, random).unwrap();
        Authority::new_self_signed("kubernetes", key, now(), 10 * YEAR, random).unwrap()
    }

    /// Everything a cluster needs at first, as text.
    fn one_cluster(random: &mut Stream) -> String {
        let authority = authority(KeyAlgorithm::EcdsaP256, random);
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256, random).unwrap();
        let request = CertificateRequest::client("kubernetes-admin", &["system:masters", "ops"], YEAR);
        let client = authority.issue(&request, &key, now(), random).unwrap();
        [authority.certificate().to_pem(), authority.key().to_pem(), client.to_pem(), key.to_pem()].concat()
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        assert_eq!(one_cluster(&mut random()), one_cluster(&mut random()));
        assert_ne!(one_cluster(&mut random()), one_cluster(&mut Entropy::seeded(2).stream("pki", "test")));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let random = &mut random();
        for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384] {
            let authority = authority(algorithm, random);
            let key = PrivateKey::generate(algorithm, random).unwrap();
            let request = CertificateRequest::client("kubernetes-admin", &["system:masters", "ops"], YEAR);
            let issued = authority.issue(&request, &key, now(), random).unwrap();
            let again = Certificate::from_pem(issued.to_pem().as_bytes()).unwrap();
            assert_eq!(again, issued);
            assert_eq!(again.common_name, "kubernetes-admin");
            assert_eq!(again.organizations, ["system:masters", "ops"]);
            assert_eq!(again.not_after, now() + jiff::SignedDuration::from_hours(365 * 24));
            assert!(again.not_before < now());
            assert!(!again.is_authority && authority.certificate().is_authority);
            let key_again = PrivateKey::from_pem(key.to_pem().as_bytes()).unwrap();
            assert!(again.belongs_to(&key_again) && !again.belongs_to(authority.key()));
        }
    }

    #[test]
    fn a_key_without_its_public_half_is_good_too() {
        // What SEC 1 leaves optional, and ring insists on.
        let secret = [7; 32];
        let bare = der::sequence(&[
            &der::unsigned(&[1]),
            &der::octets(&secret),
            &der::explicit(0, &der::oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07])),
        ]);
        let bare = key::encode_pem("EC PRIVATE KEY", &bare);
        let whole = PrivateKey::from_pem(bare.as_bytes()).unwrap();
        for pem in [bare, whole.to_pem()] {
            let signer = signer_from_pem(pem.as_bytes()).unwrap();
            assert_eq!(signer.public_key().unwrap().as_ref(), whole.public_key_info());
        }
    }

    #[test]
    fn signatures_verify() {
        let random = &mut random();
        for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384] {
            let authority = authority(algorithm, random);
            let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256, random).unwrap();
            let request = CertificateRequest::server("etcd", &["localhost", "127.0.0.1", "::1"], YEAR);
            let issued = authority.issue(&request.and_usage(Usage::Client), &key, now(), random).unwrap();
            assert_signed_by(&issued, authority.certificate());
            assert_signed_by(authority.certificate(), authority.certificate());
        }
    }

    fn assert_signed_by(issued: &Certificate, authority: &Certificate) {
        use rustls::pki_types::{ServerName, UnixTime};
        if issued == authority {
            return;
        }
        let mut roots = rustls::RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(roots.into(), provider)
            .build()
            .unwrap();
        let time = UnixTime::since_unix_epoch(Duration::from_secs(1_800_000_000));
        for host in ["localhost", "127.0.0.1", "::1"] {
            let name = ServerName::try_from(host).unwrap();
            rustls::client::danger::ServerCertVerifier::verify_server_cert(
                verifier.as_ref(),
                issued.der(),
                &[],
                &name,
                &[],
                time,
            )
            .unwrap();
        }
    }

    #[test]
    fn rsa_and_other_people_s_keys_sign_too() {
        let random = &mut random();
        let rsa = PrivateKey::generate(KeyAlgorithm::Rsa2048, random).unwrap();
        let again = PrivateKey::from_pem(rsa.to_pem().as_bytes()).unwrap();
        assert!(rsa.to_pem().starts_with("-----BEGIN RSA PRIVATE KEY-----\n"));
        assert_eq!(again.public_key_info(), rsa.public_key_info());
        // An Ed25519 key as `openssl genpkey -algorithm ed25519` writes it.
        let pem = b"-----BEGIN PRIVATE KEY-----\n\
            MC4CAQAwBQYDK2VwBCIEIIJtJBnTuKbIy5YjoNiH95ky3DcA3kRB0I2i7DkVM6Cf\n-----END PRIVATE KEY-----\n";
        let ed25519 = PrivateKey::from_pem(pem).unwrap();
        for key in [again, ed25519] {
            let authority = Authority::new_self_signed("their own", key, now(), YEAR, random).unwrap();
            let leaf = PrivateKey::generate(KeyAlgorithm::EcdsaP256, random).unwrap();
            let request = CertificateRequest::server("etcd", &["localhost", "127.0.0.1", "::1"], YEAR);
            let issued = authority.issue(&request, &leaf, now(), random).unwrap();
            assert_signed_by(&issued, authority.certificate());
        }
    }

    #[test]
    fn a_certificate_and_a_foreign_key_are_refused() {
        let random = &mut random();
        let (one, two) =
            (authority(KeyAlgorithm::EcdsaP256, random), authority(KeyAlgorithm::EcdsaP256, random));
        let (certificate, key) = (one.certificate().to_pem(), two.key().to_pem());
        let error = Authority::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap_err();
        assert!(matches!(error, PkiError::Mismatch(_)));
        let own = one.key().to_pem();
        Authority::from_pem(certificate.as_bytes(), own.as_bytes()).unwrap();
        let leaf = one.issue(&CertificateRequest::client("a", &[], YEAR), two.key(), now(), random).unwrap();
        let error = Authority::from_pem(leaf.to_pem().as_bytes(), key.as_bytes()).unwrap_err();
        assert!(matches!(error, PkiError::NotAuthority(_)));
    }

    #[test]
    fn errors_show_no_key() {
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256, &mut random()).unwrap();
        let pem = key.to_pem();
        let secret = pem.lines().nth(1).unwrap();
        for broken in
            [pem.replace("-----END", "-----"), pem.replace("EC PRIVATE", "RSA PRIVATE"), String::new()]
        {
            let error = PrivateKey::from_pem(broken.as_bytes()).unwrap_err();
            assert!(!format!("{error} {error:?}").contains(&secret[..16]), "{error:?}");
        }
        assert!(!format!("{key:?}").contains(&secret[..16]));
    }

    #[test]
    fn pins_are_kubeadm_s() {
        let authority = authority(KeyAlgorithm::EcdsaP256, &mut random());
        let pin = authority.certificate().public_key_hash();
        assert!(pin.starts_with("sha256:") && pin.len() == 7 + 64);
    }

    #[test]
    fn times_after_2049_are_written_in_full() {
        let random = &mut random();
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256, random).unwrap();
        let authority = Authority::new_self_signed("old", key, now(), 100 * YEAR, random).unwrap();
        assert_eq!(
            authority.certificate().not_after,
            now() + jiff::SignedDuration::from_hours(100 * 365 * 24)
        );
    }
}
