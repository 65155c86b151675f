//! TLS for clients and servers: who is trusted, who we are, and what time it is.
//!
//! Time comes from the [`Clock`], so that certificates expire in a rehearsal too. There are no built-in roots: each
//! connection trusts exactly the authority it is given. Sessions are never resumed; connections are few and long-lived,
//! and thousands of configurations with a session store each would cost more than the handshakes they save.

use std::io;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rustls::client::Resumption;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SigningKey, SingleCertAndKey};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::clock::Clock;
use crate::network::Connection;
use crate::pki::{self, Certificate, PkiError, PrivateKey};

/// ALPN name of HTTP/2.
pub const HTTP_2: &[u8] = b"h2";
/// ALPN name of HTTP/1.1.
pub const HTTP_1_1: &[u8] = b"http/1.1";

/// One provider for all configurations: it is large, and the same for all.
static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(ring::default_provider()));

/// A client's side of a connection after the handshake.
pub type ClientStream = tokio_rustls::client::TlsStream<Connection>;
/// A server's side of a connection after the handshake.
pub type ServerStream = tokio_rustls::server::TlsStream<Connection>;

/// Why a configuration could not be made or a name not be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Certificate or key could not be read.
    #[error(transparent)]
    Material(#[from] PkiError),
    /// Certificate and key were read, but cannot be used for TLS.
    #[error("TLS cannot use the {what}: {reason}")]
    Refused {
        /// Which part.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// Neither a DNS name nor an IP address.
    #[error("{0:?} is neither a DNS name nor an IP address")]
    ServerName(String),
}

/// Who we say we are: a certificate, those that lead to its authority, and the private key.
pub struct Identity {
    certified: CertifiedKey,
}

impl Identity {
    /// Reads an identity; checks that the key belongs to the first certificate.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        Self::certified(&Certificate::all_from_pem(certificates)?, pki::signer_from_pem(key)?)
    }

    /// Makes an identity of what was just issued.
    pub fn new(certificates: &[Certificate], key: &PrivateKey) -> Result<Self, TlsError> {
        Self::certified(certificates, key.to_signer()?)
    }

    fn certified(certificates: &[Certificate], key: Arc<dyn SigningKey>) -> Result<Self, TlsError> {
        let Some(first) = certificates.first() else {
            return Err(TlsError::Refused { what: "certificate", reason: "there is none".to_owned() });
        };
        if !key.public_key().is_some_and(|public| first.has_public_key(&public)) {
            return Err(PkiError::Mismatch(first.common_name.clone()).into());
        }
        let chain = certificates.iter().map(|certificate| certificate.der().clone()).collect();
        Ok(Self { certified: CertifiedKey::new(chain, key) })
    }

    fn into_resolver(self) -> Arc<SingleCertAndKey> {
        Arc::new(SingleCertAndKey::from(self.certified))
    }
}

