//! From the bytes of a body to an object of the kind that the path asks for.

use machinery::gvk::split_api_version;
use machinery::schema::{Additional, Schema};
use machinery::status::{Status, quote};
use serde_json::Value;

use crate::Refused;
use crate::duplicates;
use crate::exchange::Exchange;
use crate::negotiate::{self, Encoding};
use crate::request::FieldValidation;

/// A body that was read, with what was odd about it.
pub struct Decoded {
    /// The object.
    pub value: Value,
    /// One sentence per doubled member.
    pub complaints: Vec<String>,
}

/// Reads JSON or YAML text as a tree.
pub fn tree(bytes: &[u8], encoding: Encoding) -> Result<Decoded, String> {
    match encoding {
        Encoding::Json => {
            let read = duplicates::read(bytes).map_err(|error| json_error(bytes, &error))?;
            let complaints =
                read.duplicates.iter().map(|path| format!("duplicate field {}", quote(path))).collect();
            Ok(Decoded { value: read.value, complaints })
        }
        Encoding::Yaml => yaml(bytes),
    }
}

/// The text that Go's JSON reader has for the most usual mistakes.
fn json_error(bytes: &[u8], error: &serde_json::Error) -> String {
    if error.is_eof() || bytes.is_empty() {
        return "unexpected end of JSON input".to_owned();
    }
    let line = error.line().saturating_sub(1);
    let start: usize = bytes.split(|byte| *byte == b'\n').take(line).map(|text| text.len() + 1).sum();
    let position = (start + error.column()).saturating_sub(1);
    let found =
        String::from_utf8_lossy(bytes.get(position..).unwrap_or_default()).chars().next().unwrap_or(' ');
    format!("invalid character '{found}' looking for beginning of value")
}

/// Reads the first document of YAML 1.1 text.
pub fn yaml(bytes: &[u8]) -> Result<Decoded, String> {
    // JSON is YAML, and most of what is sent as YAML is JSON: its own reader is many times faster.
    if bytes.first() == Some(&b'{')
        && let Ok(read) = duplicates::read(bytes)
        && read.duplicates.is_empty()
    {
        return Ok(Decoded { value: read.value, complaints: Vec::new() });
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "yaml: the text is not UTF-8".to_owned())?;
    let first = first_document(text);
    if first.trim().is_empty() {
        return Ok(Decoded { value: Value::Null, complaints: Vec::new() });
    }
    let read = |policy| {
        let options = serde_saphyr::options! {
            duplicate_keys: policy,
            legacy_octal_numbers: true,
            strict_booleans: false
        };
        serde_saphyr::from_str_with_options::<Value>(first, options)
    };
    let value = read(serde_saphyr::DuplicateKeyPolicy::LastWins).map_err(|error| format!("yaml: {error}"))?;
    let mut complaints = Vec::new();
    if let Err(error) = read(serde_saphyr::DuplicateKeyPolicy::Error) {
        complaints.push(format!("yaml: {error}"));
    }
    Ok(Decoded { value, complaints })
}

/// Text up to the second document; markers and comments before the first one are skipped.
fn first_document(text: &str) -> &str {
    let mut start = 0;
    let mut seen = false;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_end();
        if bare == "---" || bare.starts_with("--- ") {
            if seen {
                return text.get(start..offset).unwrap_or_default();
            }
            start = if bare == "---" { offset + line.len() } else { offset };
        }
        seen |= !bare.is_empty() && bare != "---" && !bare.starts_with('#');
        offset += line.len();
    }
    text.get(start..).unwrap_or_default()
}

/// Reads the body as an object of the exchange's kind: type checked, unknown members dropped (or refused), defaults
/// filled in.
pub fn object(exchange: &mut Exchange, validation: FieldValidation) -> Result<Value, Refused> {
    let encoding = negotiate::input(exchange.content_type.as_deref())?;
    let kind = exchange.resource.kind.clone();
    let body = exchange.body.clone();
    let decoded = tree(&body, encoding).map_err(|error| unreadable(&kind.kind, &body, &error))?;
    let Decoded { mut value, complaints } = decoded;
    if value.is_null() && !kind.custom() {
        value = Value::Object(serde_json::Map::new());
    }
    if !value.is_object() {
        return Err(unrecognized(&kind.kind, &value, &body));
    }
    check_type(exchange, &mut value, &body)?;
    let version = exchange.resource.version().name.clone();
    check_metadata(&value).map_err(|detail| unhandled(&kind.kind, &version, &kind.kind, &detail))?;
    fit(exchange, &mut value, complaints, validation)?;
    if !kind.custom() {
        check_structure(exchange, &value)?;
    }
    Ok(value)
}

