use api::workload::Pod;
use std::collections::{BTreeMap, BTreeSet};

use api::core::machine::MachineSpec;
use decide::drain::{self, Progress, Rule, Surroundings};
use decide::machine_health_check::{self, Check, Finding, Node, Target};
use decide::machine_template;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::NodeCondition;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, json};

use crate::{check, list, texts, typed_conditions};

/// Cases leave out what a stored object always has.
fn spec(given: &Value) -> MachineSpec {
    let mut spec = json!({"clusterName": "", "bootstrap": {}, "infrastructureRef": {}});
    spec.as_object_mut().unwrap().extend(given.as_object().cloned().unwrap_or_default());
    for key in ["kind", "name", "apiGroup"] {
        let reference = &mut spec["infrastructureRef"];
        reference[key] = reference[key].as_str().unwrap_or_default().into();
    }
    for taint in spec.get_mut("taints").and_then(Value::as_array_mut).into_iter().flatten() {
        taint["propagation"] = "Always".into();
    }
    serde_json::from_value(spec).unwrap()
}

#[test]
fn template_difference() {
    check("naming/machinetemplate.json", &["upToDate"], |_, input| {
        let difference =
            machine_template::difference(&spec(&input["current"]["spec"]), &spec(&input["desired"]["spec"]));
        let or_null = |texts: &[String]| if texts.is_empty() { Value::Null } else { json!(texts) };
        Ok(json!({
            "upToDate": difference.is_none(),
            "eligibleForInPlaceUpdate": !difference.is_none(),
            "logMessages": or_null(&difference.log_messages),
            "conditionMessages": or_null(&difference.condition_messages),
        }))
    });
}

fn pod(given: &Value, now: Timestamp) -> Pod {
    let mut metadata = json!({"name": given["name"], "namespace": given["namespace"], "labels": {}});
    if let Some(app) = given["app"].as_str() {
        metadata["labels"]["app"] = app.into();
    }
    if let Some(label) = given["drainLabel"].as_str() {
        metadata["labels"]["cluster.x-k8s.io/drain"] = label.into();
    }
    if let Some((kind, name)) = given["controller"].as_str().and_then(|owner| owner.split_once('/')) {
        metadata["ownerReferences"] =
            json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "u", "controller": true}]);
    }
    if let Some(seconds) = given["deletedSecondsAgo"].as_i64() {
        let since = now - SignedDuration::from_secs(seconds);
        metadata["deletionTimestamp"] = since.to_string().into();
    }
    if given["mirror"] == true {
        metadata["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
    }
    let volumes = if given["emptyDir"] == true { json!([{"name": "v", "emptyDir": {}}]) } else { json!([]) };
    serde_json::from_value(json!({
        "metadata": metadata,
        "spec": {"containers": [], "volumes": volumes},
        "status": {"phase": given["phase"]},
    }))
    .unwrap()
}

fn labels(value: &Value) -> BTreeMap<String, String> {
    serde_json::from_value(value.clone()).unwrap_or_default()
}

#[test]
fn drain_verdicts() {
    check("naming/drain.json", &["podsForEviction"], |_, input| {
        let now: Timestamp = "2024-06-01T12:00:00Z".parse().unwrap();
        let mut rules: Vec<Rule> = list(&input["rules"])
            .iter()
            .map(|rule| Rule::parse(rule["name"].as_str().unwrap(), &rule["spec"]))
            .collect::<Result<_, _>>()
            .map_err(|error| error.to_string())?;
        rules.sort_by(|left, right| left.name.cmp(&right.name));
        let machine = labels(&input["machineLabels"]);
        let cluster = labels(&input["clusterLabels"]);
        let surroundings = Surroundings {
            now,
            skip_deleting_after_seconds: input["skipWaitForDeleteTimeoutSeconds"].as_i64().unwrap_or(0),
            daemon_sets: texts(&input["daemonSets"])
                .into_iter()
                .filter_map(|key| key.split_once('/'))
                .map(|(namespace, name)| (namespace.to_owned(), name.to_owned()))
                .collect::<BTreeSet<_>>(),
            namespaces: serde_json::from_value(input["namespaces"].clone()).unwrap_or_default(),
            rules: rules.iter().filter(|rule| rule.applies_to_machine(&machine, &cluster)).collect(),
        };
        let mut output = Vec::new();
        for given in list(&input["pods"]) {
            let pod = pod(given, now);
            let verdict = drain::verdict(&pod, &surroundings).map_err(|error| error.to_string())?;
            let key = format!("{}/{}", given["namespace"].as_str().unwrap(), given["name"].as_str().unwrap());
            output.push((key, verdict));
        }
        output.sort_by(|(left, _), (right, _)| left.cmp(right));
        if output.is_empty() {
            return Ok(Value::Null);
        }
        let show = |(pod, verdict): (String, drain::Verdict)| {
            json!({
                "pod": pod,
                "behavior": verdict.behavior.as_str(),
                "order": verdict.order,
                "reason": format!("{:?}", verdict.reason),
                "message": verdict.message,
            })
        };
        Ok(output.into_iter().map(show).collect())
    });
}

