//! The few rules that a built-in kind has for itself, as a row of data and plain functions.

use machinery::status::{FieldError, Status};
use serde_json::{Value, json};

use crate::Refused;
use crate::object;

/// How names of a kind are formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRule {
    /// A DNS subdomain.
    Subdomain,
    /// A DNS label.
    Label,
    /// Anything that can be one segment of a path.
    PathSegment,
}

/// What a write to this kind does besides storing the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    None,
    /// It defines other kinds.
    Definition,
}

/// The rules of one kind.
pub struct Strategy {
    /// How it is called in the table of kinds.
    pub name: &'static str,
    /// How objects are named.
    pub name_rule: NameRule,
    /// A new object starts at generation 1 and each change of its spec adds one.
    pub counts_generations: bool,
    /// PUT of an object that is not there makes it.
    pub update_creates: bool,
    /// PUT without a resource version overwrites.
    pub unconditional_update: bool,
    /// DELETE answers with the object even where it is gone at once.
    pub delete_answers_object: bool,
    /// Collections cannot be deleted as a whole.
    pub no_delete_collection: bool,
    /// What writes do besides.
    pub effect: Effect,
    /// Warning with every write.
    pub warning: Option<&'static str>,
    /// Completes a new or changed object, after defaults.
    pub complete: fn(object: &mut Value, old: Option<&Value>),
    /// Completes what defaults cannot express, before ownership is recorded: what a client would have written itself.
    pub default: fn(object: &mut Value),
    /// Judges a new or changed object.
    pub validate: fn(object: &Value, old: Option<&Value>) -> Vec<FieldError>,
    /// Tells the object that its deletion has begun, at this time.
    pub end: fn(object: &mut Value, now: &str),
    /// Refuses a whole request because of the object.
    pub refuse: fn(object: &Value) -> Result<(), Refused>,
}

/// A kind without rules of its own.
const PLAIN: Strategy = Strategy {
    name: "plain",
    name_rule: NameRule::Subdomain,
    counts_generations: false,
    update_creates: false,
    unconditional_update: true,
    delete_answers_object: false,
    no_delete_collection: false,
    effect: Effect::None,
    warning: None,
    complete: |_, _| {},
    default: |_| {},
    validate: |_, _| Vec::new(),
    end: |_, _| {},
    refuse: |_| Ok(()),
};

/// Custom resources.
pub static CUSTOM: Strategy =
    Strategy { name: "custom", counts_generations: true, unconditional_update: false, ..PLAIN };

static STRATEGIES: [Strategy; 17] = [
    PLAIN,
    Strategy { name: "generations", counts_generations: true, ..PLAIN },
    Strategy {
        name: "pod",
        counts_generations: true,
        delete_answers_object: true,
        default: default_pod,
        ..PLAIN
    },
    Strategy { name: "node", complete: complete_node, ..PLAIN },
    Strategy {
        name: "workload",
        counts_generations: true,
        default: default_workload,
        complete: complete_workload,
        ..PLAIN
    },
    Strategy {
        name: "namespace",
        name_rule: NameRule::Label,
        delete_answers_object: true,
        no_delete_collection: true,
        default: label_namespace,
        complete: complete_namespace,
        end: end_namespace,
        ..PLAIN
    },
    Strategy { name: "secret", default: default_secret, validate: validate_secret, ..PLAIN },
    Strategy { name: "config-map", validate: validate_immutable, ..PLAIN },
    Strategy {
        name: "service",
        name_rule: NameRule::Label,
        delete_answers_object: true,
        default: default_service,
        ..PLAIN
    },
    Strategy { name: "service-account", delete_answers_object: true, ..PLAIN },
    Strategy {
        name: "endpoints",
        update_creates: true,
        warning: Some("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"),
        ..PLAIN
    },
    Strategy { name: "event", update_creates: true, ..PLAIN },
    Strategy {
        name: "lease",
        update_creates: true,
        unconditional_update: false,
        default: default_lease,
        validate: validate_lease,
        refuse: refuse_times,
        ..PLAIN
    },
    Strategy {
        name: "role",
        name_rule: NameRule::PathSegment,
        update_creates: true,
        complete: complete_role,
        ..PLAIN
    },
    Strategy { name: "binding", name_rule: NameRule::PathSegment, update_creates: true, ..PLAIN },
    Strategy {
        name: "budget",
        counts_generations: true,
        unconditional_update: false,
        complete: complete_budget,
        ..PLAIN
    },
    Strategy {
        name: "definition",
        counts_generations: true,
        unconditional_update: false,
        effect: Effect::Definition,
        default: super::definition_rules::default,
        complete: super::definition_rules::complete,
        validate: super::definition_rules::validate,
        end: super::definition_rules::end,
        ..PLAIN
    },
];

/// The strategy of this name; a plain one where there is none.
pub fn named(name: &str) -> &'static Strategy {
    STRATEGIES.iter().find(|strategy| strategy.name == name).unwrap_or(&STRATEGIES[0])
}