/// Drops unknown members and fills in defaults. Unknown and doubled members are told about as the client wishes.
pub fn fit(
    exchange: &mut Exchange,
    value: &mut Value,
    mut complaints: Vec<String>,
    validation: FieldValidation,
) -> Result<(), Refused> {
    complaints.extend(prune_and_default(exchange, value)?);
    let resource = exchange.resource.clone();
    complain(exchange, (&resource.kind.kind, &resource.version().name), complaints, validation)
}

/// Drops unknown members and fills in defaults. Returns a complaint about each unknown member.
pub fn prune_and_default(exchange: &Exchange, value: &mut Value) -> Result<Vec<String>, Refused> {
    let version = exchange.resource.version();
    let schema = version.schema();
    let mut unknown = machinery::schema::prune(schema, value);
    unknown.extend(prune_metadata(value));
    if version.embeds {
        let mut problems = Vec::new();
        embedded(schema, value, "", &mut unknown, &mut problems);
        if let Some(problem) = problems.first() {
            return Err(Status::bad_request(problem.as_str()).into());
        }
    }
    machinery::schema::default(schema, value);
    Ok(unknown_fields(&unknown).collect())
}

/// Complaints about fields that are not known.
pub fn unknown_fields(paths: &[String]) -> impl Iterator<Item = String> {
    paths.iter().map(|path| format!("unknown field {}", quote(path)))
}

/// Tells what is odd about a body of this kind and version, as the client wishes.
pub fn complain(
    exchange: &mut Exchange,
    (kind, version): (&str, &str),
    complaints: Vec<String>,
    validation: FieldValidation,
) -> Result<(), Refused> {
    match validation {
        FieldValidation::Strict if !complaints.is_empty() => {
            let detail = format!("strict decoding error: {}", complaints.join(", "));
            let text = format!("{kind} in version \"{version}\" cannot be handled as a {kind}: {detail}");
            Err(Status::bad_request(text).into())
        }
        FieldValidation::Warn => {
            exchange.warnings.extend(complaints);
            Ok(())
        }
        FieldValidation::Strict | FieldValidation::Ignore => Ok(()),
    }
}

/// Members that metadata has.
const METADATA: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// Drops members that metadata has not, and names them.
pub fn prune_metadata(value: &mut Value) -> Vec<String> {
    let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) else { return Vec::new() };
    let unknown: Vec<String> =
        metadata.keys().filter(|name| !METADATA.contains(&name.as_str())).cloned().collect();
    metadata.retain(|name, _| METADATA.contains(&name.as_str()));
    unknown.into_iter().map(|name| format!("metadata.{name}")).collect()
}

/// Whether a structure holds whole objects somewhere.
pub fn embeds(schema: &Schema) -> bool {
    schema.embedded_resource || children(schema).any(embeds)
}

fn children(schema: &Schema) -> impl Iterator<Item = &Schema> {
    let additional = match &schema.additional {
        Some(Additional::Schema(child)) => Some(&**child),
        _ => None,
    };
    schema.properties.values().map(|child| &**child).chain(additional).chain(schema.items.as_deref())
}

/// Drops unknown members from the metadata of embedded objects, and finds what cannot be metadata.
fn embedded(
    schema: &Schema,
    value: &mut Value,
    path: &str,
    unknown: &mut Vec<String>,
    problems: &mut Vec<String>,
) {
    if schema.embedded_resource {
        problems.extend(check_metadata(value).err());
        unknown.extend(prune_metadata(value).into_iter().map(|name| format!("{path}.{name}")));
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if let Some(child) = schema.member(name) {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    embedded(child, member, &path, unknown, problems);
                }
            }
        }
        Value::Array(items) => {
            let Some(child) = &schema.items else { return };
            for (index, item) in items.iter_mut().enumerate() {
                embedded(child, item, &format!("{path}[{index}]"), unknown, problems);
            }
        }
        _ => {}
    }
}

fn unreadable(kind: &str, body: &[u8], error: &str) -> Refused {
    let shown = if body.is_empty() {
        "<empty>".to_owned()
    } else {
        String::from_utf8_lossy(body).chars().take(1024).collect()
    };
    let text = format!(
        "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; json parse error: {error} ({shown})"
    );
    Status::bad_request(text).into()
}

