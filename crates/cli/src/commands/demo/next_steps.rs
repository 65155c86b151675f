//! What to try once the cluster is there: every command works when pasted.

use std::path::Path;

/// The lines, given where the kubeconfigs of the management plane and of the cluster lie.
pub fn lines(management: &Path, workload: &Path) -> Vec<String> {
    let management = quoted(&management.display().to_string());
    let workload = quoted(&workload.display().to_string());
    let windlass = quoted(&called_as());
    let version = r#"{"spec":{"version":"v1.36.0"}}"#;
    let template_version = r#"{"spec":{"template":{"spec":{"version":"v1.36.0"}}}}"#;
    vec![
        String::new(),
        "Reach the management plane, and the cluster itself:".into(),
        format!("  export KUBECONFIG={management}"),
        "  kubectl get cluster,kubeadmcontrolplane,machinedeployment,machine".into(),
        format!("  kubectl --kubeconfig {workload} get nodes"),
        format!("  kubectl --kubeconfig {workload} get pods -A"),
        "Scale it:".into(),
        "  kubectl scale machinedeployment/demo-workers --replicas=5".into(),
        "  kubectl scale kubeadmcontrolplane/demo-control-plane --replicas=5".into(),
        "Upgrade it, the control plane first, then the workers:".into(),
        format!("  kubectl patch kubeadmcontrolplane/demo-control-plane --type=merge -p '{version}'"),
        "  kubectl wait --for=jsonpath='{.status.version}'=v1.36.0 kubeadmcontrolplane/demo-control-plane --timeout=5m".into(),
        format!("  kubectl patch machinedeployment/demo-workers --type=merge -p '{template_version}'"),
        "See what it is doing, and why:".into(),
        format!("  {windlass} describe cluster demo --kubeconfig {management}"),
        "Delete it:".into(),
        "  kubectl delete cluster/demo".into(),
        String::new(),
        "Below, the cluster as it goes on. Ctrl-C stops the management plane and takes everything with it.".into(),
    ]
}

/// How this program was called, so that the same words call it again.
fn called_as() -> String {
    std::env::args().next().filter(|name| !name.is_empty()).unwrap_or_else(|| "windlass".into())
}

/// One word of a shell's command line.
fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./:@%+=,".contains(character);
    if word.chars().all(plain) && !word.is_empty() {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_split_them() {
        assert_eq!(quoted("/data/windlass-demo-1/kubeconfig"), "/data/windlass-demo-1/kubeconfig");
        assert_eq!(quoted("/Users/Ada L/it's"), r"'/Users/Ada L/it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