fn set_absent(object: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(map) = object.as_object_mut()
        && map.get(name).is_none_or(Value::is_null)
    {
        map.insert(name.to_owned(), value.into());
    }
}

fn label_namespace(object: &mut Value) {
    let name = object::name(object).to_owned();
    if name.is_empty() {
        return;
    }
    let metadata = object::metadata_mut(object);
    let labels = metadata.entry("labels").or_insert_with(|| json!({}));
    if let Some(labels) = labels.as_object_mut() {
        labels.insert("kubernetes.io/metadata.name".to_owned(), Value::from(name));
    }
}

fn complete_namespace(object: &mut Value, old: Option<&Value>) {
    match old {
        None => {
            let spec = object::member_mut(object, "spec");
            let finalizers = spec.entry("finalizers").or_insert_with(|| json!([]));
            if let Some(list) = finalizers.as_array_mut()
                && !list.contains(&Value::from("kubernetes"))
            {
                list.push(Value::from("kubernetes"));
            }
            if let Some(map) = object.as_object_mut() {
                map.insert("status".to_owned(), json!({"phase": "Active"}));
            }
        }
        // Only `/finalize` changes the spec.
        Some(old) => object::copy_member(old, object, "spec"),
    }
}

fn end_namespace(object: &mut Value, _: &str) {
    object::member_mut(object, "status").insert("phase".to_owned(), Value::from("Terminating"));
}

/// `stringData` is a convenience for writers: it becomes `data` and is never stored.
fn default_secret(object: &mut Value) {
    use base64::Engine as _;
    set_absent(object, "type", "Opaque");
    let Some(Value::Object(texts)) = object.as_object_mut().and_then(|map| map.remove("stringData")) else {
        return;
    };
    if texts.is_empty() {
        return;
    }
    let data = object::member_mut(object, "data");
    for (name, text) in texts {
        let encoded = base64::engine::general_purpose::STANDARD.encode(text.as_str().unwrap_or_default());
        data.insert(name, Value::from(encoded));
    }
}

fn validate_immutable(object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let Some(old) = old.filter(|old| old.get("immutable").and_then(Value::as_bool) == Some(true)) else {
        return Vec::new();
    };
    let changed =
        ["immutable", "data", "binaryData"].into_iter().filter(|name| old.get(*name) != object.get(*name));
    changed.map(|name| FieldError::forbidden(name, "field is immutable when `immutable` is set")).collect()
}

fn validate_secret(object: &Value, old: Option<&Value>) -> Vec<FieldError> {
    let mut errors = validate_immutable(object, old);
    if let Some(old) = old
        && old.get("type") != object.get("type")
    {
        let given = object.get("type").cloned().unwrap_or_default();
        errors.push(FieldError::invalid("type", given, "field is immutable"));
    }
    errors
}

/// A role without rules says so.
fn complete_role(object: &mut Value, _: Option<&Value>) {
    if let Some(map) = object.as_object_mut()
        && map.get("rules").and_then(Value::as_array).is_none_or(Vec::is_empty)
    {
        map.insert("rules".to_owned(), Value::Null);
    }
}

fn default_service(object: &mut Value) {
    let Some(spec) = object.get_mut("spec") else { return };
    set_absent(spec, "type", "ClusterIP");
    set_absent(spec, "sessionAffinity", "None");
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        let number = port.get("port").cloned().unwrap_or(Value::Null);
        set_absent(port, "protocol", "TCP");
        set_absent(port, "targetPort", number);
    }
}

fn default_pod(object: &mut Value) {
    if let Some(spec) = object.get_mut("spec") {
        default_pod_spec(spec);
    }
    if object.get("status").and_then(|status| status.get("phase")).is_none() {
        object::member_mut(object, "status").insert("phase".to_owned(), Value::from("Pending"));
    }
}

fn default_pod_spec(spec: &mut Value) {
    set_absent(spec, "restartPolicy", "Always");
    set_absent(spec, "dnsPolicy", "ClusterFirst");
    set_absent(spec, "schedulerName", "default-scheduler");
    set_absent(spec, "securityContext", json!({}));
    set_absent(spec, "terminationGracePeriodSeconds", 30);
    for list in ["initContainers", "containers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            default_container(container);
        }
    }
}

fn default_container(container: &mut Value) {
    let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
    let latest = image.ends_with(":latest")
        || !image.contains('@') && !image.rsplit('/').next().unwrap_or_default().contains(':');
    set_absent(container, "imagePullPolicy", if latest { "Always" } else { "IfNotPresent" });
    set_absent(container, "resources", json!({}));
    set_absent(container, "terminationMessagePath", "/dev/termination-log");
    set_absent(container, "terminationMessagePolicy", "File");
    for port in container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        set_absent(port, "protocol", "TCP");
    }
}