fn unrecognized(kind: &str, value: &Value, body: &[u8]) -> Refused {
    if value.is_null() {
        let body = String::from_utf8_lossy(body);
        return Status::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): Object 'Kind' is missing in '{body}'"
        ))
        .into();
    }
    let go = go_type(value);
    unreadable(
        kind,
        body,
        &format!(
            "json: cannot unmarshal {go} into Go value of type struct {{ APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }}"
        ),
    )
}

/// What Go's JSON reader calls a value.
pub fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn unhandled(kind: &str, version: &str, wanted: &str, detail: &str) -> Refused {
    Status::bad_request(format!("{kind} in version \"{version}\" cannot be handled as a {wanted}: {detail}"))
        .into()
}

/// Compares `apiVersion` and `kind` with the path, and fills them in for built-in kinds.
fn check_type(exchange: &Exchange, value: &mut Value, body: &[u8]) -> Result<(), Refused> {
    let resource = &exchange.resource;
    let wanted = &*resource.kind.kind;
    let expected = resource.api_version();
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if resource.kind.custom() {
        if kind.is_empty() {
            let body = String::from_utf8_lossy(body);
            return Err(Status::bad_request(format!(
                "the object provided is unrecognized (must be of type {wanted}): Object 'Kind' is missing in '{body}'"
            ))
            .into());
        }
        if api_version != expected {
            return Err(other_version(&api_version, &expected));
        }
        if kind != wanted {
            let name = crate::object::name(value).to_owned();
            let detail = format!("must be {wanted}");
            let error = machinery::status::FieldError::invalid("kind", kind.clone(), detail);
            return Err(Status::invalid(&resource.kind.group, &kind, &name, &[error]).into());
        }
        return Ok(());
    }
    if !api_version.is_empty() && api_version != expected || !kind.is_empty() && kind != wanted {
        return Err(other_kind(exchange, &api_version, &kind));
    }
    if let Some(map) = value.as_object_mut() {
        map.insert("apiVersion".into(), Value::from(expected));
        map.insert("kind".into(), Value::from(wanted));
    }
    Ok(())
}

fn other_version(given: &str, expected: &str) -> Refused {
    Status::bad_request(format!(
        "the API version in the data ({given}) does not match the expected API version ({expected})"
    ))
    .into()
}

fn other_kind(exchange: &Exchange, api_version: &str, kind: &str) -> Refused {
    let wanted = &*exchange.resource.kind.kind;
    let (group, version) = split_api_version(api_version).unwrap_or(("", api_version));
    let registry = exchange.server.registry();
    let kind = if kind.is_empty() { wanted } else { kind };
    let known = registry.find_kind(group, kind).is_some_and(|known| known.served(version).is_some());
    let detail = if known || kind == "List" && api_version == "v1" {
        format!("converting ({version}.{kind}) to (core.{wanted}): unknown conversion")
    } else if !exchange.resource.kind.group.is_empty() && kind == wanted {
        return other_version(api_version, &exchange.resource.api_version());
    } else {
        format!(
            "no kind \"{kind}\" is registered for version \"{api_version}\" in scheme \"pkg/runtime/scheme.go:111\""
        )
    };
    unhandled(kind, version, wanted, &detail)
}

