//! What several tests in this crate need: an authority, certificates, a server that answers over pipes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper::body::Incoming;
use jiff::Timestamp;
use tower::BoxError;

use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::kubeconfig::NewKubeconfig;
use crate::network::{self, SharedNetwork};
use crate::pki::{Authority, Certificate, CertificateRequest, KeyAlgorithm, PrivateKey, Usage};
use crate::serve;
use crate::tls::{self, ClientAuthentication, Identity};
use crate::wire::Wire;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);
pub(crate) type Answer = Result<Response<Full<Bytes>>, BoxError>;

/// One cluster's name, keys and network.
pub(crate) struct Site {
    pub clock: Clock,
    pub entropy: Entropy,
    pub network: SharedNetwork,
    pub authority: Authority,
    pub key: PrivateKey,
}

impl Site {
    pub fn new() -> Self {
        let clock = Clock::simulated(Timestamp::constant(1_800_000_000, 0));
        let entropy = Entropy::seeded(1);
        let random = &mut entropy.stream("site", "");
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256, random).unwrap();
        let authority =
            Authority::new_self_signed("kubernetes", key.clone(), clock.now(), 100 * DAY, random).unwrap();
        Self { clock, entropy, network: network::pipes(), authority, key }
    }

    pub fn certificate(&self, request: &CertificateRequest) -> Certificate {
        self.authority
            .issue(request, &self.key, self.clock.now(), &mut self.entropy.stream("site", "issue"))
            .unwrap()
    }

    pub fn authority_pem(&self) -> String {
        self.authority.certificate().to_pem()
    }

    pub fn identity(&self, request: &CertificateRequest) -> Identity {
        Identity::new(&[self.certificate(request)], &self.key).unwrap()
    }

    pub fn server_tls(&self, host: &str, protocols: &[&[u8]]) -> Arc<rustls::ServerConfig> {
        let request = CertificateRequest::server(host, &[host], DAY).and_usage(Usage::Client);
        let pem = self.authority_pem();
        let clients = ClientAuthentication::Optional(pem.as_bytes());
        tls::server(self.identity(&request), &clients, protocols, &self.clock).unwrap()
    }

    pub fn kubeconfig(&self, server: &str) -> String {
        let request = CertificateRequest::client("admin", &["system:masters"], DAY);
        NewKubeconfig {
            cluster: "test",
            user: "admin",
            server,
            certificate_authority: self.authority_pem().as_bytes(),
            client_certificate: self.certificate(&request).to_pem().as_bytes(),
            client_key: self.key.to_pem().as_bytes(),
        }
        .render()
    }

    /// Serves `service` at `host` over TLS in a task; gives the server's URL and the task.
    pub async fn serve(
        &self,
        address: &str,
        protocols: &[&[u8]],
        service: Wire<Incoming>,
    ) -> (String, tokio::task::JoinHandle<()>) {
        let listener = self.network.listen(address).await.unwrap();
        let host = address.split(':').next().unwrap();
        let url = format!("https://{}", listener.local_address());
        let tls = self.server_tls(host, protocols);
        let task = tokio::spawn(async move {
            let _ = serve::listener(listener, Some(tls), service).await;
        });
        (url, task)
    }
}

pub(crate) fn json(value: &serde_json::Value) -> Response<Full<Bytes>> {
    Response::builder()
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(value.to_string())))
        .unwrap()
}
