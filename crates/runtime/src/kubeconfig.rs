//! Kubeconfig files: read one context of one, write a new one.
//!
//! Deliberately absent: `exec` and `auth-provider` (a kubeconfig often comes from a Secret, and whoever may write that
//! Secret must not run programs here), proxies, merging of several files.

use std::fmt;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// Why a kubeconfig cannot be used. Names the field, never a credential.
#[derive(Debug, thiserror::Error)]
pub enum KubeconfigError {
    /// Not YAML, or not the shape of a kubeconfig.
    #[error("kubeconfig: not readable as YAML of kind Config: {0}")]
    Yaml(String),
    /// A name that nothing in the file has.
    #[error("kubeconfig: {field} is {name:?}, but the file has no such {kind}; it has {known}")]
    Missing {
        /// Where the name stands.
        field: String,
        /// The name.
        name: String,
        /// What it should name.
        kind: &'static str,
        /// The names there are.
        known: String,
    },
    /// A field whose value cannot be used.
    #[error("kubeconfig: {field}: {reason}")]
    Field {
        /// The path of the field, with the entry's name.
        field: String,
        /// What is wrong with it, and what is allowed.
        reason: String,
    },
    /// The file, or one that it names, could not be read.
    #[error("{path}: {reason}")]
    File {
        /// Which file.
        path: PathBuf,
        /// The operating system's words.
        reason: String,
    },
}

/// One context of a kubeconfig, with everything that is needed to connect.
#[derive(Clone, PartialEq, Eq)]
pub struct Kubeconfig {
    /// Scheme, host, port and perhaps a path, for example `https://10.0.0.1:6443`.
    pub server: String,
    /// Verify the server's certificate for this name instead of the host.
    pub tls_server_name: Option<String>,
    /// Authorities to trust, as PEM.
    pub certificate_authority: Option<Vec<u8>>,
    /// Trust any server; only where the file says so.
    pub insecure_skip_tls_verify: bool,
    /// Client certificate and private key, as PEM.
    pub client_certificate: Option<(Vec<u8>, Vec<u8>)>,
    /// Bearer token.
    pub token: Option<String>,
    /// Name and password for basic authentication.
    pub basic: Option<(String, String)>,
    /// Namespace of the context; `default` where it has none.
    pub namespace: String,
}

impl fmt::Debug for Kubeconfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Kubeconfig").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Kubeconfig {
    /// Reads `context` (the current one for `None`) of a kubeconfig. Files that it names are refused, since its origin
    /// may be somebody who must not read files here: see [`Kubeconfig::load`].
    pub fn parse(yaml: &[u8], context: Option<&str>) -> Result<Self, KubeconfigError> {
        File::read(yaml)?.resolve(context, None)
    }

    /// Reads `context` (the current one for `None`) of the kubeconfig file at `path`. Files that it names are read,
    /// relative to its folder.
    pub fn load(path: &Path, context: Option<&str>) -> Result<Self, KubeconfigError> {
        let folder = path.parent().unwrap_or(Path::new("."));
        File::read(&read_file(path)?)?.resolve(context, Some(folder))
    }
}

/// What a new kubeconfig says: one cluster, one user, one context.
pub struct NewKubeconfig<'a> {
    /// Name of the cluster entry.
    pub cluster: &'a str,
    /// Name of the user entry; the context is called `user@cluster`.
    pub user: &'a str,
    /// The server's URL.
    pub server: &'a str,
    /// Authority to trust, as PEM.
    pub certificate_authority: &'a [u8],
    /// Client certificate, as PEM.
    pub client_certificate: &'a [u8],
    /// Private key, as PEM.
    pub client_key: &'a [u8],
}

impl NewKubeconfig<'_> {
    /// The file, in the form and order in which client-go writes it.
    pub fn render(&self) -> String {
        let encode = |bytes: &[u8]| STANDARD.encode(bytes);
        let (cluster, user, server) = (scalar(self.cluster), scalar(self.user), scalar(self.server));
        let context = scalar(&format!("{}@{}", self.user, self.cluster));
        let (authority, certificate) = (encode(self.certificate_authority), encode(self.client_certificate));
        let key = encode(self.client_key);
        let mut text = String::with_capacity(authority.len() + certificate.len() + key.len() + 512);
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "apiVersion: v1\n\
             clusters:\n- cluster:\n    certificate-authority-data: {authority}\n    server: {server}\n  name: {cluster}\n\
             contexts:\n- context:\n    cluster: {cluster}\n    user: {user}\n  name: {context}\n\
             current-context: {context}\nkind: Config\n\
             users:\n- name: {user}\n  user:\n    client-certificate-data: {certificate}\n    client-key-data: {key}\n"
        );
        text
    }
}