/// Whom a client trusts.
pub enum Trust<'a> {
    /// Servers whose certificate one of these authorities (PEM) signed.
    Authorities(&'a [u8]),
    /// As [`Trust::Authorities`], but whatever name the certificate is for. For where a pod is reached through a tunnel
    /// that already says which pod it is.
    AuthoritiesAnyName(&'a [u8]),
    /// Anybody. Only where a user wrote so.
    Anybody,
}

/// A client's configuration. `protocols` are offered by ALPN in order of preference; none offers nothing.
pub fn client(
    trust: &Trust<'_>,
    identity: Option<Identity>,
    protocols: &[&[u8]],
    clock: &Clock,
) -> Result<Arc<ClientConfig>, TlsError> {
    let refused =
        |error: rustls::Error| TlsError::Refused { what: "client certificate", reason: error.to_string() };
    let builder = ClientConfig::builder_with_details(PROVIDER.clone(), time(clock))
        .with_safe_default_protocol_versions()
        .map_err(refused)?;
    let builder = match trust {
        Trust::Authorities(pem) => builder.with_root_certificates(roots(pem)?),
        Trust::AuthoritiesAnyName(pem) => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyName(server_verifier(pem)?)))
        }
        Trust::Anybody => builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified)),
    };
    let mut config = match identity {
        Some(identity) => builder.with_client_cert_resolver(identity.into_resolver()),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// Whether a server asks clients who they are.
pub enum ClientAuthentication<'a> {
    /// It does not ask.
    None,
    /// It asks; who shows a certificate must have it from one of these authorities (PEM), who shows none is let in.
    Optional(&'a [u8]),
    /// Nobody is let in without a certificate from one of these authorities (PEM).
    Required(&'a [u8]),
}

/// A server's configuration. `protocols` are those it speaks, by ALPN.
pub fn server(
    identity: Identity,
    clients: &ClientAuthentication<'_>,
    protocols: &[&[u8]],
    clock: &Clock,
) -> Result<Arc<ServerConfig>, TlsError> {
    let refused =
        |error: rustls::Error| TlsError::Refused { what: "server certificate", reason: error.to_string() };
    let verifier = |pem: &[u8]| {
        Ok::<_, TlsError>(WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots(pem)?),
            PROVIDER.clone(),
        ))
    };
    let wrong = |error: rustls::server::VerifierBuilderError| TlsError::Refused {
        what: "client certificate authority",
        reason: error.to_string(),
    };
    let clients = match clients {
        ClientAuthentication::None => WebPkiClientVerifier::no_client_auth(),
        ClientAuthentication::Optional(pem) => {
            verifier(pem)?.allow_unauthenticated().build().map_err(wrong)?
        }
        ClientAuthentication::Required(pem) => verifier(pem)?.build().map_err(wrong)?,
    };
    let mut config = ServerConfig::builder_with_details(PROVIDER.clone(), time(clock))
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .with_client_cert_verifier(clients)
        .with_cert_resolver(identity.into_resolver());
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// A host as a certificate names it; an IPv6 address may stand in brackets.
pub fn server_name(host: &str) -> Result<ServerName<'static>, TlsError> {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    ServerName::try_from(bare.to_owned()).map_err(|_| TlsError::ServerName(host.to_owned()))
}

/// Shakes hands as the client.
pub async fn connect(
    config: &Arc<ClientConfig>,
    name: &ServerName<'static>,
    connection: Connection,
) -> io::Result<ClientStream> {
    TlsConnector::from(config.clone()).connect(name.clone(), connection).await
}

/// Shakes hands as the server.
pub async fn accept(config: &Arc<ServerConfig>, connection: Connection) -> io::Result<ServerStream> {
    TlsAcceptor::from(config.clone()).accept(connection).await
}

/// The certificate a client showed, if any. It was verified during the handshake.
pub fn peer_certificate(stream: &ServerStream) -> Option<Certificate> {
    let chain = stream.get_ref().1.peer_certificates()?;
    Certificate::from_der(chain.first()?.clone().into_owned()).ok()
}

fn roots(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    for certificate in Certificate::all_from_pem(pem)? {
        store.add(certificate.der().clone()).map_err(|error| TlsError::Refused {
            what: "certificate authority",
            reason: error.to_string(),
        })?;
    }
    Ok(store)
}

fn server_verifier(pem: &[u8]) -> Result<Arc<WebPkiServerVerifier>, TlsError> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots(pem)?), PROVIDER.clone())
        .build()
        .map_err(|error| TlsError::Refused { what: "certificate authority", reason: error.to_string() })
}

fn time(clock: &Clock) -> Arc<dyn TimeProvider> {
    Arc::new(ClockTime(clock.clone()))
}

