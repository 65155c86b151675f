//! Recorded exchanges with a real API server, played against the rules alone: a custom resource kept in memory, written by
//! create, update, patch and apply. What needs a server (discovery, versions, deletion) is left to the server's own tests.
// The environment says where the recordings are.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use machinery::apply::{ApplyRequest, Writer, apply, reset_fields, track_update};
use machinery::patch;
use machinery::schema::{self, Schema};
use machinery::status::{FieldError, Status};
use serde_json::{Map, Value, json};

/// Scenarios that ask for more than the rules that are here.
const LEFT_TO_THE_SERVER: [&str; 10] = [
    // Names, versions, preconditions, dry runs and deletion.
    "apply/custom-create-name",
    "apply/errors",
    "apply/preconditions",
    "crd/delete-held",
    // Kinds with rules of their own.
    "apply/deployment",
    "apply/secret",
    "apply/crd",
    // Rules in CEL.
    "crd/ratcheting",
    // Two versions of a kind, or a schema that changes.
    "crd/status-added-later",
    "crd/defaulting-read",
];

fn reference() -> Option<PathBuf> {
    let folder = std::env::var_os("WINDLASS_REFERENCE").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/reference")),
        PathBuf::from,
    );
    let folder = folder.join("apiconf");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is not there", folder.display());
    None
}

struct World {
    /// Where the resource is served, without names.
    prefix: String,
    group: String,
    api_version: String,
    kind: String,
    plural: String,
    schema: Schema,
    has_status: bool,
    objects: BTreeMap<String, Value>,
    now: Timestamp,
}

struct Request<'a> {
    verb: &'a str,
    name: Option<&'a str>,
    subresource: Option<&'a str>,
    query: BTreeMap<&'a str, &'a str>,
    kind: &'a str,
    body: Value,
}

type Answer = Result<Value, (u16, Value)>;

fn refuse(status: &Status) -> Answer {
    Err((status.code, serde_json::to_value(status).unwrap()))
}

impl World {
    fn errors_answer(&self, name: &str, errors: &[FieldError]) -> Answer {
        refuse(&Status::invalid(&self.group, &self.kind, name, errors))
    }

    /// What a strategy resets.
    fn prepare(&self, old: Option<&Value>, new: &mut Value, subresource: Option<&str>) {
        let members = new.as_object_mut().unwrap();
        if subresource == Some("scale") {
            return;
        }
        if subresource == Some("status") {
            let status = members.remove("status");
            let managed = members["metadata"].get("managedFields").cloned();
            *members = old.unwrap().as_object().unwrap().clone();
            members.remove("status");
            members.extend(status.map(|status| ("status".to_owned(), status)));
            let metadata = members["metadata"].as_object_mut().unwrap();
            metadata.remove("managedFields");
            metadata.extend(managed.map(|managed| ("managedFields".to_owned(), managed)));
        } else if self.has_status {
            members.remove("status");
            let status = old.and_then(|old| old.get("status"));
            members.extend(status.map(|status| ("status".to_owned(), status.clone())));
        }
    }

    fn store(&mut self, old: Option<&Value>, mut new: Value, subresource: Option<&str>) -> Answer {
        self.prepare(old, &mut new, subresource);
        let name = new["metadata"]["name"].as_str().unwrap().to_owned();
        let errors = if subresource == Some("status") {
            let status = self.schema.properties["status"].clone();
            let old = old.and_then(|old| old.get("status"));
            new.get("status")
                .map(|new| schema::validate_below(&status, Some("status"), new, old))
                .unwrap_or_default()
        } else {
            schema::validate(&self.schema, &new, old)
        };
        if !errors.is_empty() {
            return self.errors_answer(&name, &errors);
        }
        new["metadata"]["uid"] = json!("uid");
        self.objects.insert(name, new.clone());
        Ok(new)
    }

    fn decode(&self, object: &mut Value) -> Result<(), String> {
        schema::coerce_metadata(&self.schema, object).map_err(|error| error.to_string())?;
        schema::prune(&self.schema, object);
        schema::default(&self.schema, object);
        Ok(())
    }