#[test]
fn drain_messages() {
    check("naming/drain.json", &["conditionMessage"], |_, input| {
        let names = |key: &str| texts(&input[key]).into_iter().map(str::to_owned).collect::<Vec<_>>();
        let progress = Progress {
            deleting: names("deletionTimestampSet"),
            failed: serde_json::from_value(input["failedEviction"].clone()).unwrap_or_default(),
            evict_later: names("toTriggerEvictionLater"),
            wait_now: names("toWaitCompletedNow"),
            wait_later: names("toWaitCompletedLater"),
        };
        let started = input["drainStart"].as_str().unwrap().parse().unwrap();
        Ok(json!({"completed": progress.is_completed(), "message": progress.message(started)}))
    });
}

#[test]
fn remediation_allowance() {
    check("naming/mhc.json", &["isAllowedRemediation"], |_, input| {
        let int = |key: &str| i32::try_from(input[key].as_i64().unwrap()).unwrap();
        let at_most: Option<IntOrString> =
            serde_json::from_value(input["unhealthyLessThanOrEqualTo"].clone()).unwrap();
        machine_health_check::allowance(
            input["unhealthyInRange"].as_str().unwrap_or_default(),
            at_most.as_ref(),
            int("expectedMachines"),
            int("currentHealthy"),
        )
        .map(|allowance| json!({"allowed": allowance.allowed, "remediationCount": allowance.remaining}))
        .map_err(|error| error.to_string())
    });
}

fn checks(value: &Value) -> Vec<Check> {
    list(value)
        .iter()
        .map(|check| Check {
            condition_type: check["type"].as_str().unwrap().to_owned(),
            status: check["status"].as_str().unwrap().to_owned(),
            timeout_seconds: i32::try_from(check["timeoutSeconds"].as_i64().unwrap_or(0)).unwrap(),
        })
        .collect()
}

#[test]
fn health_findings() {
    check("naming/mhc.json", &["needsRemediation"], |_, input| {
        let read = |which: &str| typed_conditions(&input[which]["status"]["conditions"]);
        let (cluster, machine) = (read("cluster"), read("machine"));
        let node: Vec<NodeCondition> = list(&input["node"]["status"]["conditions"])
            .iter()
            .map(|condition| serde_json::from_value(condition.clone()).unwrap())
            .collect();
        let wanted = &input["machineHealthCheck"]["spec"]["checks"];
        let metadata = &input["machine"]["metadata"];
        let (machine_checks, node_checks) =
            (checks(&wanted["unhealthyMachineConditions"]), checks(&wanted["unhealthyNodeConditions"]));
        let target = Target {
            now: input["now"].as_str().unwrap().parse().unwrap(),
            cluster_conditions: &cluster,
            machine_conditions: &machine,
            created: metadata["creationTimestamp"].as_str().unwrap().parse().unwrap(),
            control_plane: metadata["labels"].get("cluster.x-k8s.io/control-plane").is_some(),
            marked: metadata["annotations"].get("cluster.x-k8s.io/remediate-machine").is_some(),
            node: if input["nodeMissing"] == true {
                Node::Deleted {
                    name: input["machine"]["status"]["nodeRef"]["name"].as_str().unwrap_or_default(),
                }
            } else if input["node"].is_null() {
                Node::NotThere
            } else {
                Node::There { conditions: &node }
            },
            machine_checks: &machine_checks,
            node_checks: &node_checks,
            node_startup_timeout_seconds: input["nodeStartupTimeoutSeconds"].as_i64().unwrap_or(0),
        };
        Ok(match machine_health_check::examine(&target) {
            Finding::Unhealthy(condition) => json!({
                "needsRemediation": true,
                "nextCheckSeconds": 0,
                "healthCheckSucceeded": {
                    "type": condition.type_,
                    "status": condition.status.as_str(),
                    "reason": condition.reason,
                    "message": condition.message,
                },
            }),
            Finding::Fine { again_in } => {
                let seconds = again_in.map_or(0, |again| again.as_secs());
                json!({"needsRemediation": false, "nextCheckSeconds": seconds})
            }
        })
    });
}
