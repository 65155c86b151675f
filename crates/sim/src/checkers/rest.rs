//! What holds once everything is at rest: nothing too much, nothing too little, nothing without its owner, and in the cloud
//! exactly what the API says.

use std::collections::BTreeSet;

use providers::dev::ClusterId;
use serde_json::Value;

use super::memory::replicas;
use super::mirror::RESOURCES;
use super::{Checkers, Violation, name};

/// Checks what holds at rest.
///
/// # Errors
/// The first rule that is broken.
pub fn rest(checkers: &Checkers) -> Result<(), Violation> {
    counts(checkers)?;
    owners(checkers)?;
    partners(checkers)?;
    for cluster in checkers.mirror.all("clusters") {
        let namespace = cluster["metadata"]["namespace"].as_str().unwrap_or_default();
        cloud(checkers, &ClusterId::new(namespace, name(cluster)))?;
    }
    Ok(())
}

/// Every owner has as many Machines as it asks for, and a MachineDeployment as many as its sets ask for.
fn counts(checkers: &Checkers) -> Result<(), Violation> {
    let mirror = &checkers.mirror;
    for plural in ["machinesets", "kubeadmcontrolplanes"] {
        for owner in mirror.all(plural) {
            equal(plural, name(owner), replicas(owner), mirror.controlled("machines", owner).count() as i64)?;
        }
    }
    for deployment in mirror.all("machinedeployments") {
        let sets = mirror.controlled("machinesets", deployment).map(|set| replicas(set)).sum::<i64>();
        equal("machinedeployments", name(deployment), replicas(deployment), sets)?;
    }
    Ok(())
}

fn equal(plural: &str, name: &str, wanted: i64, found: i64) -> Result<(), Violation> {
    if wanted == found {
        return Ok(());
    }
    Err(Violation::new("one Machine per replica", format!("{plural} {name} wants {wanted}, has {found}")))
}

/// Every owner that an object names is there.
fn owners(checkers: &Checkers) -> Result<(), Violation> {
    let mirror = &checkers.mirror;
    let uids: BTreeSet<&str> = RESOURCES
        .iter()
        .flat_map(|(_, plural)| mirror.all(plural))
        .filter_map(|object| object["metadata"]["uid"].as_str())
        .collect();
    for (_, plural) in RESOURCES {
        for object in mirror.all(plural) {
            for owner in object["metadata"]["ownerReferences"].as_array().into_iter().flatten() {
                if !owner["uid"].as_str().is_some_and(|uid| uids.contains(uid)) {
                    return Err(Violation::new(
                        "nothing outlives its owner",
                        format!("{plural} {}: {} {} is gone", name(object), owner["kind"], owner["name"]),
                    ));
                }
            }
        }
    }
    Ok(())
}

/// Every Machine has one infrastructure machine and one bootstrap configuration, and these have no others.
fn partners(checkers: &Checkers) -> Result<(), Violation> {
    let mirror = &checkers.mirror;
    let machines = mirror.all("machines").count();
    for plural in ["devmachines", "kubeadmconfigs"] {
        let partners = mirror.all(plural).count();
        let lonely = mirror.all(plural).find(|partner| mirror.controller_of("machines", partner).is_none());
        if let Some(lonely) = lonely {
            return Err(Violation::new(
                "everything belongs to a Machine",
                format!("{plural} {} does not", name(lonely)),
            ));
        }
        if partners != machines {
            return Err(Violation::new(
                "every Machine has its parts",
                format!("{machines} Machines, {partners} {plural}"),
            ));
        }
    }
    Ok(())
}

/// In the cloud there are the machines, nodes and etcd members of the Machines, and no others.
fn cloud(checkers: &Checkers, id: &ClusterId) -> Result<(), Violation> {
    let machines: Vec<&Value> = checkers
        .mirror
        .all("machines")
        .map(|machine| &**machine)
        .filter(|machine| {
            machine["spec"]["clusterName"] == *id.name && machine["metadata"]["namespace"] == *id.namespace
        })
        .collect();
    let texts = |field: fn(&Value) -> &Value, control_planes_only: bool| -> BTreeSet<String> {
        let chosen = machines.iter().filter(|machine| !control_planes_only || is_control_plane(machine));
        chosen.filter_map(|machine| field(machine).as_str().map(str::to_owned)).collect()
    };
    let infrastructure = texts(|machine| &machine["spec"]["infrastructureRef"]["name"], false);
    let nodes = texts(|machine| &machine["status"]["nodeRef"]["name"], false);
    let members = texts(|machine| &machine["status"]["nodeRef"]["name"], true);
    let known = checkers.cloud.inspect(id).unwrap_or_default();
    same("machines in the cloud", &infrastructure, &known.machines.into_iter().collect())?;
    same("Nodes", &nodes, &known.nodes.into_iter().collect())?;
    same("members of etcd", &members, &known.etcd_members.into_iter().collect())
}

fn is_control_plane(machine: &Value) -> bool {
    !machine["metadata"]["labels"][api::labels::CONTROL_PLANE].is_null()
}

fn same(what: &str, wanted: &BTreeSet<String>, found: &BTreeSet<String>) -> Result<(), Violation> {
    if wanted == found {
        return Ok(());
    }
    Err(Violation::new("the cloud is what the API says", format!("{what}: {found:?} instead of {wanted:?}")))
}