    fn write(&mut self, request: &Request<'_>, old: Option<Value>, mut new: Value) -> Answer {
        if let Err(message) = self.decode(&mut new) {
            let message = format!("{0} in version \"v1\" cannot be handled as a {0}: {message}", self.kind);
            return refuse(&Status::bad_request(message));
        }
        let writer = Writer {
            manager: request.query.get("fieldManager").copied().unwrap_or_default(),
            api_version: &self.api_version,
            subresource: request.subresource,
            reset_fields: reset_fields(request.subresource, self.has_status),
            now: self.now,
        };
        if let Some(old) = &old {
            // Read by typed clients, the server's own metadata is kept.
            for name in ["uid", "name"] {
                new["metadata"][name] = old["metadata"][name].clone();
            }
        }
        track_update(&self.schema, old.as_ref(), &mut new, &writer);
        self.store(old.as_ref(), new, request.subresource)
    }

    fn apply(&mut self, request: &Request<'_>) -> Answer {
        let live = self.objects.get(request.name.unwrap()).cloned();
        let outcome = apply(&ApplyRequest {
            schema: &self.schema,
            live: live.as_ref(),
            applied: &request.body,
            manager: request.query["fieldManager"],
            force: request.query.get("force").is_some_and(|force| *force != "false"),
            api_version: &self.api_version,
            subresource: request.subresource,
            reset_fields: reset_fields(request.subresource, self.has_status),
            now: self.now,
        });
        let mut merged = match outcome {
            Ok(merged) => merged,
            Err(error) => return refuse(&error.status()),
        };
        schema::default_only(&self.schema, &mut merged);
        self.store(live.as_ref(), merged, request.subresource)
    }

    fn answer(&mut self, request: &Request<'_>) -> Answer {
        let stored = request.name.and_then(|name| self.objects.get(name)).cloned();
        let missing =
            || refuse(&Status::not_found(&self.group, &self.plural, request.name.unwrap_or_default()));
        match (request.verb, stored) {
            ("POST", _) => self.write(request, None, request.body.clone()),
            ("PATCH", None) if request.kind == "apply" && request.subresource.is_none() => {
                self.apply(request)
            }
            (_, None) => missing(),
            ("GET", Some(stored)) => Ok(stored),
            ("PUT", Some(stored)) => self.write(request, Some(stored), request.body.clone()),
            ("PATCH", Some(_)) if request.kind == "apply" => self.apply(request),
            ("PATCH", Some(stored)) => {
                let mut new = stored.clone();
                // What a scale says about replicas stands at the same place in the kinds played here.
                if request.kind == "json" {
                    if patch::json::Patch::parse(&request.body).unwrap().apply(&mut new).is_err() {
                        return refuse(&Status::patch_rejected());
                    }
                } else {
                    patch::merge::apply(&mut new, &request.body);
                }
                self.write(request, Some(stored), new)
            }
            (verb, _) => panic!("verb {verb}"),
        }
    }
}

/// Metadata that the rules decide on; the rest is the server's.
const COMPARED: [&str; 5] = ["labels", "annotations", "finalizers", "ownerReferences", "managedFields"];

fn comparable(object: &Value) -> Value {
    let mut result = Map::new();
    for (name, member) in object.as_object().into_iter().flatten() {
        match name.as_str() {
            "metadata" => {
                for name in COMPARED {
                    if let Some(member) = member.get(name) {
                        result.insert(format!("metadata.{name}"), member.clone());
                    }
                }
            }
            "apiVersion" | "kind" => {}
            _ => {
                result.insert(name.clone(), member.clone());
            }
        }
    }
    if let Some(Value::Array(entries)) = result.get_mut("metadata.managedFields") {
        for entry in entries.iter_mut() {
            if entry.get("time").is_some() {
                entry["time"] = json!("TIME");
            }
        }
        entries.sort_by_key(ToString::to_string);
    }
    Value::Object(result)
}

fn substitute(value: &Value, id: &str) -> Value {
    serde_json::from_str(&value.to_string().replace("{id}", id).replace("{ns}", id)).unwrap()
}

