use std::collections::BTreeMap;
use std::sync::Arc;

use api::bootstrap::{File, FileSource, KubeadmConfig, SecretFileSource};
use api::core::common::ApiEndpoint;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta, OwnerReference, Time};
use kubeadm::certificates::{KeyPair, Purpose};

use super::*;
use crate::plan;

const AUTHORITY: &str = "-----BEGIN CERTIFICATE-----
MIIBdzCCAR2gAwIBAgIBADAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwprdWJlcm5l
dGVzMB4XDTI2MDEwMTAwMDAwMFoXDTM2MDEwMTAwMDAwMFowFTETMBEGA1UEAxMK
a3ViZXJuZXRlczBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGB2m2n1k6oUhcDe
-----END CERTIFICATE-----
";

fn meta(name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some("ns".to_owned()),
        uid: Some(format!("uid-{name}")),
        resource_version: Some("7".to_owned()),
        ..ObjectMeta::default()
    }
}

fn cluster(provisioned: bool, initialized: bool) -> Cluster {
    let mut cluster = Cluster { metadata: meta("c"), ..Cluster::default() };
    cluster.spec.control_plane_endpoint = ApiEndpoint { host: Some("h".to_owned()), port: Some(6443) };
    cluster.status.initialization.infrastructure_provisioned = Some(provisioned);
    let condition = Condition {
        type_: conditions::CONTROL_PLANE_INITIALIZED.to_owned(),
        status: if initialized { "True" } else { "False" }.to_owned(),
        reason: "R".to_owned(),
        message: String::new(),
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
        observed_generation: None,
    };
    cluster.status.conditions = vec![condition];
    cluster
}

fn seen(cluster: Cluster, control_plane: bool) -> Observed {
    let mut machine = Machine { metadata: meta("m"), ..Machine::default() };
    machine.spec.version = Some("v1.35.0".to_owned());
    if control_plane {
        machine.metadata.labels = Some([(labels::CONTROL_PLANE.to_owned(), String::new())].into());
    }
    let purposes = [Purpose::ClusterCa, Purpose::EtcdCa, Purpose::FrontProxyCa, Purpose::ServiceAccount];
    let pair = KeyPair { certificate: AUTHORITY.to_owned(), key: "key".to_owned() };
    Observed {
        now: Timestamp::UNIX_EPOCH,
        config: Arc::new(KubeadmConfig { metadata: meta("m"), ..KubeadmConfig::default() }),
        machine: Some(Arc::new(machine)),
        cluster: Some(Arc::new(cluster)),
        control_plane_version: None,
        data_secret: None,
        lock: None,
        lock_holder_exists: false,
        key_pairs: purposes.map(|purpose| (purpose, pair.clone())).into(),
        has_looked_for_key_pairs: false,
        made_key_pairs: None,
        fresh_token: "abcdef.0123456789abcdef".parse().unwrap(),
        is_connected: true,
        referenced_secrets: None,
        token_expires: None,
    }
}

fn described(plan: &KubeadmConfigPlan) -> Vec<String> {
    plan.actions.iter().map(ToString::to_string).collect()
}

fn lock_of(machine: &str) -> Arc<ConfigMap> {
    Arc::new(serde_json::from_value(lock(&cluster(true, false), machine)).unwrap())
}

#[test]
fn nothing_is_written_before_the_infrastructure_is_there() {
    let plan = decide(&seen(cluster(false, false), true));
    assert_eq!((plan.actions.len(), &plan.waiting[..]), (0, &[Waiting::Infrastructure][..]));
    let status = plan.status.unwrap();
    let available = crate::conditions::get(&status.conditions, conditions::DATA_SECRET_AVAILABLE).unwrap();
    assert_eq!(available.message, "Waiting for Cluster status.infrastructureReady to be true");
}

#[test]
fn one_control_plane_machine_takes_the_lock_and_then_gets_its_data() {
    let mut seen = seen(cluster(true, false), true);
    assert_eq!(described(&decide(&seen)), ["create ConfigMap ns/c-lock: take the lock for kubeadm init"]);
    seen.lock = Some(lock_of("m"));
    seen.lock_holder_exists = true;
    assert_eq!(described(&decide(&seen)), ["create Secret ns/m: bootstrap data for kubeadm init"]);
}