/// A YAML scalar: plain where that cannot be read as anything else, otherwise in double quotes.
fn scalar(value: &str) -> String {
    const NOT_STRINGS: [&str; 11] =
        ["true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf"];
    let harmless = |character: char| character.is_ascii_alphanumeric() || "-_./@".contains(character);
    let is_plain = value.starts_with(|first: char| first.is_ascii_alphabetic())
        && value.replace("://", "").chars().all(|character| harmless(character) || character == ':')
        && !value.ends_with(':')
        && !NOT_STRINGS.contains(&value.to_ascii_lowercase().as_str());
    if is_plain { value.to_owned() } else { serde_json::Value::from(value).to_string() }
}

/// The file as written.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    #[serde(default)]
    clusters: Vec<NamedCluster>,
    #[serde(default)]
    contexts: Vec<NamedContext>,
    #[serde(default)]
    users: Vec<NamedUser>,
    #[serde(default)]
    current_context: String,
}

#[derive(Deserialize)]
struct NamedCluster {
    name: String,
    cluster: ClusterEntry,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ClusterEntry {
    #[serde(default)]
    server: String,
    tls_server_name: Option<String>,
    certificate_authority: Option<PathBuf>,
    certificate_authority_data: Option<String>,
    #[serde(default)]
    insecure_skip_tls_verify: bool,
    proxy_url: Option<String>,
}

#[derive(Deserialize)]
struct NamedContext {
    name: String,
    context: ContextEntry,
}

#[derive(Deserialize)]
struct ContextEntry {
    #[serde(default)]
    cluster: String,
    #[serde(default)]
    user: String,
    namespace: Option<String>,
}

#[derive(Deserialize)]
struct NamedUser {
    name: String,
    #[serde(default)]
    user: Option<UserEntry>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct UserEntry {
    client_certificate: Option<PathBuf>,
    client_certificate_data: Option<String>,
    client_key: Option<PathBuf>,
    client_key_data: Option<String>,
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<PathBuf>,
    username: Option<String>,
    password: Option<String>,
    exec: Option<serde_json::Value>,
    auth_provider: Option<serde_json::Value>,
}

impl File {
    fn read(yaml: &[u8]) -> Result<Self, KubeconfigError> {
        let text = std::str::from_utf8(yaml).map_err(|error| KubeconfigError::Yaml(error.to_string()))?;
        // A reader's message may quote what it read, and that may be a key: only the place is passed on.
        serde_saphyr::from_str(text).map_err(|error| {
            let place = error.location().map(|at| format!("line {}, column {}", at.line(), at.column()));
            KubeconfigError::Yaml(place.unwrap_or_else(|| "no place known".to_owned()))
        })
    }

    fn resolve(self, context: Option<&str>, folder: Option<&Path>) -> Result<Kubeconfig, KubeconfigError> {
        let (name, field) = match context {
            Some(name) => (name, "the context asked for"),
            None => (self.current_context.as_str(), "current-context"),
        };
        let contexts = self.contexts.iter().map(|entry| (&entry.name, &entry.context));
        let context = find(contexts, field.to_owned(), name, "context")?;
        let clusters = self.clusters.iter().map(|entry| (&entry.name, &entry.cluster));
        let cluster = find(clusters, format!("contexts[{name}].cluster"), &context.cluster, "cluster")?;
        let nobody = UserEntry::default();
        let user = if context.user.is_empty() {
            &nobody
        } else {
            let users = self.users.iter().map(|entry| (&entry.name, &entry.user));
            find(users, format!("contexts[{name}].user"), &context.user, "user")?.as_ref().unwrap_or(&nobody)
        };
        let cluster = Reader { path: format!("clusters[{}]", context.cluster), folder }.cluster(cluster)?;
        let user = Reader { path: format!("users[{}]", context.user), folder }.user(user, cluster)?;
        Ok(Kubeconfig {
            namespace: context.namespace.clone().unwrap_or_else(|| "default".to_owned()),
            ..user
        })
    }
}

fn find<'a, T>(
    entries: impl Iterator<Item = (&'a String, &'a T)> + Clone,
    field: String,
    name: &str,
    kind: &'static str,
) -> Result<&'a T, KubeconfigError> {
    entries.clone().find(|(known, _)| *known == name).map(|(_, entry)| entry).ok_or_else(|| {
        let known: Vec<String> = entries.map(|(known, _)| format!("{known:?}")).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        KubeconfigError::Missing { field, name: name.to_owned(), kind, known }
    })
}

