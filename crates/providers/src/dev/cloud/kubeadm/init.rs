//! `kubeadm init`: what it settles for the whole cluster.

use serde_json::Value;

use super::Refusal;
use crate::dev::cloud::cloud_init::Booted;
use crate::dev::cloud::records::{Init, Pair};

const PKI: &str = "/etc/kubernetes/pki";

/// Reads authorities and names. Without an authority kubeadm would make one, which nobody outside the machine could
/// know: refused, since nobody could use such a cluster.
pub fn plan(booted: &Booted, cluster: &Value) -> Result<Init, Refusal> {
    let directory = cluster["certificatesDir"].as_str().unwrap_or(PKI).trim_end_matches('/');
    let external_etcd = cluster["etcd"]["external"].is_object();
    let authority = pair(booted, directory, "ca")?;
    let etcd_authority = if external_etcd { None } else { Some(pair(booted, directory, "etcd/ca")?) };
    let names = cluster["apiServer"]["certSANs"].as_array().into_iter().flatten();
    let domain = cluster["networking"]["dnsDomain"].as_str().filter(|domain| !domain.is_empty());
    Ok(Init {
        authority,
        etcd_authority,
        names: names.filter_map(Value::as_str).map(str::to_owned).collect(),
        domain: domain.unwrap_or("cluster.local").to_owned(),
    })
}

fn pair(booted: &Booted, directory: &str, name: &str) -> Result<Pair, Refusal> {
    let text = |ending: &str| {
        let path = format!("{directory}/{name}.{ending}");
        let text = booted.text(&path).map(str::to_owned);
        text.ok_or_else(|| {
            Refusal::Never(format!("kubeadm init: there is no file {path} in the bootstrap data"))
        })
    };
    let pair = Pair { certificate: text("crt")?, key: text("key")? };
    // Only to find out now whether the pair is one.
    runtime::pki::Authority::from_pem(pair.certificate.as_bytes(), pair.key.as_bytes()).map_err(|error| {
        Refusal::Never(format!("kubeadm init: {directory}/{name}.crt and its key: {error}"))
    })?;
    Ok(pair)
}