#[test]
fn a_lock_is_waited_for_while_its_holder_exists_and_taken_away_when_it_does_not() {
    let mut seen = seen(cluster(true, false), true);
    seen.lock = Some(lock_of("other"));
    seen.lock_holder_exists = true;
    assert_eq!(decide(&seen).waiting, [Waiting::ControlPlane]);
    seen.lock_holder_exists = false;
    let why = "delete ConfigMap ns/c-lock: the machine that held the lock for kubeadm init is gone";
    assert_eq!(described(&decide(&seen)), [why]);
}

#[test]
fn a_worker_waits_for_the_control_plane() {
    assert_eq!(decide(&seen(cluster(true, false), false)).waiting, [Waiting::ControlPlane]);
}

#[test]
fn joining_creates_the_token_before_anything_refers_to_it() {
    let mut seen = seen(cluster(true, true), false);
    // Discovery that the user completed, so that no real certificate is needed here.
    let mut config = (*seen.config).clone();
    config.spec.join_configuration.discovery.bootstrap_token.ca_cert_hashes = vec!["sha256:x".to_owned()];
    seen.config = Arc::new(config);
    seen.lock = Some(lock_of("m"));
    let plan = decide(&seen);
    assert_eq!(
        described(&plan),
        [
            "delete ConfigMap ns/c-lock: the control plane is initialized",
            "in ns/c: create Secret kube-system/bootstrap-token-abcdef: a token to join with",
            "patch KubeadmConfig ns/m: how the machine joins",
            "create Secret ns/m: bootstrap data for kubeadm join",
        ]
    );
    seen.is_connected = false;
    assert_eq!(decide(&seen).waiting, [Waiting::Connection]);
}

#[test]
fn contents_from_secrets_are_asked_for_and_missing_ones_named() {
    let mut seen = seen(cluster(true, false), true);
    let mut config = (*seen.config).clone();
    let secret = SecretFileSource { name: "s".to_owned(), key: "k".to_owned() };
    config.spec.files =
        vec![File { path: "/f".to_owned(), content_from: FileSource { secret }, ..File::default() }];
    seen.config = Arc::new(config);
    assert_eq!(decide(&seen).next, Next::Look(Need::Secrets(vec!["s".to_owned()])));
    seen.referenced_secrets = Some(SecretValues(BTreeMap::new()));
    let expected = Waiting::Files("Secret s with key \"k\" for file /f is not there".to_owned());
    let plan = decide(&seen);
    // Nobody watches such a Secret.
    assert_eq!((&plan.waiting[..], plan.next), (&[expected][..], Next::Retry));
    seen.referenced_secrets = Some(SecretValues([("s/k".to_owned(), "text".to_owned())].into()));
    assert_eq!(described(&decide(&seen)), ["create ConfigMap ns/c-lock: take the lock for kubeadm init"]);
}

#[test]
fn passwords_from_secrets_are_never_shown() {
    let mut seen = seen(cluster(true, false), true);
    let mut config = (*seen.config).clone();
    let from = json!({"name": "u", "passwdFrom": {"secret": {"name": "s", "key": "k"}}});
    config.spec.users = vec![serde_json::from_value(from).unwrap()];
    seen.config = Arc::new(config);
    assert_eq!(decide(&seen).next, Next::Look(Need::Secrets(vec!["s".to_owned()])));
    seen.referenced_secrets = Some(SecretValues::default());
    let plan = decide(&seen);
    assert_eq!(plan.next, Next::Retry);
    let waiting = &plan.waiting[0];
    assert_eq!(plan::Waiting::message(waiting), "Failed to read password from secrets for spec.users");
    assert_eq!(plan::Waiting::detail(waiting), "Secret s with key \"k\" for user u is not there");
}

/// The Cluster has a control plane object.
fn managed(mut cluster: Cluster) -> Cluster {
    let reference = json!({"apiGroup": "p.io", "kind": "Plane", "name": "c"});
    cluster.spec.control_plane_ref = serde_json::from_value(reference).unwrap();
    cluster
}

#[test]
fn certificates_that_are_not_cached_are_looked_for_before_they_count_as_missing() {
    for (initialized, control_plane, missing) in
        [(false, true, Purpose::EtcdCa), (true, true, Purpose::EtcdCa), (true, false, Purpose::ClusterCa)]
    {
        let mut seen = seen(managed(cluster(true, initialized)), control_plane);
        seen.key_pairs.remove(&missing);
        assert_eq!(decide(&seen).next, Next::Look(Need::KnownKeyPairs(vec![missing])));
        seen.has_looked_for_key_pairs = true;
        let plan = decide(&seen);
        assert_eq!((plan.actions.len(), plan.next), (0, Next::Retry));
        let status = plan.status.unwrap();
        let told = crate::conditions::get(&status.conditions, conditions::CERTIFICATES_AVAILABLE).unwrap();
        assert_eq!(told.message, "Please check controller logs for errors");
    }
}

