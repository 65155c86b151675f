//! From path and query to a typed request.

use machinery::status::{FieldError, FieldErrorKind, Status};
use serde_json::Value;

use crate::Refused;

/// The parts of a path below `/api/VERSION` or `/apis/GROUP/VERSION`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourcePath {
    /// API group; empty for the core group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Namespace, where the path names one.
    pub namespace: Option<String>,
    /// Plural resource name.
    pub resource: String,
    /// Object name, where the path names one.
    pub name: Option<String>,
    /// Subresource, for example `status`.
    pub subresource: Option<String>,
    /// What follows the subresource, joined by slashes (connectors only).
    pub rest: String,
    /// The path is of the old form `/api/v1/watch/...`.
    pub watch_prefix: bool,
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// A resource, an object or a subresource.
    Resource(ResourcePath),
    /// `/api`.
    CoreVersions,
    /// `/apis`.
    Groups,
    /// `/apis/GROUP`.
    Group(String),
    /// `/api/VERSION` or `/apis/GROUP/VERSION`: group and version.
    Resources(String, String),
    /// Anything else.
    Other(String),
}

/// Reads a path. Segments are percent-decoded one by one, so that a name may hold an encoded slash.
pub fn route(path: &str) -> Route {
    let segments: Vec<String> =
        path.split('/').filter(|segment| !segment.is_empty()).map(|segment| decode(segment, false)).collect();
    let mut parts = segments.iter().map(String::as_str);
    let (group, version) = match parts.next() {
        Some("api") => match parts.next() {
            None => return Route::CoreVersions,
            Some(version) => ("", version),
        },
        Some("apis") => match (parts.next(), parts.next()) {
            (None, _) => return Route::Groups,
            (Some(group), None) => return Route::Group(group.to_owned()),
            (Some(group), Some(version)) => (group, version),
        },
        _ => return Route::Other(path.to_owned()),
    };
    let rest: Vec<&str> = parts.collect();
    if rest.is_empty() {
        return Route::Resources(group.to_owned(), version.to_owned());
    }
    Route::Resource(resource_path(group, version, &rest))
}

fn resource_path(group: &str, version: &str, segments: &[&str]) -> ResourcePath {
    let mut path =
        ResourcePath { group: group.to_owned(), version: version.to_owned(), ..ResourcePath::default() };
    let mut segments = segments;
    if let [first, rest @ ..] = segments
        && *first == "watch"
        && !rest.is_empty()
    {
        path.watch_prefix = true;
        segments = rest;
    }
    // `/namespaces/NAME/RESOURCE` names a resource inside a namespace, unless what follows is a subresource of the
    // namespace itself.
    if let ["namespaces", namespace, resource, rest @ ..] = segments
        && !(matches!(*resource, "status" | "finalize") && group.is_empty())
    {
        path.namespace = Some((*namespace).to_owned());
        path.resource = (*resource).to_owned();
        fill_object(&mut path, rest);
    } else if let [resource, rest @ ..] = segments {
        path.resource = (*resource).to_owned();
        fill_object(&mut path, rest);
    }
    path
}

fn fill_object(path: &mut ResourcePath, segments: &[&str]) {
    let mut segments = segments.iter();
    path.name = segments.next().map(|name| (*name).to_owned());
    path.subresource = segments.next().map(|name| (*name).to_owned());
    path.rest = segments.copied().collect::<Vec<_>>().join("/");
}

/// Percent-decoding; in a query a plus sign is a space. Broken escapes stay as they are.
pub(crate) fn decode(text: &str, query: bool) -> String {
    if !(text.contains('%') || query && text.contains('+')) {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'+', _) if query => decoded.push(b' '),
            (b'%', [high, low, after @ ..]) => {
                let digits = (char::from(*high).to_digit(16), char::from(*low).to_digit(16));
                if let (Some(high), Some(low)) = digits {
                    decoded.push((high * 16 + low) as u8);
                    rest = after;
                } else {
                    decoded.push(b'%');
                }
            }
            _ => decoded.push(*first),
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// A parsed query string: names and values in their order.
#[derive(Clone, Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the part of a URI after the question mark.
    pub fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name, true), decode(value, true))
        });
        Self(pairs.collect())
    }

    /// The first value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a parameter, where it is not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// All values of a parameter.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A boolean the way the Kubernetes API reads it: present and neither `0` nor `false`.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some(value) if value != "0" && !value.eq_ignore_ascii_case("false"))
    }

    /// A whole number, or 400.
    pub fn number(&self, name: &str) -> Result<Option<i64>, Refused> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let parsed = text.parse::<i64>();
        parsed.map(Some).map_err(|_| {
            Status::bad_request(format!(
                "strconv.ParseInt: parsing {}: invalid syntax",
                machinery::status::quote(text)
            ))
            .into()
        })
    }
}