/// Reads one entry; knows where it stands and whether files may be read.
struct Reader<'a> {
    path: String,
    folder: Option<&'a Path>,
}

impl Reader<'_> {
    fn cluster(&self, entry: &ClusterEntry) -> Result<Kubeconfig, KubeconfigError> {
        if !entry.server.starts_with("https://") && !entry.server.starts_with("http://") {
            return Err(
                self.wrong("server", format!("is {:?}; want an http:// or https:// URL", entry.server))
            );
        }
        if entry.proxy_url.as_ref().is_some_and(|proxy| !proxy.is_empty()) {
            return Err(self.wrong("proxy-url", "proxies are not supported; leave it out".to_owned()));
        }
        let (data, file) = (&entry.certificate_authority_data, &entry.certificate_authority);
        Ok(Kubeconfig {
            server: entry.server.trim_end_matches('/').to_owned(),
            tls_server_name: entry.tls_server_name.clone().filter(|name| !name.is_empty()),
            certificate_authority: self.bytes("certificate-authority", data, file)?,
            insecure_skip_tls_verify: entry.insecure_skip_tls_verify,
            client_certificate: None,
            token: None,
            basic: None,
            namespace: String::new(),
        })
    }

    fn user(&self, entry: &UserEntry, mut into: Kubeconfig) -> Result<Kubeconfig, KubeconfigError> {
        let refused = "runs a program or a plug-in, which is refused; use a certificate or a token";
        if entry.exec.as_ref().is_some_and(|exec| !exec.is_null()) {
            return Err(self.wrong("exec", refused.to_owned()));
        }
        if entry.auth_provider.as_ref().is_some_and(|provider| !provider.is_null()) {
            return Err(self.wrong("auth-provider", refused.to_owned()));
        }
        let (data, file) = (&entry.client_certificate_data, &entry.client_certificate);
        let certificate = self.bytes("client-certificate", data, file)?;
        let key = self.bytes("client-key", &entry.client_key_data, &entry.client_key)?;
        into.client_certificate = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => {
                return Err(self.wrong("client-key", "missing, but there is a certificate".to_owned()));
            }
            (None, Some(_)) => {
                return Err(self.wrong("client-certificate", "missing, but there is a key".to_owned()));
            }
        };
        into.token = self.token(entry)?;
        into.basic = match (&entry.username, &entry.password) {
            (Some(name), password) if !name.is_empty() => {
                Some((name.clone(), password.clone().unwrap_or_default()))
            }
            _ => None,
        };
        Ok(into)
    }

    fn token(&self, entry: &UserEntry) -> Result<Option<String>, KubeconfigError> {
        if let Some(token) = entry.token.as_ref().filter(|token| !token.is_empty()) {
            return Ok(Some(token.clone()));
        }
        let Some(bytes) = self.bytes("tokenFile", &None, &entry.token_file)? else { return Ok(None) };
        let text = String::from_utf8(bytes).map_err(|_| self.wrong("tokenFile", "is not text".to_owned()))?;
        Ok(Some(text.trim().to_owned()))
    }

    /// The content of a field that is given inline in base64 (which wins) or as a file.
    fn bytes(
        &self,
        field: &str,
        data: &Option<String>,
        file: &Option<PathBuf>,
    ) -> Result<Option<Vec<u8>>, KubeconfigError> {
        if let Some(data) = data.as_ref().filter(|data| !data.is_empty()) {
            let wrong = |_| self.wrong(&format!("{field}-data"), "is not base64".to_owned());
            let compact: String = data.split_whitespace().collect();
            return STANDARD.decode(compact).map(Some).map_err(wrong);
        }
        let Some(file) = file.as_ref().filter(|file| !file.as_os_str().is_empty()) else { return Ok(None) };
        let Some(folder) = self.folder else {
            let reason = format!("names a file, which only a kubeconfig on disk may; use {field}-data");
            return Err(self.wrong(field, reason));
        };
        read_file(&folder.join(file)).map(Some)
    }

    fn wrong(&self, field: &str, reason: String) -> KubeconfigError {
        KubeconfigError::Field { field: format!("{}.{field}", self.path), reason }
    }
}

