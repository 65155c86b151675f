//! `kubeadm join`: how a machine finds the cluster, and why both may trust each other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use runtime::kubeconfig::Kubeconfig;
use runtime::pki::Certificate;
use serde_json::Value;

use super::Refusal;
use crate::dev::cloud::cloud_init::Booted;

/// What discovery says.
#[derive(Debug, PartialEq, Eq)]
pub struct Discovered {
    /// `host:port` of the API server.
    pub server: String,
    /// How to know that it is the right one.
    pub authority: Authority,
    /// The bootstrap token, where one is used.
    pub token: Option<String>,
}

/// How the machine knows the cluster's authority.
#[derive(Debug, PartialEq, Eq)]
pub enum Authority {
    /// It must have one of these pins; none means that anybody is trusted.
    Pinned(Vec<String>),
    /// It must be this certificate.
    Certificate(String),
}

fn never(text: impl std::fmt::Display) -> Refusal {
    Refusal::Never(format!("kubeadm join: {text}"))
}

/// Reads the `discovery` of a JoinConfiguration.
pub fn discover(booted: &Booted, discovery: &Value) -> Result<Discovered, Refusal> {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let bootstrap_token = &discovery["bootstrapToken"];
    let tls_token = text(&discovery["tlsBootstrapToken"]);
    if bootstrap_token.is_object() {
        let server = text(&bootstrap_token["apiServerEndpoint"])
            .ok_or_else(|| never("discovery.bootstrapToken.apiServerEndpoint is not set"))?;
        let token = text(&bootstrap_token["token"])
            .ok_or_else(|| never("discovery.bootstrapToken.token is not set"))?;
        let pins = bootstrap_token["caCertHashes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(text)
            .collect::<Vec<_>>();
        if pins.is_empty() && bootstrap_token["unsafeSkipCAVerification"] != true {
            return Err(never("discovery.bootstrapToken needs caCertHashes or unsafeSkipCAVerification"));
        }
        let authority = Authority::Pinned(pins);
        return Ok(Discovered {
            server: without_scheme(&server),
            authority,
            token: Some(tls_token.unwrap_or(token)),
        });
    }
    let Some(path) = text(&discovery["file"]["kubeConfigPath"]) else {
        return Err(never("discovery names neither a bootstrap token nor a file"));
    };
    let content = booted
        .files
        .get(&path)
        .ok_or_else(|| never(format!("there is no file {path} in the bootstrap data")))?;
    // How its user proves itself (often a command on the machine) is not simulated.
    let kubeconfig = Kubeconfig::parse(content, None).map_err(|error| never(format!("{path}: {error}")))?;
    let authority = match kubeconfig.certificate_authority {
        Some(authority) => Authority::Certificate(String::from_utf8_lossy(&authority).into_owned()),
        None => Authority::Pinned(Vec::new()),
    };
    Ok(Discovered { server: without_scheme(&kubeconfig.server), authority, token: tls_token })
}

fn without_scheme(server: &str) -> String {
    server.trim_start_matches("https://").trim_end_matches('/').to_owned()
}

/// Whether the cluster's authority is the one that discovery wants.
pub fn check_hashes(authority: &Authority, cluster: &Certificate) -> Result<(), Refusal> {
    let pin = cluster.public_key_hash();
    match authority {
        Authority::Pinned(pins)
            if pins.is_empty() || pins.iter().any(|wanted| wanted.eq_ignore_ascii_case(&pin)) =>
        {
            Ok(())
        }
        Authority::Pinned(_) => Err(never(format!(
            "the cluster's certificate authority has the public key {pin}, which is not in caCertHashes"
        ))),
        Authority::Certificate(pem) => match Certificate::from_pem(pem.as_bytes()) {
            Ok(wanted) if wanted == *cluster => Ok(()),
            Ok(_) => Err(never("the cluster's certificate authority is not the one in the discovery file")),
            Err(error) => Err(never(format!("the certificate authority in the discovery file: {error}"))),
        },
    }
}

/// Name of the Secret of a token, and its secret part.
pub fn secret_of(token: &str) -> Option<(String, &str)> {
    let (id, secret) = token.split_once('.')?;
    Some((format!("bootstrap-token-{id}"), secret))
}

/// Whether the cluster accepts the token at `now`. `lookup` reads a Secret of the namespace `kube-system`. What is
/// missing or has expired may be renewed, so kubeadm keeps asking.
pub fn check_token(
    token: &str,
    now: Timestamp,
    lookup: impl Fn(&str) -> Option<Value>,
) -> Result<(), Refusal> {
    let (name, secret_part) =
        secret_of(token).ok_or_else(|| never("the bootstrap token is not of the form id.secret"))?;
    let not_yet = |text: &str| Refusal::NotYet(format!("kubeadm join: bootstrap token {text}"));
    let secret =
        lookup(&name).ok_or_else(|| not_yet(&format!("has no Secret kube-system/{name} in the cluster")))?;
    let field = |key: &str| {
        let encoded = secret["data"][key].as_str()?;
        String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
    };
    if field("token-secret").as_deref() != Some(secret_part) {
        return Err(not_yet(&format!("does not match the Secret kube-system/{name}")));
    }
    if let Some(expiration) = field("expiration") {
        let expires: Timestamp = expiration
            .parse()
            .map_err(|_| not_yet(&format!("has an unreadable expiration in Secret kube-system/{name}")))?;
        if expires <= now {
            return Err(not_yet(&format!("of Secret kube-system/{name} expired at {expires}")));
        }
    }
    for usage in ["usage-bootstrap-signing", "usage-bootstrap-authentication"] {
        if field(usage).as_deref() != Some("true") {
            return Err(not_yet(&format!("of Secret kube-system/{name} is not allowed for {usage}")));
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secret(token: &str, expiration: &str) -> Value {
        let encode = |text: &str| STANDARD.encode(text);
        json!({"data": {
            "token-secret": encode(token), "expiration": encode(expiration),
            "usage-bootstrap-signing": encode("true"), "usage-bootstrap-authentication": encode("true"),
        }})
    }

    #[test]
    fn a_token_must_exist_match_and_be_fresh() {
        let now = Timestamp::constant(1_800_000_000, 0);
        let check = |secret: Option<Value>| {
            check_token("abcdef.0123456789abcdef", now, |name| {
                assert_eq!(name, "bootstrap-token-abcdef");
                secret.clone()
            })
        };
        assert_eq!(check(Some(secret("0123456789abcdef", "2030-01-01T00:00:00Z"))), Ok(()));
        for (wrong, text) in [
            (None, "has no Secret"),
            (Some(secret("other", "2030-01-01T00:00:00Z")), "does not match"),
            (Some(secret("0123456789abcdef", "2020-01-01T00:00:00Z")), "expired"),
            (Some(secret("0123456789abcdef", "soon")), "unreadable"),
        ] {
            let Err(Refusal::NotYet(reason)) = check(wrong) else { panic!("{text}") };
            assert!(reason.contains(text) && !reason.contains("0123456789"), "{reason}");
        }
    }

    #[test]
    fn discovery_needs_a_server_a_token_and_trust() {
        let booted = Booted::default();
        let found = discover(&booted, &json!({"bootstrapToken": {"apiServerEndpoint": "h:1", "token": "a.b", "caCertHashes": ["sha256:1"]}})).unwrap();
        assert_eq!(
            found,
            Discovered {
                server: "h:1".into(),
                authority: Authority::Pinned(vec!["sha256:1".into()]),
                token: Some("a.b".into())
            }
        );
        for wrong in [
            json!({}),
            json!({"bootstrapToken": {"token": "a.b"}}),
            json!({"bootstrapToken": {"apiServerEndpoint": "h:1", "token": "a.b"}}),
            json!({"file": {"kubeConfigPath": "/x"}}),
        ] {
            assert!(matches!(discover(&booted, &wrong), Err(Refusal::Never(_))));
        }
    }
}
