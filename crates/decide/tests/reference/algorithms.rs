use decide::deletion_order::{self, Candidate, DeletionOrder};
use decide::etcd_membership::{self, Change, Health, Member};
use decide::failure_domains::Spread;
use decide::ip_family::{self, IpFamily};
use decide::scaling;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, json};

use crate::{check, check_with, list, texts};

fn condition(condition_type: &str, status: &Value) -> Option<Condition> {
    Some(Condition {
        type_: condition_type.to_owned(),
        status: status.as_str()?.to_owned(),
        reason: String::new(),
        message: String::new(),
        observed_generation: None,
        last_transition_time: Time(jiff::Timestamp::UNIX_EPOCH),
    })
}

#[test]
fn deletion_order() {
    check("naming/deletionorder.json", &["machinesToDelete"], |_, input| {
        let order = DeletionOrder::parse(input["order"].as_str().unwrap()).ok_or("no such order")?;
        let candidates: Vec<Candidate<'_>> = list(&input["machines"])
            .iter()
            .map(|machine| {
                let conditions: Vec<Condition> = [
                    condition("NodeHealthy", &machine["nodeHealthy"]),
                    condition("HealthCheckSucceeded", &machine["healthCheckSucceeded"]),
                ]
                .into_iter()
                .flatten()
                .collect();
                Candidate {
                    name: machine["name"].as_str().unwrap(),
                    age_seconds: machine["ageSeconds"].as_f64(),
                    deleting: machine["deleting"] == true,
                    marked: machine["deleteAnnotation"] == true,
                    updating: machine["updateInProgress"] == true,
                    healthy: deletion_order::is_healthy(machine["nodeRef"] == true, &conditions),
                }
            })
            .collect();
        let count = usize::try_from(input["count"].as_i64().unwrap()).unwrap_or(0);
        Ok(json!(deletion_order::in_order(&candidates, order).into_iter().take(count).collect::<Vec<_>>()))
    });
}

#[test]
fn failure_domains() {
    check_with("naming/failuredomains.json", &["pickMost", "pickFewest"], |case| {
        let input = &case["input"];
        let machines = list(&input["machines"]);
        let domain = |machine: &'_ Value| machine["failureDomain"].as_str().unwrap_or_default().to_owned();
        let all: Vec<String> = machines.iter().map(domain).collect();
        let preferred: Vec<String> =
            machines.iter().filter(|machine| machine["inSubset"] == true).map(domain).collect();
        let spread = Spread {
            domains: texts(&input["failureDomains"]),
            all: all.iter().map(String::as_str).collect(),
            preferred: preferred.iter().map(String::as_str).collect(),
        };
        let mut got = if case["fn"] == "pickMost" { spread.most() } else { spread.fewest() };
        if got.is_empty() {
            got.push("");
        }
        let mut wanted = texts(&case["output"]["anyOf"]);
        wanted.sort_unstable();
        (got != wanted).then(|| format!("got {got:?}"))
    });
}

fn int_or_string(value: &Value) -> Option<IntOrString> {
    match value {
        Value::Number(number) => Some(IntOrString::Int(i32::try_from(number.as_i64().unwrap()).unwrap())),
        Value::String(text) => Some(IntOrString::String(text.clone())),
        _ => None,
    }
}

fn int(value: &Value) -> i32 {
    i32::try_from(value.as_i64().unwrap()).unwrap()
}

#[test]
fn scaled_values() {
    check("naming/scaled.json", &["scaledValue"], |_, input| {
        let value = int_or_string(&input["value"]).ok_or("nothing given")?;
        scaling::scaled_value(&value, int(&input["total"]), input["roundUp"] == true)
            .map(Value::from)
            .map_err(|error| error.to_string())
    });
}

#[test]
fn fenceposts() {
    check("naming/scaled.json", &["resolveFenceposts"], |_, input| {
        let surge = int_or_string(&input["maxSurge"]);
        let unavailable = int_or_string(&input["maxUnavailable"]);
        scaling::resolve_fenceposts(surge.as_ref(), unavailable.as_ref(), int(&input["desired"]))
            .map(|posts| json!({"surge": posts.surge, "unavailable": posts.unavailable}))
            .map_err(|error| error.to_string())
    });
}

#[test]
fn rolling_update_limits() {
    check("naming/scaled.json", &["maxSurgeUnavailable"], |_, input| {
        let surge = int_or_string(&input["maxSurge"]);
        let unavailable = int_or_string(&input["maxUnavailable"]);
        let replicas = int(&input["replicas"]);
        let limits = scaling::rolling_update_limits(surge.as_ref(), unavailable.as_ref(), replicas);
        Ok(json!({"maxSurge": limits.surge, "maxUnavailable": limits.unavailable}))
    });
}

#[test]
fn etcd_membership() {
    check("naming/etcd.json", &["targetEtcdClusterHealthy"], |_, input| {
        let members: Vec<Member<'_>> = list(&input["members"])
            .iter()
            .map(|member| Member {
                name: member["name"].as_str().unwrap_or_default(),
                learner: member["learner"] == true,
                health: match (&member["machine"], &member["etcdMemberHealthy"]) {
                    (Value::Null, _) => {
                        let alarm = member["alarm"].as_str().is_some_and(|alarm| alarm != "OK");
                        Health::NoMachine { alarm: alarm && !member["alarm"].as_str().unwrap().is_empty() }
                    }
                    (_, healthy) if *healthy == "True" => Health::Healthy,
                    _ => Health::Unhealthy,
                },
            })
            .collect();
        let change = Change {
            add: input["addMember"] == true,
            remove: input["removeMember"].as_str().filter(|name| !name.is_empty()),
        };
        Ok(etcd_membership::survives(&members, change).into())
    });
}

#[test]
fn ip_family() {
    check_with("naming/ipfamily.json", &["ipFamily"], |case| {
        let input = &case["input"];
        let ranges = |key: &str| texts(&input[key]).into_iter().map(str::to_owned).collect::<Vec<_>>();
        let got = ip_family::ip_family(&ranges("pods"), &ranges("services"));
        let got = match got {
            Ok(IpFamily::V4) => json!("IPv4IPFamily"),
            Ok(IpFamily::V6) => json!("IPv6IPFamily"),
            Ok(IpFamily::Dual) => json!("DualStackIPFamily"),
            Err(error) => json!(error.to_string()),
        };
        let wanted = case.get("output").unwrap_or(&case["errorText"]);
        (got != *wanted).then(|| format!("got {got}"))
    });
}