fn read_file(path: &Path) -> Result<Vec<u8>, KubeconfigError> {
    std::fs::read(path)
        .map_err(|error| KubeconfigError::File { path: path.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn sample() -> String {
        NewKubeconfig {
            cluster: "prod",
            user: "prod-admin",
            server: "https://10.0.0.1:6443",
            certificate_authority: b"authority",
            client_certificate: b"certificate",
            client_key: b"key",
        }
        .render()
    }

    #[test]
    fn what_is_rendered_is_read() {
        let config = Kubeconfig::parse(sample().as_bytes(), None).unwrap();
        assert_eq!(config.server, "https://10.0.0.1:6443");
        assert_eq!(config.certificate_authority.as_deref(), Some(b"authority".as_slice()));
        assert_eq!(config.client_certificate, Some((b"certificate".to_vec(), b"key".to_vec())));
        assert_eq!(config.namespace, "default");
        assert_eq!(Kubeconfig::parse(sample().as_bytes(), Some("prod-admin@prod")).unwrap(), config);
    }

    #[test]
    fn names_that_look_like_something_else_are_quoted() {
        for name in ["123", "true", "1e3", "a: b", "y", "0x10", "-", "a:"] {
            let text = NewKubeconfig {
                cluster: name,
                user: name,
                server: "https://[::1]:6443",
                certificate_authority: b"a",
                client_certificate: b"b",
                client_key: b"c",
            }
            .render();
            let config = Kubeconfig::parse(text.as_bytes(), Some(&format!("{name}@{name}"))).unwrap();
            assert_eq!(config.server, "https://[::1]:6443");
        }
    }

    fn refusal(yaml: &str) -> String {
        Kubeconfig::parse(yaml.as_bytes(), None).unwrap_err().to_string()
    }

    #[test]
    fn errors_name_the_field() {
        let text = sample();
        let cases = [
            (
                text.replace("current-context: prod-admin@prod", "current-context: x"),
                "current-context is \"x\"",
            ),
            (
                text.replace("    cluster: prod\n", "    cluster: x\n"),
                "contexts[prod-admin@prod].cluster is \"x\"",
            ),
            (text.replace("https://10", "ftp://10"), "clusters[prod].server"),
            (
                text.replace("client-key-data: a2V5", "client-key-data: '&'"),
                "users[prod-admin].client-key-data",
            ),
            (text.replace("client-key-data: a2V5", "token: a"), "users[prod-admin].client-key: missing"),
            (
                text.replace("client-key-data: a2V5", "client-key: /etc/shadow"),
                "users[prod-admin].client-key: names a file",
            ),
            (text.replace("client-key-data: a2V5", "exec: {command: sh}"), "users[prod-admin].exec"),
            (text.replace("    client-key-data", "   client-key-data"), "not readable as YAML"),
        ];
        for (yaml, wanted) in cases {
            let message = refusal(&yaml);
            assert!(message.contains(wanted), "{message}\nwanted {wanted}");
        }
    }

    #[test]
    fn files_are_read_beside_the_kubeconfig() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.crt"), b"from a file").unwrap();
        let text =
            sample().replace("certificate-authority-data: YXV0aG9yaXR5", "certificate-authority: ca.crt");
        let path = folder.path().join("config");
        std::fs::write(&path, text).unwrap();
        let config = Kubeconfig::load(&path, None).unwrap();
        assert_eq!(config.certificate_authority.as_deref(), Some(b"from a file".as_slice()));
    }
}
