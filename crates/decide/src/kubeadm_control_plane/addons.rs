//! kube-proxy and CoreDNS follow the control plane: the image of the former has its version, that of the latter is what
//! users say. CoreDNS's Corefile is left as it is: from 1.8 on every release reads what the one before it read.

use api::bootstrap::ClusterConfiguration;
use api::labels;
use jiff::SignedDuration;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use kubeadm::naming;
use machinery::version::{CompareOptions, Comparison, Version};
use serde_json::json;

use super::observed::{AddonImage, Addons, Need, Observed};
use super::step::Step;
use super::view::View;
use super::waiting::Waiting;
use super::{cluster_ref, workload_config};
use crate::plan::{Action, Next, ObjectRef};

/// How old what was seen of the add-ons may be when they are changed because of it.
const FRESH: SignedDuration = SignedDuration::from_millis(400);
/// When to ask again a cluster that did not answer.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(20);
/// Registries where CoreDNS moved into a folder of its own.
const MOVED: [&str; 2] = ["registry.k8s.io", "k8s.gcr.io"];

/// Brings the images up to date, once for each version and setting.
pub fn step(view: &View<'_>) -> Step {
    let seen = view.seen;
    if !seen.is_initialized() || !seen.connection.is_up || view.machines.is_empty() {
        return Step::pass();
    }
    let look = || Step::Look(Need::Addons { wanted: wanted(seen) });
    let Some(addons) = &seen.addons else { return look() };
    let age = seen.now.duration_since(addons.taken);
    if let Some(trouble) = &addons.trouble {
        if age >= ASK_AGAIN {
            return look();
        }
        let next = addons.taken.checked_add(ASK_AGAIN).map_or(Next::OnChange, Next::At);
        return Step::Wait(Waiting::Workload(trouble.clone()), next);
    }
    let actions = match actions(view, addons) {
        Ok(actions) => actions,
        Err(error) => return Step::wait(Waiting::Workload(error)),
    };
    match actions.is_empty() {
        true => return Step::pass(),
        false if age > FRESH => return look(),
        false => {}
    }
    if !actions.iter().any(is_about_coredns) {
        return Step::Act(actions, workload_config::look_again(seen));
    }
    // kubeadm is told first: it must not bring the old one back.
    match workload_config::dns(view) {
        Ok(told) => Step::Act(told.into_iter().chain(actions).collect(), workload_config::look_again(seen)),
        Err(first) => first,
    }
}

fn is_about_coredns(action: &Action) -> bool {
    matches!(action, Action::Workload { write, .. } if write.target().name == naming::COREDNS)
}

/// What the add-ons depend on.
pub fn wanted(seen: &Observed) -> String {
    let spec = &seen.control_plane.spec;
    let cluster = &spec.kubeadm_config_spec.cluster_configuration;
    let is_skipped = |annotation| seen.annotation(annotation).is_some();
    format!(
        "{} {:?} {:?} {} {}",
        spec.version,
        cluster.image_repository,
        cluster.dns,
        is_skipped(labels::SKIP_KUBE_PROXY),
        is_skipped(labels::SKIP_COREDNS),
    )
}

fn actions(view: &View<'_>, addons: &Addons) -> Result<Vec<Action>, String> {
    let seen = view.seen;
    let cluster = &seen.control_plane.spec.kubeadm_config_spec.cluster_configuration;
    let mut actions = Vec::new();
    if let Some(found) =
        addons.kube_proxy.as_ref().filter(|_| seen.annotation(labels::SKIP_KUBE_PROXY).is_none())
    {
        let image = kube_proxy(&found.image, &seen.control_plane.spec.version, cluster)?;
        let target = ObjectRef::of::<DaemonSet>(naming::NAMESPACE, naming::KUBE_PROXY);
        actions.extend(change(found, image, target));
    }
    if let Some(found) = addons.coredns.as_ref().filter(|_| seen.annotation(labels::SKIP_COREDNS).is_none())
        && cluster.is_defined()
    {
        let image = coredns(&found.image, cluster)?;
        let target = ObjectRef::of::<Deployment>(naming::NAMESPACE, naming::COREDNS);
        actions.extend(change(found, image, target));
    }
    Ok(actions.into_iter().map(|action| action.in_workload(cluster_ref(view.cluster))).collect())
}