#[derive(Debug)]
struct ClockTime(Clock);

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// Verifies everything but the name.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict = self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verdict {
            // The name is what is checked last, so everything else was found in order.
            Err(rustls::Error::InvalidCertificate(
                rustls::CertificateError::NotValidForName
                | rustls::CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Verifies nothing about who the server is; only that it holds the key of the certificate it shows.
#[derive(Debug)]
struct Unverified;

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &PROVIDER.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &PROVIDER.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use jiff::Timestamp;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::entropy::Entropy;
    use crate::pki::{Authority, CertificateRequest, KeyAlgorithm, Usage};

    const DAY: Duration = Duration::from_secs(24 * 3600);

    struct Setting {
        clock: Clock,
        authority: Authority,
        server: Certificate,
        client: Certificate,
        key: PrivateKey,
    }

    fn setting() -> Setting {
        let clock = Clock::simulated(Timestamp::constant(1_800_000_000, 0));
        let random = &mut Entropy::seeded(1).stream("tls", "");
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256, random).unwrap();
        let now = clock.now();
        let authority = Authority::new_self_signed("ca", key.clone(), now, 100 * DAY, random).unwrap();
        let request = CertificateRequest::server("api", &["api.local"], 10 * DAY).and_usage(Usage::Client);
        let server = authority.issue(&request, &key, now, random).unwrap();
        let client =
            authority.issue(&CertificateRequest::client("ann", &["ops"], DAY), &key, now, random).unwrap();
        Setting { clock, authority, server, client, key }
    }

    impl Setting {
        fn identity(&self, certificate: &Certificate) -> Identity {
            Identity::new(std::slice::from_ref(certificate), &self.key).unwrap()
        }

        /// Shakes hands; gives the client's result and the name that the server saw.
        async fn shake_hands(
            &self,
            name: &str,
            trust: &Trust<'_>,
            identity: Option<Identity>,
            asks: &ClientAuthentication<'_>,
        ) -> io::Result<Option<String>> {
            let server = server(self.identity(&self.server), asks, &[HTTP_2], &self.clock).unwrap();
            let client = client(trust, identity, &[HTTP_2, HTTP_1_1], &self.clock).unwrap();
            let (ours, theirs) = tokio::io::duplex(4096);
            let accepting = async {
                let mut stream = accept(&server, Box::new(theirs)).await?;
                let peer = peer_certificate(&stream).map(|certificate| certificate.common_name);
                stream.write_all(b"x").await?;
                Ok::<_, io::Error>(peer)
            };
            let name = server_name(name).unwrap();
            let connecting = async {
                let mut stream = connect(&client, &name, Box::new(ours)).await?;
                assert_eq!(stream.get_ref().1.alpn_protocol(), Some(HTTP_2));
                let mut byte = [0];
                stream.read_exact(&mut byte).await?;
                Ok::<_, io::Error>(())
            };
            let (accepted, connected) = futures::join!(accepting, connecting);
            connected?;
            accepted
        }
    }

    #[tokio::test(start_paused = true)]
    async fn servers_are_verified_by_authority_and_name() {
        let setting = setting();
        let pem = setting.authority.certificate().to_pem();
        let nobody = || ClientAuthentication::None;
        let right = Trust::Authorities(pem.as_bytes());
        setting.shake_hands("api.local", &right, None, &nobody()).await.unwrap();
        setting.shake_hands("other.local", &right, None, &nobody()).await.unwrap_err();
        let any_name = Trust::AuthoritiesAnyName(pem.as_bytes());
        setting.shake_hands("other.local", &any_name, None, &nobody()).await.unwrap();
        let random = &mut Entropy::seeded(2).stream("tls", "");
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256, random).unwrap();
        let other = Authority::new_self_signed("ca", key, setting.clock.now(), DAY, random).unwrap();
        let other = other.certificate().to_pem();
        for trust in [Trust::Authorities(other.as_bytes()), Trust::AuthoritiesAnyName(other.as_bytes())] {
            setting.shake_hands("api.local", &trust, None, &nobody()).await.unwrap_err();
        }
        setting.shake_hands("10.0.0.1", &Trust::Anybody, None, &nobody()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn clients_are_known_by_their_certificate() {
        let setting = setting();
        let pem = setting.authority.certificate().to_pem();
        let trust = Trust::Authorities(pem.as_bytes());
        let optional = || ClientAuthentication::Optional(pem.as_bytes());
        let required = || ClientAuthentication::Required(pem.as_bytes());
        let ann = || Some(setting.identity(&setting.client));
        assert_eq!(
            setting.shake_hands("api.local", &trust, ann(), &optional()).await.unwrap().unwrap(),
            "ann"
        );
        assert_eq!(setting.shake_hands("api.local", &trust, None, &optional()).await.unwrap(), None);
        setting.shake_hands("api.local", &trust, None, &required()).await.unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn certificates_expire_by_the_clock() {
        let setting = setting();
        let pem = setting.authority.certificate().to_pem();
        let trust = Trust::Authorities(pem.as_bytes());
        setting.clock.sleep(11 * DAY).await;
        let error =
            setting.shake_hands("api.local", &trust, None, &ClientAuthentication::None).await.unwrap_err();
        assert!(error.to_string().contains("expired"), "{error}");
    }
}