/// Checks that metadata has the types that every client relies on.
pub fn check_metadata(object: &Value) -> Result<(), String> {
    let metadata = match object.get("metadata") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(metadata)) => metadata,
        Some(other) => return Err(cannot("Go value of type v1.ObjectMeta", other)),
    };
    for (name, value) in metadata {
        if value.is_null() {
            continue;
        }
        match name.as_str() {
            "name" | "generateName" | "namespace" | "selfLink" | "uid" | "resourceVersion"
                if !value.is_string() =>
            {
                return Err(cannot(&format!("Go struct field ObjectMeta.{name} of type string"), value));
            }
            "generation" | "deletionGracePeriodSeconds" if !(value.is_i64() || value.is_u64()) => {
                return Err(cannot(&format!("Go struct field ObjectMeta.{name} of type int64"), value));
            }
            "creationTimestamp" | "deletionTimestamp" => check_time(value)?,
            "labels" | "annotations" => check_texts(name, value)?,
            "finalizers" => check_list(name, value, "[]string", Value::is_string, "string")?,
            "ownerReferences" => {
                check_list(name, value, "[]v1.OwnerReference", Value::is_object, "v1.OwnerReference")?;
                value.as_array().into_iter().flatten().try_for_each(check_owner)?;
            }
            "managedFields" => {
                check_list(
                    name,
                    value,
                    "[]v1.ManagedFieldsEntry",
                    Value::is_object,
                    "v1.ManagedFieldsEntry",
                )?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn cannot(into: &str, value: &Value) -> String {
    format!("json: cannot unmarshal {} into {into}", go_type(value))
}

fn check_time(value: &Value) -> Result<(), String> {
    let Some(text) = value.as_str() else { return Err(cannot("Go value of type string", value)) };
    if text.parse::<jiff::Timestamp>().is_ok() {
        return Ok(());
    }
    Err(format!(
        "parsing time {0} as \"2006-01-02T15:04:05Z07:00\": cannot parse {0} as \"2006\"",
        quote(text)
    ))
}

fn check_texts(name: &str, value: &Value) -> Result<(), String> {
    let Some(members) = value.as_object() else {
        return Err(cannot(&format!("Go struct field ObjectMeta.{name} of type map[string]string"), value));
    };
    match members.values().find(|value| !value.is_string() && !value.is_null()) {
        Some(value) => Err(cannot(&format!("Go struct field ObjectMeta.{name} of type string"), value)),
        None => Ok(()),
    }
}

fn check_list(
    name: &str,
    value: &Value,
    list_type: &str,
    fits: fn(&Value) -> bool,
    item_type: &str,
) -> Result<(), String> {
    let Some(items) = value.as_array() else {
        return Err(cannot(&format!("Go struct field ObjectMeta.{name} of type {list_type}"), value));
    };
    match items.iter().find(|item| !fits(item)) {
        Some(item) => Err(cannot(&format!("Go struct field ObjectMeta.{name} of type {item_type}"), item)),
        None => Ok(()),
    }
}

/// The collector reads owners as clients do: a flag that is a text would be no flag to it.
fn check_owner(owner: &Value) -> Result<(), String> {
    for (name, value) in owner.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        let (fits, wanted) = match name.as_str() {
            "apiVersion" | "kind" | "name" => (value.is_string(), "string"),
            "uid" => (value.is_string(), "types.UID"),
            "blockOwnerDeletion" | "controller" => (value.is_boolean(), "bool"),
            _ => continue,
        };
        if !fits {
            let field = format!("Go struct field OwnerReference.ownerReferences.{name} of type {wanted}");
            return Err(cannot(&field, value));
        }
    }
    Ok(())
}

/// Built-in objects of the wrong shape are refused while they are read.
fn check_structure(exchange: &Exchange, value: &Value) -> Result<(), Refused> {
    let version = exchange.resource.version();
    let errors = machinery::schema::validate(version.schema(), value, None);
    let Some(error) = errors.first() else { return Ok(()) };
    let kind = &exchange.resource.kind.kind;
    let found =
        error.value.as_ref().map_or("value", |value| value.as_str().unwrap_or_else(|| go_type(value)));
    let detail = format!("json: cannot unmarshal {found} into Go struct field {kind}.{}", error.path);
    Err(unhandled(kind, &version.name, kind, &detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_first_document_is_read() {
        assert_eq!(first_document("a: 1\n---\nb: 2\n"), "a: 1\n");
        assert_eq!(first_document("# c\n---\na: 1\n"), "a: 1\n");
        assert_eq!(first_document("a: 1"), "a: 1");
    }

    #[test]
    fn owners_are_what_clients_can_read() {
        let check = |owner| check_metadata(&json!({"metadata": {"ownerReferences": [owner]}}));
        for (owner, found, wanted) in [
            (json!({"blockOwnerDeletion": "true"}), "string", "blockOwnerDeletion of type bool"),
            (json!({"controller": 1}), "number", "controller of type bool"),
            (json!({"name": 5}), "number", "name of type string"),
            (json!({"kind": []}), "array", "kind of type string"),
            (json!({"apiVersion": {}}), "object", "apiVersion of type string"),
            (json!({"uid": true}), "bool", "uid of type types.UID"),
        ] {
            let into = format!("Go struct field OwnerReference.ownerReferences.{wanted}");
            assert_eq!(check(owner), Err(format!("json: cannot unmarshal {found} into {into}")));
        }
        let whole =
            json!({"apiVersion": "v1", "kind": "K", "name": "n", "uid": "u", "controller": true, "more": 1});
        assert_eq!(check(whole), Ok(()));
        assert_eq!(check(json!({"name": null, "blockOwnerDeletion": null})), Ok(()));
    }
}