/// Whether the recorded body (perhaps only parts of it) agrees.
fn agrees(recorded: &Value, answer: &Answer, step: &Value) -> Result<(), String> {
    let body = match answer {
        Ok(object) => object,
        Err((_, status)) => status,
    };
    let mut wanted_causes = recorded["details"]["causes"].as_array().cloned().unwrap_or_default();
    if !wanted_causes.is_empty() {
        let mut causes = body["details"]["causes"].as_array().cloned().unwrap_or_default();
        wanted_causes.sort_by_key(ToString::to_string);
        causes.sort_by_key(ToString::to_string);
        return if causes == wanted_causes {
            Ok(())
        } else {
            Err(format!("causes {}\nexpected {}", json!(causes), json!(wanted_causes)))
        };
    }
    if let Some(message) = recorded["message"].as_str() {
        let given = body["message"].as_str().unwrap_or_default();
        return if given == message { Ok(()) } else { Err(format!("message {given}\nexpected {message}")) };
    }
    if step.get("only").is_some() {
        for (path, wanted) in recorded.as_object().into_iter().flatten() {
            let found = match path.as_str() {
                "spec" | "status" => body.get(path).cloned().unwrap_or_default(),
                path if path.starts_with("metadata.") && COMPARED.contains(&&path["metadata.".len()..]) => {
                    comparable(body).get(path).cloned().unwrap_or_default()
                }
                "data" => body.get(path).cloned().unwrap_or_default(),
                _ => continue,
            };
            let wanted = if path == "metadata.managedFields" && !wanted.is_null() {
                comparable(&json!({"metadata": {"managedFields": wanted}}))[path].clone()
            } else {
                wanted.clone()
            };
            if found != wanted {
                return Err(format!("{path} {found}\nexpected {wanted}"));
            }
        }
        return Ok(());
    }
    let (given, wanted) = (comparable(body), comparable(recorded));
    if given == wanted { Ok(()) } else { Err(format!("body {given}\nexpected {wanted}")) }
}

fn read_yaml(path: &Path) -> Value {
    // Of YAML 1.1's booleans the recordings use only true and false; y and n are names.
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(&std::fs::read_to_string(path).unwrap(), options).unwrap()
}

fn custom_kind(definition: &Value, id: &str) -> World {
    let spec = &definition["spec"];
    let versions = spec["versions"].as_array().unwrap();
    let version = versions.iter().find(|version| version["storage"] == json!(true)).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (group, plural) = (text(&spec["group"]), text(&spec["names"]["plural"]));
    let api_version = format!("{group}/{}", text(&version["name"]));
    World {
        prefix: format!("/apis/{api_version}/namespaces/{id}/{plural}"),
        group,
        api_version,
        kind: text(&spec["names"]["kind"]),
        plural,
        schema: Schema::parse(&version["schema"]["openAPIV3Schema"]).unwrap(),
        has_status: !version["subresources"]["status"].is_null(),
        objects: BTreeMap::new(),
        now: "2026-01-01T00:00:00Z".parse().unwrap(),
    }
}

fn config_maps(id: &str) -> World {
    let texts = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let schema = json!({"type": "object", "properties": {"data": texts, "binaryData": texts, "immutable": {"type": "boolean"}}});
    World {
        prefix: format!("/api/v1/namespaces/{id}/configmaps"),
        group: String::new(),
        api_version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        plural: "configmaps".to_owned(),
        schema: Schema::parse(&schema).unwrap(),
        has_status: false,
        objects: BTreeMap::new(),
        now: "2026-01-01T00:00:00Z".parse().unwrap(),
    }
}

/// Whether a step is one that the rules alone can answer.
fn is_playable(step: &Value, verb: &str, name: Option<&str>, subresource: Option<&str>, query: &str) -> bool {
    let creates_elsewhere =
        verb == "POST" && (name.is_some() || !step["body"]["metadata"]["name"].is_string());
    !(creates_elsewhere
        || (verb == "GET" && name.is_none())
        || subresource.is_some_and(|name| !matches!(name, "status" | "scale"))
        || step.get("raw").is_some()
        || step["body"]["metadata"]["ownerReferences"]
            .as_array()
            .is_some_and(|owners| owners.iter().any(|owner| owner["uid"].is_null()))
        || query.contains("dryRun"))
}

