//! The certificate authority of the management API server: made once, kept in the data directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use runtime::clock::Clock;
use runtime::entropy::Entropy;
use runtime::kubeconfig::NewKubeconfig;
use runtime::pki::{Authority, CertificateRequest, KeyAlgorithm, PkiError, PrivateKey};
use runtime::tls::{self, ClientAuthentication, Identity, TlsError};

use crate::data::write_private;

/// The group whose members may do everything.
const MASTERS: &str = "system:masters";
/// What the authority is called.
const AUTHORITY_NAME: &str = "windlass";
/// What the server is called. Another name than the authority's: OpenSSL takes a certificate whose subject is its issuer for
/// one that signed itself.
const SERVER_NAME: &str = "windlass-apiserver";
/// How long the authority lives.
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// How long certificates live; new ones are made at every start.
const CERTIFICATE_LIFETIME: Duration = Duration::from_secs(365 * 24 * 3600);

/// Why there is no authority. Keys are never part of the text.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file cannot be read or written.
    #[error("cannot {what} {}: {source}", .path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// What a file holds is no authority.
    #[error("{}: {source}; move the file away to have a new authority made, and use the new kubeconfig", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: PkiError,
    },
    /// There is a certificate without its key.
    #[error(
        "{} is missing, and {} is there: restore it from a backup, or move the other away as well to have a new authority \
         made, and use the new kubeconfig",
        .key.display(), .certificate.display()
    )]
    Incomplete {
        /// The certificate's file.
        certificate: PathBuf,
        /// The file that is missing.
        key: PathBuf,
    },
    /// A certificate cannot be made.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// A TLS configuration cannot be made.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// What the API server and its administrator show each other.
pub struct Credentials {
    authority: Authority,
    clock: Clock,
    entropy: Entropy,
}

impl Credentials {
    /// An authority that lives as long as this process.
    ///
    /// # Errors
    /// When the key or the certificate cannot be made.
    pub fn in_memory(clock: &Clock, entropy: &Entropy) -> Result<Self, AuthorityError> {
        Ok(Self { authority: new_authority(clock, entropy)?, clock: clock.clone(), entropy: entropy.clone() })
    }

    /// The authority of a data directory, made and written there if there is none.
    ///
    /// # Errors
    /// When the files cannot be read or written, or hold something else. They are never replaced.
    pub fn load_or_create(
        (certificate, key): (PathBuf, PathBuf),
        clock: &Clock,
        entropy: &Entropy,
    ) -> Result<Self, AuthorityError> {
        let authority = match (read(&certificate)?, read(&key)?) {
            (Some(pem), Some(key_pem)) => {
                PrivateKey::from_pem(&key_pem)
                    .map_err(|source| AuthorityError::Unusable { path: key, source })?;
                Authority::from_pem(&pem, &key_pem)
                    .map_err(|source| AuthorityError::Unusable { path: certificate, source })?
            }
            (Some(_), None) => return Err(AuthorityError::Incomplete { certificate, key }),
            // The key is written first: alone it was never used.
            (None, _) => {
                let authority = new_authority(clock, entropy)?;
                write(&key, authority.key().to_pem().as_bytes())?;
                write(&certificate, authority.certificate().to_pem().as_bytes())?;
                authority
            }
        };
        Ok(Self { authority, clock: clock.clone(), entropy: entropy.clone() })
    }

    /// The TLS configuration of a server that answers on `hosts` and knows clients by certificates of this authority.
    ///
    /// # Errors
    /// When certificates cannot be made.
    pub fn server(&self, hosts: &[&str]) -> Result<std::sync::Arc<rustls::ServerConfig>, AuthorityError> {
        let mut random = self.entropy.stream("management-serving", "");
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256, &mut random)?;
        let request = CertificateRequest::server(SERVER_NAME, hosts, CERTIFICATE_LIFETIME);
        let certificate = self.authority.issue(&request, &key, self.clock.now(), &mut random)?;
        let identity = Identity::new(&[certificate], &key)?;
        let authority = self.authority.certificate().to_pem();
        let clients = ClientAuthentication::Optional(authority.as_bytes());
        Ok(tls::server(identity, &clients, &[tls::HTTP_2, tls::HTTP_1_1], &self.clock)?)
    }

    /// The administrator's kubeconfig for the server at `address` (`host:port`).
    ///
    /// # Errors
    /// When certificates cannot be made.
    pub fn kubeconfig(&self, address: &str) -> Result<String, AuthorityError> {
        let mut random = self.entropy.stream("management-administrator", "");
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256, &mut random)?;
        let request = CertificateRequest::client("windlass-admin", &[MASTERS], CERTIFICATE_LIFETIME);
        let certificate = self.authority.issue(&request, &key, self.clock.now(), &mut random)?;
        let authority = self.authority.certificate().to_pem();
        let (certificate, key) = (certificate.to_pem(), key.to_pem());
        let kubeconfig = NewKubeconfig {
            cluster: "windlass",
            user: "windlass-admin",
            server: &format!("https://{address}"),
            certificate_authority: authority.as_bytes(),
            client_certificate: certificate.as_bytes(),
            client_key: key.as_bytes(),
        };
        Ok(kubeconfig.render())
    }
}

fn new_authority(clock: &Clock, entropy: &Entropy) -> Result<Authority, PkiError> {
    let mut random = entropy.stream("management-authority", "");
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256, &mut random)?;
    Authority::new_self_signed(AUTHORITY_NAME, key, clock.now(), AUTHORITY_LIFETIME, &mut random)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, AuthorityError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(AuthorityError::File { what: "read", path: path.to_owned(), source }),
    }
}

fn write(path: &Path, content: &[u8]) -> Result<(), AuthorityError> {
    write_private(path, content).map_err(|source| AuthorityError::File {
        what: "write",
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_the_authority_signs_has_its_name() {
        assert_ne!(SERVER_NAME, AUTHORITY_NAME);
        let credentials = Credentials::in_memory(&Clock::system(), &Entropy::seeded(1)).unwrap();
        assert_eq!(credentials.authority.certificate().common_name, AUTHORITY_NAME);
    }

    #[test]
    fn the_authority_stays_the_same_and_what_is_not_one_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let paths = || (folder.path().join("ca.crt"), folder.path().join("ca.key"));
        let (clock, entropy) = (Clock::system(), Entropy::seeded(1));
        let first = Credentials::load_or_create(paths(), &clock, &entropy).unwrap();
        let again = Credentials::load_or_create(paths(), &clock, &Entropy::seeded(2)).unwrap();
        assert_eq!(first.authority.certificate().to_pem(), again.authority.certificate().to_pem());

        fs::write(paths().0, "not a certificate").unwrap();
        let error = Credentials::load_or_create(paths(), &clock, &entropy).err().unwrap();
        assert!(error.to_string().contains("ca.crt"), "{error}");
        assert_eq!(fs::read(paths().0).unwrap(), b"not a certificate");

        let key = fs::read(paths().1).unwrap();
        fs::write(paths().1, "not a key").unwrap();
        let error = Credentials::load_or_create(paths(), &clock, &entropy).err().unwrap();
        assert!(error.to_string().contains("ca.key: "), "{error}");
        fs::remove_file(paths().1).unwrap();
        let error = Credentials::load_or_create(paths(), &clock, &entropy).err().unwrap();
        assert!(error.to_string().contains("ca.key is missing"), "{error}");
        assert_eq!(fs::read(paths().0).unwrap(), b"not a certificate");

        fs::remove_file(paths().0).unwrap();
        fs::write(paths().1, key).unwrap();
        Credentials::load_or_create(paths(), &clock, &entropy).unwrap();
    }
}