#[test]
fn a_machine_that_cannot_run_kubeadm_init_does_not_keep_others_from_it() {
    let mut seen = seen(managed(cluster(true, false)), true);
    seen.key_pairs.remove(&Purpose::EtcdCa);
    seen.has_looked_for_key_pairs = true;
    seen.lock = Some(lock_of("m"));
    seen.lock_holder_exists = true;
    let why = "delete ConfigMap ns/c-lock: the machine that holds the lock cannot run kubeadm init";
    assert_eq!(described(&decide(&seen)), [why]);
    seen.lock = None;
    assert_eq!(described(&decide(&seen)), Vec::<String>::new());
}

#[test]
fn where_machines_stand_alone_the_first_of_them_makes_the_keys() {
    let mut seen = seen(cluster(true, false), true);
    let pair = seen.key_pairs.remove(&Purpose::EtcdCa).unwrap();
    seen.has_looked_for_key_pairs = true;
    assert_eq!(described(&decide(&seen)), ["create ConfigMap ns/c-lock: take the lock for kubeadm init"]);
    seen.lock = Some(lock_of("m"));
    seen.lock_holder_exists = true;
    let Next::Look(Need::NewKeyPairs(wanted)) = decide(&seen).next else { panic!("no look") };
    assert_eq!(wanted.iter().map(|certificate| certificate.purpose).collect::<Vec<_>>(), [Purpose::EtcdCa]);
    seen.made_key_pairs = Some([(Purpose::EtcdCa, pair)].into());
    assert_eq!(described(&decide(&seen)), ["create Secret ns/c-etcd: the cluster needs its etcd"]);
}

#[test]
fn a_token_is_kept_alive_until_the_node_has_joined() {
    let mut seen = seen(cluster(true, true), false);
    let mut config = (*seen.config).clone();
    config.spec.join_configuration.discovery.bootstrap_token.token =
        Some("abcdef.0123456789abcdef".to_owned());
    config.status.data_secret_name = Some("m".to_owned());
    config.status.initialization.data_secret_created = Some(true);
    seen.config = Arc::new(config);
    assert_eq!(decide(&seen).next, Next::Look(Need::TokenExpiry { id: "abcdef".to_owned() }));
    seen.token_expires = Some(TokenExpiry::At(later(seen.now, SignedDuration::from_mins(13))));
    assert_eq!(decide(&seen).actions.len(), 0);
    seen.token_expires = Some(TokenExpiry::At(later(seen.now, SignedDuration::from_mins(12))));
    let why = "in ns/c: patch Secret kube-system/bootstrap-token-abcdef: the machine has not joined yet: its token lives on";
    assert_eq!(described(&decide(&seen)), [why]);
    let mut machine = (**seen.machine.as_ref().unwrap()).clone();
    machine.status.node_ref = Some(serde_json::from_value(json!({"name": "m"})).unwrap());
    seen.machine = Some(Arc::new(machine));
    assert_eq!((decide(&seen).actions.len(), decide(&seen).next), (0, Next::OnChange));
}

#[test]
fn a_secret_of_somebody_else_is_left_alone() {
    let mut seen = seen(cluster(true, false), true);
    seen.data_secret = Some(Arc::new(Secret { metadata: meta("m"), ..Secret::default() }));
    assert_eq!(decide(&seen).waiting, [Waiting::ForeignSecret("m".to_owned())]);
    let other = KubeadmConfig { metadata: meta("other"), ..KubeadmConfig::default() };
    let mut secret = Secret { type_: Some(labels::CLUSTER_SECRET_TYPE.to_owned()), ..Secret::default() };
    secret.metadata = meta("m");
    secret.metadata.owner_references = Some(vec![owners::controller(&other)]);
    seen.data_secret = Some(Arc::new(secret));
    assert_eq!(decide(&seen).waiting, [Waiting::ForeignSecret("m".to_owned())]);
}

