//! When the certificates on each machine end: written down on its KubeadmConfig once, for the Machine to tell.

use api::bootstrap::{KubeadmConfig, KubeadmConfigSpec};
use api::labels;
use jiff::SignedDuration;
use kubeadm::naming;
use serde_json::json;

use super::observed::{Expiry, Need};
use super::step::Step;
use super::view::{Own, View};
use super::waiting::Waiting;
use crate::plan::{Action, Next, ObjectRef};

/// When to ask again an API server that did not answer. Certificates last a year, and asking costs a tunnel.
pub const ASK_AGAIN: SignedDuration = SignedDuration::from_mins(10);

/// Asks machines that have not told yet.
pub fn step(view: &View<'_>) -> Step {
    let seen = view.seen;
    if !seen.is_initialized() || !seen.connection.is_up {
        return Step::pass();
    }
    let mut actions = Vec::new();
    let mut silent = Vec::new();
    for own in view.machines.iter().filter(|own| !own.seen.is_deleting()) {
        let (Some(config), Some(node)) = (own.seen.config.as_deref(), own.seen.node()) else { continue };
        let is_known = config
            .metadata
            .annotations
            .as_ref()
            .is_some_and(|all| all.contains_key(labels::CERTIFICATES_EXPIRY));
        // Without its Pod there is nobody to ask.
        if is_known || !own.has(api::conditions::API_SERVER_POD_HEALTHY) {
            continue;
        }
        match seen.certificate_expiries.iter().find(|(machine, _)| machine == own.name()) {
            None => {
                let machine = own.name().to_owned();
                return Step::Look(Need::CertificateExpiry {
                    machine,
                    node: node.to_owned(),
                    port: port(&config.spec),
                });
            }
            Some((_, Expiry::At(time))) => actions.push(write_down(own, config, *time)),
            Some((_, Expiry::Silent(asked))) => silent.push((own.name(), *asked)),
        }
    }
    if !actions.is_empty() || silent.is_empty() {
        return Step::act(actions);
    }
    let names: Vec<&str> = silent.iter().map(|(name, _)| *name).collect();
    let message = format!("the API server on {} does not tell when its certificate ends", names.join(", "));
    let asked = silent.iter().map(|(_, asked)| *asked).min().unwrap_or(seen.now);
    let again = asked.checked_add(ASK_AGAIN).map_or(Next::OnChange, Next::At);
    Step::Wait(Waiting::Workload(message), again)
}

fn write_down(own: &Own<'_>, config: &KubeadmConfig, time: jiff::Timestamp) -> Action {
    let metadata = &config.metadata;
    let patch = json!({"metadata": {
        "resourceVersion": metadata.resource_version,
        "annotations": {labels::CERTIFICATES_EXPIRY: time.to_string()},
    }});
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let target = ObjectRef::of::<KubeadmConfig>(namespace, metadata.name.as_deref().unwrap_or_default());
    Action::patch(target, patch, format!("when the certificates on {} end", own.name()))
}

/// Where the API server of a machine listens.
fn port(spec: &KubeadmConfigSpec) -> u16 {
    let join = spec.join_configuration.control_plane.as_ref();
    let ports = [
        spec.init_configuration.local_api_endpoint.bind_port,
        join.and_then(|join| join.local_api_endpoint.bind_port),
    ];
    let port = ports.into_iter().flatten().find(|port| *port != 0);
    port.and_then(|port| u16::try_from(port).ok()).unwrap_or(naming::API_SERVER_PORT)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::testing::{now, running};
    use super::super::{Observed, decide};
    use super::*;

    /// Nobody has written down yet when certificates end.
    fn untold() -> Observed {
        let mut seen = running(3);
        for machine in &mut seen.machines {
            let config = machine.config.as_mut().map(std::sync::Arc::make_mut);
            let annotations = config.and_then(|config| config.metadata.annotations.as_mut());
            annotations.map(|all| all.remove(labels::CERTIFICATES_EXPIRY));
        }
        seen
    }

    fn ago(minutes: i64) -> Timestamp {
        now() - SignedDuration::from_mins(minutes)
    }

    #[test]
    fn each_machine_is_asked_once() {
        let mut seen = untold();
        for name in ["cp-1", "cp-2", "cp-3"] {
            let Next::Look(Need::CertificateExpiry { machine, port, .. }) = decide(&seen).next else {
                panic!("{name} is not asked")
            };
            assert_eq!((machine.as_str(), port), (name, naming::API_SERVER_PORT));
            seen.certificate_expiries.push((machine, Expiry::At(ago(-60))));
        }
        let plan = decide(&seen);
        let noted = plan.actions.iter().filter(|action| action.to_string().contains("when the certificates"));
        assert_eq!(noted.count(), 3);
    }

    #[test]
    fn who_does_not_tell_is_left_alone_for_a_while() {
        let mut seen = untold();
        for (name, minutes) in [("cp-1", 1), ("cp-2", 4), ("cp-3", 2)] {
            seen.certificate_expiries.push((name.to_owned(), Expiry::Silent(ago(minutes))));
        }
        let plan = decide(&seen);
        assert!(plan.actions.is_empty());
        assert_eq!(plan.next, Next::At(ago(4) + ASK_AGAIN));
    }
}