/// How unknown and doubled fields of a body are met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum FieldValidation {
    /// They are dropped without a word.
    Ignore,
    /// They are dropped, and a warning header says so.
    #[default]
    Warn,
    /// The request is refused.
    Strict,
}

/// Options of create, update and patch.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// Nothing is stored.
    pub dry_run: bool,
    /// Name under which fields are owned, where the request names one.
    pub field_manager: Option<String>,
    /// What happens to unknown fields.
    pub field_validation: FieldValidation,
    /// Apply only: take fields from other managers.
    pub force: Option<bool>,
}

/// Reads the options of a write; `options_kind` (`CreateOptions`, ...) names them in errors.
pub fn write_options(query: &Query, options_kind: &str) -> Result<WriteOptions, Refused> {
    let mut errors = Vec::new();
    let dry_run = dry_run(query.all("dryRun"), &mut errors);
    let field_validation = match query.get("fieldValidation") {
        None | Some("" | "Warn") => FieldValidation::Warn,
        Some("Ignore") => FieldValidation::Ignore,
        Some("Strict") => FieldValidation::Strict,
        Some(other) => {
            let supported = ["", "Ignore", "Strict", "Warn"];
            errors.push(FieldError::not_supported("fieldValidation", other, &supported));
            FieldValidation::Warn
        }
    };
    let field_manager = query.text("fieldManager").map(str::to_owned);
    if let Some(manager) = &field_manager
        && manager.len() > 128
    {
        errors.push(FieldError::too_long("fieldManager", 128));
    }
    if field_manager.as_deref().is_some_and(|manager| manager.chars().any(char::is_control)) {
        let value = field_manager.clone().unwrap_or_default();
        errors.push(FieldError::invalid("fieldManager", value, "should only contain printable characters"));
    }
    let force = query.get("force").map(|_| query.flag("force"));
    refuse_options(options_kind, errors)?;
    Ok(WriteOptions { dry_run, field_manager, field_validation, force })
}

fn dry_run<'a>(values: impl Iterator<Item = &'a str>, errors: &mut Vec<FieldError>) -> bool {
    let values: Vec<&str> = values.collect();
    if values.iter().any(|value| *value != "All") {
        let given = Value::from(values.clone());
        errors.push(FieldError::not_supported("dryRun", given, &["All"]));
    }
    !values.is_empty()
}

/// 422 about an options object, where there is anything to say.
pub(crate) fn refuse_options(kind: &str, errors: Vec<FieldError>) -> Result<(), Refused> {
    if errors.is_empty() { Ok(()) } else { Err(Status::invalid("meta.k8s.io", kind, "", &errors).into()) }
}

/// What becomes of the dependents of a deleted object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// Dependents go first, the object waits for those that block it.
    Foreground,
    /// The object goes at once, dependents afterwards.
    Background,
    /// Dependents stay and lose the reference.
    Orphan,
}

/// Options of delete and deletecollection.
#[derive(Clone, Debug, Default)]
pub struct DeleteOptions {
    /// Nothing is deleted.
    pub dry_run: bool,
    /// Asked for; `None` leaves the choice to the kind.
    pub propagation: Option<Propagation>,
    /// The object must have this uid.
    pub uid: Option<String>,
    /// The object must have this resource version.
    pub resource_version: Option<String>,
}

/// Delete options as they were given, good or bad.
#[derive(Default)]
struct Given {
    policy: Option<String>,
    orphan: Option<bool>,
    dry_runs: Vec<String>,
    uid: Option<String>,
    resource_version: Option<String>,
}

impl Given {
    fn in_query(query: &Query) -> Result<Self, Refused> {
        // Nothing here takes time to end, but what is no number is refused.
        query.number("gracePeriodSeconds")?;
        Ok(Self {
            policy: query.text("propagationPolicy").map(str::to_owned),
            orphan: query.get("orphanDependents").map(|_| query.flag("orphanDependents")),
            dry_runs: query.all("dryRun").map(str::to_owned).collect(),
            ..Self::default()
        })
    }