/// A Secret with data that nobody owns, the reference to its config, and that to one of the same name before it.
fn data_secret(seen: &Observed) -> (Secret, OwnerReference, OwnerReference) {
    let type_ = Some(labels::CLUSTER_SECRET_TYPE.to_owned());
    let own = owners::controller(&*seen.config);
    let before = OwnerReference { uid: "an-older-one".to_owned(), ..own.clone() };
    (Secret { metadata: meta("m"), type_, ..Secret::default() }, own, before)
}

#[test]
fn bootstrap_data_is_its_configs_again_after_a_restore() {
    let mut seen = seen(cluster(true, true), true);
    // Machines keep their specification.
    let mut machine = (**seen.machine.as_ref().unwrap()).clone();
    machine.spec.bootstrap.data_secret_name = Some("m".to_owned());
    seen.machine = Some(Arc::new(machine));
    let (mut secret, own, before) = data_secret(&seen);
    for owners in [None, Some(vec![before])] {
        secret.metadata.owner_references = owners;
        seen.data_secret = Some(Arc::new(secret.clone()));
        let plan = decide(&seen);
        let [Action::Write { write: Write::Patch { patch, .. }, .. }] = plan.actions.as_slice() else {
            panic!("not one patch: {:?}", described(&plan));
        };
        assert_eq!(patch["metadata"], json!({"resourceVersion": "7", "ownerReferences": [own]}));
    }
    secret.metadata.owner_references = Some(vec![own]);
    seen.data_secret = Some(Arc::new(secret));
    let plan = decide(&seen);
    assert_eq!((plan.actions.len(), plan.status.unwrap().data_secret_name.as_deref()), (0, Some("m")));
}

#[test]
fn bootstrap_data_of_an_earlier_object_of_the_same_name_makes_room() {
    let mut seen = seen(cluster(true, true), true);
    let (mut secret, own, before) = data_secret(&seen);
    secret.metadata.owner_references = Some(vec![before]);
    seen.data_secret = Some(Arc::new(secret.clone()));
    let why = "delete Secret ns/m: bootstrap data of an earlier KubeadmConfig of this name";
    assert_eq!(described(&decide(&seen)), [why]);
    // What does not say whose it was may be somebody's authority.
    secret.metadata.owner_references = None;
    seen.data_secret = Some(Arc::new(secret.clone()));
    let plan = decide(&seen);
    assert_eq!((plan.actions.len(), &plan.waiting[..]), (0, &[Waiting::ForeignSecret("m".to_owned())][..]));
    // Written, and not reported yet.
    secret.metadata.owner_references = Some(vec![own]);
    seen.data_secret = Some(Arc::new(secret));
    assert_eq!(decide(&seen).status.unwrap().data_secret_name.as_deref(), Some("m"));
}

#[test]
fn whoever_lacks_a_secret_gives_the_lock_back_and_does_not_take_it() {
    let mut seen = seen(cluster(true, false), true);
    let mut config = (*seen.config).clone();
    let secret = SecretFileSource { name: "s".to_owned(), key: "k".to_owned() };
    config.spec.files =
        vec![File { path: "/f".to_owned(), content_from: FileSource { secret }, ..File::default() }];
    seen.config = Arc::new(config);
    seen.referenced_secrets = Some(SecretValues(BTreeMap::new()));
    assert!(decide(&seen).actions.is_empty());
    (seen.lock, seen.lock_holder_exists) = (Some(lock_of("m")), true);
    let why = "delete ConfigMap ns/c-lock: the machine that holds the lock cannot run kubeadm init";
    let plan = decide(&seen);
    assert_eq!((described(&plan), plan.next), (vec![why.to_owned()], Next::Retry));
    // While another machine makes the cluster, that is what is waited for.
    seen.lock = Some(lock_of("other"));
    assert_eq!(decide(&seen).waiting, [Waiting::ControlPlane]);
    assert!(decide(&seen).actions.is_empty());
}

#[test]
fn a_token_that_could_not_be_looked_at_is_looked_at_again_soon() {
    let mut seen = seen(cluster(true, true), false);
    let mut config = (*seen.config).clone();
    config.spec.join_configuration.discovery.bootstrap_token.token =
        Some("abcdef.0123456789abcdef".to_owned());
    config.status.data_secret_name = Some("m".to_owned());
    config.status.initialization.data_secret_created = Some(true);
    seen.config = Arc::new(config);
    seen.token_expires = Some(TokenExpiry::Unknown);
    assert_eq!(decide(&seen).next, Next::At(later(seen.now, SignedDuration::from_secs(15))));
}