fn change(found: &AddonImage, image: String, target: ObjectRef) -> Option<Action> {
    if found.image == image {
        return None;
    }
    let why = format!("{} follows the control plane to {image}", target.name);
    // Server-side apply merges containers by name, a merge patch would replace the list.
    let object = json!({
        "apiVersion": target.api_version,
        "kind": target.kind,
        "metadata": {"name": target.name, "namespace": target.namespace},
        "spec": {"template": {"spec": {"containers": [{"name": found.container, "image": image}]}}},
    });
    Some(Action::apply(super::MANAGER, object, why))
}

/// An image, taken apart.
struct Image<'a> {
    repository: &'a str,
    name: &'a str,
    tag: &'a str,
}

impl<'a> Image<'a> {
    fn parse(image: &'a str) -> Result<Self, String> {
        if image.contains('@') {
            return Err(format!("image {image} is named by its digest and has no tag to change"));
        }
        let (path, file) = image.rsplit_once('/').unwrap_or(("", image));
        let (name, tag) = file.split_once(':').ok_or_else(|| format!("image {image} has no tag"))?;
        Ok(Self { repository: path, name, tag })
    }
}

fn joined(repository: &str, name: &str, tag: &str) -> String {
    if repository.is_empty() { format!("{name}:{tag}") } else { format!("{repository}/{name}:{tag}") }
}

fn kube_proxy(image: &str, version: &str, cluster: &ClusterConfiguration) -> Result<String, String> {
    let image = Image::parse(image)?;
    let repository = cluster.image_repository.as_deref().unwrap_or(image.repository).trim_end_matches('/');
    Ok(joined(repository, image.name, &version.replace('+', "_")))
}

fn coredns(image: &str, cluster: &ClusterConfiguration) -> Result<String, String> {
    let image = Image::parse(image)?;
    let wanted = cluster.dns.image_repository.as_deref().or(cluster.image_repository.as_deref());
    let repository = wanted.unwrap_or(image.repository).trim_end_matches('/');
    let tag = cluster.dns.image_tag.as_deref().unwrap_or(image.tag);
    let parse =
        |tag: &str| Version::parse_image_tag(tag).map_err(|error| format!("CoreDNS tag {tag}: {error}"));
    let (from, to) = (parse(image.tag)?, parse(tag)?);
    let without_pre_releases = CompareOptions { without_pre_releases: true, ..CompareOptions::default() };
    if to.compare(&from, without_pre_releases) == Comparison::Older {
        return Err(format!("CoreDNS {} is not downgraded to {tag}", image.tag));
    }
    if (from.major, from.minor) < (1, 8) && image.tag != tag {
        return Err(format!("CoreDNS {} may have a Corefile that {tag} does not read", image.tag));
    }
    if MOVED.contains(&repository) && image.name == naming::COREDNS {
        return Ok(joined(&format!("{repository}/{}", naming::COREDNS), naming::COREDNS, tag));
    }
    Ok(joined(repository, image.name, tag))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn kube_proxy_gets_the_version_and_the_repository() {
        let mut cluster = ClusterConfiguration::default();
        let image = "registry.k8s.io/kube-proxy:v1.33.0";
        assert_eq!(kube_proxy(image, "v1.34.0+x", &cluster).unwrap(), "registry.k8s.io/kube-proxy:v1.34.0_x");
        cluster.image_repository = Some("example.com:5000/k8s".to_owned());
        assert_eq!(
            kube_proxy(image, "v1.34.0", &cluster).unwrap(),
            "example.com:5000/k8s/kube-proxy:v1.34.0"
        );
        assert!(kube_proxy("a/kube-proxy@sha256:1", "v1", &cluster).is_err());
    }

    #[test]
    fn coredns_follows_what_users_say_and_never_goes_back() {
        let mut cluster = ClusterConfiguration::default();
        let image = "registry.k8s.io/coredns/coredns:v1.11.1";
        assert_eq!(coredns(image, &cluster).unwrap(), image);
        cluster.dns.image_tag = Some("v1.12.1".to_owned());
        assert_eq!(coredns(image, &cluster).unwrap(), "registry.k8s.io/coredns/coredns:v1.12.1");
        cluster.dns.image_tag = Some("v1.10.0".to_owned());
        assert!(coredns(image, &cluster).is_err());
    }
}
