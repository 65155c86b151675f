//! Files for the machine: rendered templates, and the kubeconfig for discovery.

use api::bootstrap::{File, FileContentFormat, FileDiscovery, KubeConfigCluster, KubeConfigUser};
use base64::Engine as _;
use gotemplate::{Functions, Limits, Template, Value};
use serde_json::{Map, json};

use crate::Error;
use crate::yaml;

/// Owner of the files that we add.
pub const ROOT_OWNER: &str = "root:root";
/// Most bytes that a file's template may give.
pub const MAXIMUM_RENDERED_BYTES: usize = 1 << 20;

/// Renders the files that are templates, and leaves the others as they are. Contents that come from Secrets must be in
/// place. `.controlPlane.version` is there only if the version is known.
pub fn render_templates(files: &[File], control_plane_version: Option<&str>) -> Result<Vec<File>, Error> {
    let entries = control_plane_version.filter(|version| !version.is_empty()).map(|version| {
        ("controlPlane".to_owned(), Value::map([("version".to_owned(), Value::string(version))]))
    });
    let data = Value::map(entries);
    files.iter().map(|file| render_template(file, &data)).collect()
}

fn render_template(file: &File, data: &Value) -> Result<File, Error> {
    let mut file = file.clone();
    // Go does not tell an empty content from none.
    file.content = file.content.filter(|content| !content.is_empty());
    if file.content_format != Some(FileContentFormat::Template) {
        return Ok(file);
    }
    let failed = |step| {
        let path = file.path.clone();
        move |source| Error::FileTemplate { path, step, source: Box::new(source) }
    };
    let content = file.content.as_deref().unwrap_or_default();
    let template = Template::parse(&file.path, content, Functions::builtin()).map_err(failed("parse"))?;
    let limits = Limits { output_bytes: MAXIMUM_RENDERED_BYTES, ..Limits::default() };
    let rendered = template.limits(limits).render_text(data).map_err(failed("execute"))?;
    file.content = Some(rendered).filter(|content| !content.is_empty());
    file.content_format = None;
    Ok(file)
}

/// The kubeconfig that a machine finds the cluster with. Server and authority must be in place already.
pub fn discovery_kubeconfig(discovery: &FileDiscovery) -> File {
    let config = &discovery.kube_config;
    let content = json!({
        "clusters": [{ "name": "default", "cluster": cluster(&config.cluster) }],
        "contexts": [{ "name": "default", "context": { "cluster": "default", "user": "default" } }],
        "current-context": "default",
        "users": [{ "name": "default", "user": user(&config.user) }],
    });
    File {
        path: discovery.kube_config_path.clone(),
        owner: Some(ROOT_OWNER.to_owned()),
        permissions: Some("0640".to_owned()),
        content: Some(yaml::to_string(&content)),
        ..File::default()
    }
}

fn cluster(cluster: &KubeConfigCluster) -> serde_json::Value {
    let mut value = Map::new();
    value.insert("server".to_owned(), json!(cluster.server.as_deref().unwrap_or_default()));
    for (key, text) in [("tls-server-name", &cluster.tls_server_name), ("proxy-url", &cluster.proxy_url)] {
        if let Some(text) = text.as_deref().filter(|text| !text.is_empty()) {
            value.insert(key.to_owned(), json!(text));
        }
    }
    if cluster.insecure_skip_tls_verify == Some(true) {
        value.insert("insecure-skip-tls-verify".to_owned(), json!(true));
    }
    if let Some(authority) =
        cluster.certificate_authority_data.as_ref().filter(|authority| !authority.0.is_empty())
    {
        let encoded = base64::engine::general_purpose::STANDARD.encode(&authority.0);
        value.insert("certificate-authority-data".to_owned(), json!(encoded));
    }
    value.into()
}

fn user(user: &KubeConfigUser) -> serde_json::Value {
    let mut value = Map::new();
    let provider = &user.auth_provider;
    if provider.is_defined() {
        let config =
            if provider.config.is_empty() { serde_json::Value::Null } else { json!(provider.config) };
        value.insert("auth-provider".to_owned(), json!({ "name": provider.name, "config": config }));
    }
    let exec = &user.exec;
    if exec.is_defined() {
        let version = exec.api_version.as_deref().filter(|version| !version.is_empty());
        let list = |items: Vec<serde_json::Value>| {
            if items.is_empty() { serde_json::Value::Null } else { json!(items) }
        };
        value.insert(
            "exec".to_owned(),
            json!({
                "apiVersion": version.unwrap_or("client.authentication.k8s.io/v1"),
                "command": exec.command,
                "args": list(exec.args.iter().map(|argument| json!(argument)).collect()),
                "env": list(exec.env.iter().map(|var| json!({ "name": var.name, "value": var.value })).collect()),
                "interactiveMode": "Never",
                "provideClusterInfo": exec.provide_cluster_info.unwrap_or_default(),
            }),
        );
    }
    value.into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_content_is_none_whatever_its_format() {
        for format in [None, Some(FileContentFormat::Raw), Some(FileContentFormat::Template)] {
            let empty = File {
                path: "/b".into(),
                content: Some(String::new()),
                content_format: format,
                ..File::default()
            };
            let rendered = render_templates(&[empty], None).unwrap();
            assert_eq!(rendered[0].content, None, "{format:?}");
        }
    }
}
