//! Finalizers: what an object waits for before it goes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_core::Resource;
use serde_json::json;

use crate::plan::{Action, ObjectRef};

/// All finalizers with one more at the end; nothing if it is among them.
pub fn with<'a>(metadata: &'a ObjectMeta, finalizer: &'a str) -> Option<Vec<&'a str>> {
    let current = metadata.finalizers.iter().flatten().map(String::as_str);
    let all: Vec<&str> = current.chain([finalizer]).collect();
    let is_new = all.iter().filter(|known| **known == finalizer).count() == 1;
    is_new.then_some(all)
}

/// The patch that takes a finalizer off; nothing if it is not on.
pub fn release<K: Resource<DynamicType = ()>>(object: &K, finalizer: &str, why: &str) -> Option<Action> {
    let metadata = object.meta();
    let all = metadata.finalizers.as_deref().unwrap_or_default();
    let rest: Vec<&String> = all.iter().filter(|known| *known != finalizer).collect();
    if rest.len() == all.len() {
        return None;
    }
    let patch = json!({"metadata": {"resourceVersion": metadata.resource_version, "finalizers": rest}});
    Some(Action::patch(ObjectRef::to(object), patch, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(finalizers: &[&str]) -> ObjectMeta {
        let finalizers = finalizers.iter().map(|one| (*one).to_owned()).collect();
        ObjectMeta { finalizers: Some(finalizers), ..ObjectMeta::default() }
    }

    #[test]
    fn a_finalizer_is_put_on_once() {
        assert_eq!(with(&ObjectMeta::default(), "ours"), Some(vec!["ours"]));
        assert_eq!(with(&metadata(&["theirs"]), "ours"), Some(vec!["theirs", "ours"]));
        assert_eq!(with(&metadata(&["ours", "theirs"]), "ours"), None);
    }

    #[test]
    fn only_our_own_is_taken_off() {
        let mut secret = k8s_openapi::api::core::v1::Secret::default();
        assert_eq!(release(&secret, "ours", ""), None);
        secret.metadata = metadata(&["ours", "theirs"]);
        let released = release(&secret, "ours", "it is done");
        let patch = json!({"metadata": {"resourceVersion": null, "finalizers": ["theirs"]}});
        assert_eq!(released, Some(Action::patch(ObjectRef::to(&secret), patch, "it is done")));
    }
}