fn play(path: &Path, id: &str, failures: &mut Vec<String>) -> usize {
    let scenario = read_yaml(path);
    let answers: Vec<Value> =
        serde_json::from_str(&std::fs::read_to_string(path.with_extension("json")).unwrap()).unwrap();
    let mut world = config_maps(id);
    let mut played = 0;
    for (index, (step, recorded)) in scenario["steps"].as_array().unwrap().iter().zip(&answers).enumerate() {
        let step = substitute(step, id);
        let (verb, target) = step["do"].as_str().unwrap().split_once(' ').unwrap();
        if target.starts_with("/apis/apiextensions.k8s.io/v1/customresourcedefinitions") {
            if verb == "POST" && recorded["code"] == json!(201) && world.group.is_empty() {
                world = custom_kind(&step["body"], id);
            }
            continue;
        }
        let (target, query) = target.split_once('?').unwrap_or((target, ""));
        let Some(rest) = target.strip_prefix(&world.prefix) else { return played };
        let mut segments = rest.split('/').skip(1);
        let (name, subresource) = (segments.next(), segments.next());
        if verb == "DELETE" {
            return played;
        }
        if !is_playable(&step, verb, name, subresource, query) {
            continue;
        }
        let request = Request {
            verb,
            name,
            subresource,
            query: query.split('&').filter_map(|pair| pair.split_once('=')).collect(),
            kind: step["type"].as_str().unwrap_or_default(),
            body: step["body"].clone(),
        };
        world.now += jiff::SignedDuration::from_secs(1);
        let answer = world.answer(&request);
        played += 1;
        if let Err(problem) = compare(&step, recorded, &answer) {
            failures.push(format!("{id} step {index} {}: {problem}", step["do"]));
        }
    }
    played
}

fn compare(step: &Value, recorded: &Value, answer: &Answer) -> Result<(), String> {
    let wanted = recorded["code"].as_u64().unwrap();
    let same_code = match answer {
        Ok(_) => wanted < 300,
        Err((code, _)) => wanted == u64::from(*code),
    };
    if !same_code {
        return Err(format!("expected code {wanted}: {answer:?}"));
    }
    let scale = step["do"].as_str().unwrap().contains("/scale");
    let code_alone =
        scale || step["compare"] == json!("code") || (step["compare"] == json!("status") && answer.is_ok());
    if code_alone { Ok(()) } else { agrees(&recorded["body"], answer, step) }
}

#[test]
fn custom_resources_are_written_as_recorded() {
    let Some(folder) = reference() else { return };
    let mut failures = Vec::new();
    let (mut scenarios, mut steps) = (0, 0);
    for group in ["apply", "capi", "crd", "patch"] {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(folder.join(group)).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in
            paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        {
            let stem = path.file_stem().unwrap().to_str().unwrap();
            let name = format!("{group}/{stem}");
            let left_out = LEFT_TO_THE_SERVER.contains(&name.as_str())
                || stem.starts_with("cel-")
                || (group == "capi" && !stem.ends_with("-apply"))
                || (group == "patch" && !["json", "json-custom", "managed-fields"].contains(&stem));
            if left_out {
                continue;
            }
            let played = play(&path, &format!("{group}-{stem}"), &mut failures);
            scenarios += usize::from(played > 0);
            steps += played;
        }
    }
    println!("apiconf: played {steps} exchanges of {scenarios} scenarios");
    assert!(failures.is_empty(), "{} exchanges differ:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn schemas_that_are_not_structural_are_refused() {
    let Some(folder) = reference() else { return };
    let path = folder.join("crd/non-structural.yaml");
    let scenario = read_yaml(&path);
    let answers = std::fs::read_to_string(path.with_extension("json")).unwrap();
    let answers: Vec<Value> = serde_json::from_str(&answers).unwrap();
    let steps = scenario["steps"].as_array().unwrap();
    for (index, (step, recorded)) in steps.iter().zip(&answers).enumerate() {
        let schema = &step["body"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let errors = Schema::parse(schema).err().unwrap_or_default();
        let status = Status::invalid("", "", "", &errors);
        let causes = serde_json::to_value(status.details.unwrap().causes).unwrap();
        let wanted = recorded["body"]["details"].get("causes").cloned().unwrap_or_else(|| json!([]));
        assert_eq!(causes, wanted, "step {index}: {schema}");
    }
    println!("apiconf: tried {} schemas", steps.len());
}