/// Defaults of what runs pods: Deployment, ReplicaSet, StatefulSet, DaemonSet.
fn default_workload(object: &mut Value) {
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some(spec) = object.get_mut("spec") else { return };
    if kind != "DaemonSet" {
        set_absent(spec, "replicas", 1);
    }
    if kind != "ReplicaSet" {
        set_absent(spec, "revisionHistoryLimit", 10);
    }
    match kind.as_str() {
        "Deployment" => {
            set_absent(spec, "progressDeadlineSeconds", 600);
            set_absent(spec, "strategy", json!({}));
            let rolling = json!({"maxSurge": "25%", "maxUnavailable": "25%"});
            default_rolling(spec, "strategy", rolling);
        }
        "DaemonSet" => {
            set_absent(spec, "updateStrategy", json!({}));
            default_rolling(spec, "updateStrategy", json!({"maxSurge": 0, "maxUnavailable": 1}));
        }
        "StatefulSet" => {
            set_absent(spec, "podManagementPolicy", "OrderedReady");
            set_absent(spec, "serviceName", "");
            set_absent(spec, "updateStrategy", json!({}));
            default_rolling(spec, "updateStrategy", json!({"partition": 0}));
            let retained = json!({"whenDeleted": "Retain", "whenScaled": "Retain"});
            set_absent(spec, "persistentVolumeClaimRetentionPolicy", retained);
        }
        _ => {}
    }
    if let Some(pod) = spec.pointer_mut("/template/spec") {
        default_pod_spec(pod);
    }
}

fn default_rolling(spec: &mut Value, name: &str, values: Value) {
    let Some(strategy) = spec.get_mut(name) else { return };
    set_absent(strategy, "type", "RollingUpdate");
    if strategy.get("type").and_then(Value::as_str) != Some("RollingUpdate") {
        return;
    }
    set_absent(strategy, "rollingUpdate", json!({}));
    let Some(rolling) = strategy.get_mut("rollingUpdate") else { return };
    for (member, value) in values.as_object().into_iter().flatten() {
        set_absent(rolling, member, value.clone());
    }
}

/// A workload of which nothing is known yet has an empty status.
fn complete_workload(object: &mut Value, _: Option<&Value>) {
    object::member_mut(object, "status");
}

/// Times of a node's conditions are written even where they are not known.
fn complete_node(object: &mut Value, _: Option<&Value>) {
    let conditions = object.pointer_mut("/status/conditions").and_then(Value::as_array_mut);
    for condition in conditions.into_iter().flatten().filter_map(Value::as_object_mut) {
        for name in ["lastHeartbeatTime", "lastTransitionTime"] {
            condition.entry(name).or_insert(Value::Null);
        }
    }
}

/// Counts of a disruption budget are written even where they are nothing.
fn complete_budget(object: &mut Value, _: Option<&Value>) {
    let status = object::member_mut(object, "status");
    for name in ["currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods"] {
        status.entry(name).or_insert(Value::from(0));
    }
}

/// Times of a lease are kept in UTC.
fn default_lease(object: &mut Value) {
    for name in ["acquireTime", "renewTime"] {
        let Some(time) = object.pointer_mut(&format!("/spec/{name}")) else { continue };
        if let Some(moment) = time.as_str().and_then(|text| machinery::time::parse_micros(text).ok()) {
            *time = Value::from(machinery::time::format_micros(moment));
        }
    }
}

fn validate_lease(object: &Value, _: Option<&Value>) -> Vec<FieldError> {
    let number = |name: &str| object.pointer(&format!("/spec/{name}")).and_then(Value::as_i64);
    let mut errors = Vec::new();
    if let Some(seconds) = number("leaseDurationSeconds").filter(|seconds| *seconds <= 0) {
        errors.push(FieldError::invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0"));
    }
    if let Some(count) = number("leaseTransitions").filter(|count| *count < 0) {
        errors.push(FieldError::invalid(
            "spec.leaseTransitions",
            count,
            "must be greater than or equal to 0",
        ));
    }
    errors
}

/// Times with a fraction are written with exactly six digits.
fn refuse_times(object: &Value) -> Result<(), Refused> {
    for name in ["acquireTime", "renewTime"] {
        let Some(text) = object.pointer(&format!("/spec/{name}")).and_then(Value::as_str) else { continue };
        let fraction =
            text.split_once('.').map(|(_, rest)| rest.trim_end_matches(|end: char| !end.is_ascii_digit()));
        let digits = fraction.map(|rest| rest.bytes().take_while(u8::is_ascii_digit).count());
        if digits != Some(6) || text.parse::<jiff::Timestamp>().is_err() {
            let text = machinery::status::quote(text);
            return Err(Status::bad_request(format!(
                "Lease in version \"v1\" cannot be handled as a Lease: parsing time {text} as \"2006-01-02T15:04:05.000000Z07:00\": \
                 cannot parse {text}"
            ))
            .into());
        }
    }
    Ok(())
}
