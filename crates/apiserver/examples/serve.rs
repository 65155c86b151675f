//! An API server in memory behind TLS on a free port, for trying clients against it.
//!
//! `cargo run -p apiserver --example serve -- KUBECONFIG` writes a kubeconfig with a client certificate, prints one line
//! when it is ready, and serves until it is killed.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use apiserver::{ApiServer, Identifiers};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;

type Failure = Box<dyn Error + Send + Sync>;

/// Counts: good enough for one process that forgets everything.
struct Counting(AtomicU64);

impl Identifiers for Counting {
    fn uid(&self) -> String {
        format!("00000000-0000-4000-8000-{:012x}", self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn suffix(&self) -> String {
        const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        let mut number = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(7_919);
        let mut text = String::new();
        for _ in 0..5 {
            text.push(char::from(LETTERS[(number % LETTERS.len() as u64) as usize]));
            number /= LETTERS.len() as u64;
        }
        text
    }
}

fn name(common: &str, group: Option<&str>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    if let Some(group) = group {
        name.push(DnType::OrganizationName, group);
    }
    name
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let path = std::env::args().nth(1).ok_or("usage: serve KUBECONFIG")?;
    let ca_key = KeyPair::generate()?;
    let mut ca_params = CertificateParams::new(Vec::<String>::new())?;
    ca_params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca_params.distinguished_name = name("example-ca", None);
    let ca = ca_params.self_signed(&ca_key)?;
    let issuer = Issuer::new(ca_params, ca_key);

    let server_key = KeyPair::generate()?;
    let server_params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    let server_certificate = server_params.signed_by(&server_key, &issuer)?;
    let client_key = KeyPair::generate()?;
    let mut client_params = CertificateParams::new(Vec::<String>::new())?;
    client_params.distinguished_name = name("admin", Some("system:masters"));
    let client_certificate = client_params.signed_by(&client_key, &issuer)?;

    let mut roots = RootCertStore::empty();
    roots.add(ca.der().clone())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .allow_unauthenticated()
        .build()?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
    let mut tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![server_certificate.der().clone()], key)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];

    let store = store::Database::in_memory().store("main")?;
    let server = ApiServer::builder(store)
        .clock(jiff::Timestamp::now)
        .identifiers(Counting(AtomicU64::new(1)))
        .build()
        .await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let kubeconfig = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: main\ncontexts:\n- name: main\n  context: {{cluster: main, user: admin}}\n\
         clusters:\n- name: main\n  cluster: {{server: 'https://127.0.0.1:{}', certificate-authority-data: {}}}\n\
         users:\n- name: admin\n  user: {{client-certificate-data: {}, client-key-data: {}}}\n",
        address.port(),
        STANDARD.encode(ca.pem()),
        STANDARD.encode(client_certificate.pem()),
        STANDARD.encode(client_key.serialize_pem()),
    );
    std::fs::write(&path, kubeconfig)?;
    println!("ready on https://{address}, kubeconfig in {path}");
    apiserver::serve(server, listener, Arc::new(tls), std::future::pending()).await?;
    Ok(())
}