    fn in_body(body: &Value) -> Self {
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let dry_runs = body.get("dryRun").and_then(Value::as_array).into_iter().flatten();
        Self {
            policy: text("/propagationPolicy"),
            orphan: body.get("orphanDependents").and_then(Value::as_bool),
            dry_runs: dry_runs.filter_map(Value::as_str).map(str::to_owned).collect(),
            uid: text("/preconditions/uid"),
            resource_version: text("/preconditions/resourceVersion"),
        }
    }
}

/// Reads delete options from the body. The query is looked at only where there is none.
pub fn delete_options(query: &Query, body: Option<&Value>) -> Result<DeleteOptions, Refused> {
    let given = body.map_or_else(|| Given::in_query(query), |body| Ok(Given::in_body(body)))?;
    let mut errors = Vec::new();
    let options = DeleteOptions {
        dry_run: dry_run(given.dry_runs.iter().map(String::as_str), &mut errors),
        propagation: propagation(given.policy.as_deref(), given.orphan, &mut errors),
        uid: given.uid,
        resource_version: given.resource_version,
    };
    refuse_options("DeleteOptions", errors)?;
    Ok(options)
}

fn propagation(
    policy: Option<&str>,
    orphan: Option<bool>,
    errors: &mut Vec<FieldError>,
) -> Option<Propagation> {
    let chosen = match policy {
        None => None,
        Some("Foreground") => Some(Propagation::Foreground),
        Some("Background") => Some(Propagation::Background),
        Some("Orphan") => Some(Propagation::Orphan),
        Some(other) => {
            errors.push(FieldError::not_supported(
                "propagationPolicy",
                other,
                &["Foreground", "Background", "Orphan", "nil"],
            ));
            None
        }
    };
    match (policy, orphan) {
        (Some(policy), Some(_)) => {
            let detail = "orphanDependents and deletionPropagation cannot be both set";
            errors.push(FieldError::new(
                "propagationPolicy",
                FieldErrorKind::Invalid,
                Some(policy.into()),
                detail,
            ));
            chosen
        }
        (None, Some(true)) => Some(Propagation::Orphan),
        (None, Some(false)) => Some(Propagation::Background),
        _ => chosen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_into_their_parts() {
        let Route::Resource(path) = route("/api/v1/namespaces/a/configmaps/b") else {
            panic!("not a resource")
        };
        assert_eq!(
            (path.namespace.as_deref(), path.resource.as_str(), path.name.as_deref()),
            (Some("a"), "configmaps", Some("b"))
        );
        let Route::Resource(path) = route("/api/v1/namespaces/a/status") else { panic!("not a resource") };
        assert_eq!((path.resource.as_str(), path.subresource.as_deref()), ("namespaces", Some("status")));
        let Route::Resource(path) = route("/apis/x.io/v1/watch/namespaces/n/things") else {
            panic!("not a resource")
        };
        assert!(path.watch_prefix && path.resource == "things");
        assert_eq!(route("/apis/x.io"), Route::Group("x.io".into()));
        assert_eq!(route("/api"), Route::CoreVersions);
    }

    #[test]
    fn escapes_are_decoded_within_a_segment() {
        assert_eq!(decode("a%2Fb+c", false), "a/b+c");
        assert_eq!(decode("a%3Db+c%zz", true), "a=b c%zz");
    }

    #[test]
    fn a_body_of_a_deletion_silences_the_query() {
        let query = Query::parse("propagationPolicy=Orphan&dryRun=All");
        let said = |query: &Query, body: Option<&Value>| {
            delete_options(query, body).ok().map(|options| (options.propagation, options.dry_run))
        };
        assert_eq!(said(&query, None), Some((Some(Propagation::Orphan), true)));
        assert_eq!(said(&query, Some(&serde_json::json!({}))), Some((None, false)));
        let body = serde_json::json!({"propagationPolicy": "Foreground"});
        assert_eq!(said(&query, Some(&body)), Some((Some(Propagation::Foreground), false)));
        for bad in ["propagationPolicy=Sideways", "gracePeriodSeconds=abc"].map(Query::parse) {
            assert_eq!(said(&bad, None), None);
            assert_eq!(said(&bad, Some(&body)), Some((Some(Propagation::Foreground), false)));
        }
    }
}
