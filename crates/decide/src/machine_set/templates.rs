//! The templates that Machines are made from. They belong to the Cluster, so that they go when it goes.

use api::core::Cluster;
use api::core::common::ContractVersionedObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::json;

use crate::owners;
use crate::plan::{Action, ObjectRef};
use crate::referenced::Referenced;

/// A template, and what the reference led to.
#[derive(Debug, Clone, Copy)]
pub struct Template<'a> {
    /// The reference.
    pub reference: &'a ContractVersionedObjectReference,
    /// What it led to.
    pub seen: &'a Referenced,
}

/// Makes the Cluster an owner of templates that lack it. `owner` is the object that uses them.
pub fn actions(cluster: &Cluster, owner: &ObjectMeta, templates: &[Template<'_>]) -> Vec<Action> {
    let mut actions = Vec::new();
    let wanted = owners::plain(cluster);
    for template in templates {
        let Some(object) = template.seen.object() else { continue };
        // Some make Machines from objects that are no templates and belong to somebody else.
        if !template.reference.kind.ends_with("Template") || template.seen.is_deleting() {
            continue;
        }
        let Some(changed) = owners::with_owner(&object["metadata"]["ownerReferences"], &wanted) else {
            continue;
        };
        let patch = json!({"metadata": {
            "resourceVersion": object["metadata"]["resourceVersion"],
            "ownerReferences": changed,
        }});
        let used_by = owner.name.as_deref().unwrap_or_default();
        actions.push(Action::patch(
            ObjectRef::of_value(object),
            patch,
            format!("the template is used by {used_by} of this Cluster"),
        ));
    }
    actions
}

/// Which of the templates do not exist, as a sentence without a full stop; `None` if all do.
pub fn missing(templates: &[Template<'_>]) -> Option<String> {
    let kinds: Vec<&str> = templates
        .iter()
        .filter(|template| template.seen.object().is_none())
        .map(|template| template.reference.kind.as_str())
        .collect();
    match kinds.as_slice() {
        [] => None,
        [one] => Some(format!("{one} does not exist")),
        more => Some(format!("{} do not exist", more.join(" and "))),
    }
}
