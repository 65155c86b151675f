//! Failure answers of a Kubernetes API: `Status` objects, and the field errors that an Invalid status is made of.
//!
//! Reasons, codes and sentences are those of k8s.io/apimachinery (`api/errors`, `util/validation/field`): clients compare
//! them, so they are part of the wire format.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A `metav1.Status`. Always `kind: Status`, `apiVersion: v1`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{message}")]
pub struct Status {
    /// `Status`.
    #[serde(default = "status_kind")]
    pub kind: String,
    /// `v1`.
    #[serde(default = "status_api_version")]
    pub api_version: String,
    /// List metadata; empty in failures.
    #[serde(default)]
    pub metadata: Map<String, Value>,
    /// `Success` or `Failure`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// What happened, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What happened, for machines; empty where Kubernetes gives none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What it happened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<StatusDetails>,
    /// HTTP status code.
    #[serde(default)]
    pub code: u16,
}

/// What a [`Status`] is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusDetails {
    /// Name of the object.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// API group; absent for the core group.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Kind or (for most reasons) plural resource name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// UID of the object.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// One entry per thing that was wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<StatusCause>,
    /// When to try again, in seconds; 0 says nothing.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retry_after_seconds: u32,
}

/// One thing that was wrong.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusCause {
    /// Machine-readable kind of the cause, such as `FieldValueRequired`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// What was wrong, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Path of the field.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub field: String,
}

fn status_kind() -> String {
    "Status".to_owned()
}

fn status_api_version() -> String {
    "v1".to_owned()
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the signature serde asks for
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// `resource` with its group, as messages name it: `pods` or `deployments.apps`.
fn qualified(resource: &str, group: &str) -> String {
    if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") }
}

impl Status {
    /// A failure with a code, a reason (may be empty) and a message; nothing else.
    pub fn failure(code: u16, reason: &str, message: impl Into<String>) -> Self {
        Self {
            kind: status_kind(),
            api_version: status_api_version(),
            metadata: Map::new(),
            status: "Failure".to_owned(),
            message: message.into(),
            reason: reason.to_owned(),
            details: None,
            code,
        }
    }

    /// A plain success, as DELETE answers it.
    pub fn success() -> Self {
        let mut status = Self::failure(200, "", "");
        status.status = "Success".to_owned();
        status
    }

    fn about(mut self, group: &str, kind: &str, name: &str) -> Self {
        let details = self.details.get_or_insert_default();
        details.group = group.to_owned();
        details.kind = kind.to_owned();
        details.name = name.to_owned();
        self
    }

    /// The same failure with these details.
    pub fn with_details(mut self, details: StatusDetails) -> Self {
        self.details = Some(details);
        self
    }

    /// The same failure with one more cause.
    pub fn with_cause(mut self, cause: StatusCause) -> Self {
        self.details.get_or_insert_default().causes.push(cause);
        self
    }

    /// The same failure that asks to try again after so many seconds.
    pub fn with_retry_after(mut self, seconds: u32) -> Self {
        self.details.get_or_insert_default().retry_after_seconds = seconds;
        self
    }

    /// 404: no such object. `resource` is the plural.
    pub fn not_found(group: &str, resource: &str, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", qualified(resource, group));
        Self::failure(404, "NotFound", message).about(group, resource, name)
    }

    /// 404: no such path.
    pub fn resource_not_found() -> Self {
        Self::failure(404, "NotFound", "the server could not find the requested resource")
            .with_details(StatusDetails::default())
    }

    /// 409: the name is taken. `resource` is the plural.
    pub fn already_exists(group: &str, resource: &str, name: &str) -> Self {
        let message = format!("{} \"{name}\" already exists", qualified(resource, group));
        Self::failure(409, "AlreadyExists", message).about(group, resource, name)
    }

    /// 409: a precondition does not hold. `cause` is the rest of the sentence.
    pub fn conflict(group: &str, resource: &str, name: &str, cause: &str) -> Self {
        let message =
            format!("Operation cannot be fulfilled on {} \"{name}\": {cause}", qualified(resource, group));
        Self::failure(409, "Conflict", message).about(group, resource, name)
    }

    /// 409 of optimistic locking: somebody else wrote in between.
    pub fn stale(group: &str, resource: &str, name: &str) -> Self {
        let cause =
            "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(group, resource, name, cause)
    }

    /// 422: the object breaks rules. One cause for each error; `kind` is the kind, not the plural.
    pub fn invalid(group: &str, kind: &str, name: &str, errors: &[FieldError]) -> Self {
        let causes = errors
            .iter()
            .map(|error| StatusCause {
                reason: error.kind.reason().to_owned(),
                message: error.body(),
                field: error.path.clone(),
            })
            .collect();
        let message = format!("{} \"{name}\" is invalid: {}", qualified(kind, group), join_errors(errors));
        let mut status = Self::failure(422, "Invalid", message).about(group, kind, name);
        status.details.get_or_insert_default().causes = causes;
        status
    }

    /// 422 of a JSON patch with an operation that cannot be done: the server does not say which.
    pub fn patch_rejected() -> Self {
        Self::failure(422, "Invalid", "the server rejected our request due to an error in our request")
            .with_details(StatusDetails::default())
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::failure(400, "BadRequest", message)
    }

    /// 401.
    pub fn unauthorized() -> Self {
        Self::failure(401, "Unauthorized", "Unauthorized")
    }

    /// 403 by an admission rule or validation: `cause` is the rest of the sentence.
    pub fn forbidden(group: &str, resource: &str, name: &str, cause: &str) -> Self {
        let qualified = qualified(resource, group);
        let message = if name.is_empty() {
            format!("{qualified} is forbidden: {cause}")
        } else {
            format!("{qualified} \"{name}\" is forbidden: {cause}")
        };
        Self::failure(403, "Forbidden", message).about(group, resource, name)
    }

    /// 405: the resource does not do `action` (`get`, `create`, ...).
    pub fn method_not_allowed(group: &str, resource: &str, action: &str) -> Self {
        let message =
            format!("{action} is not supported on resources of kind \"{}\"", qualified(resource, group));
        Self::failure(405, "MethodNotAllowed", message).about(group, resource, "")
    }

    /// 405 of a method that no route knows.
    pub fn method_unknown() -> Self {
        Self::failure(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
        .with_details(StatusDetails::default())
    }

    /// 410 with the reason `Expired`: the version or continue token is too old.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::failure(410, "Expired", message)
    }

    /// 410 with the reason `Gone`.
    pub fn gone(message: impl Into<String>) -> Self {
        Self::failure(410, "Gone", message)
    }

    /// 410 that a watch from a compacted version gets. Versions are as the client sees them.
    pub fn too_old(requested: u64, oldest: u64) -> Self {
        Self::expired(format!("too old resource version: {requested} ({oldest})"))
    }

    /// 415: the body (or patch) has a type the server does not read.
    pub fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::failure(415, "UnsupportedMediaType", message)
    }

    /// 406: none of the types the client accepts can be made. `allowed` are media types.
    pub fn not_acceptable(allowed: &[&str]) -> Self {
        let message = format!("only the following media types are accepted: {}", allowed.join(", "));
        Self::failure(406, "NotAcceptable", message)
    }

    /// 413.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::failure(413, "RequestEntityTooLarge", message)
    }

    /// 500 with the reason `InternalError` and a cause.
    pub fn internal(error: impl fmt::Display) -> Self {
        let error = error.to_string();
        let message = format!("Internal error occurred: {error}");
        let cause = StatusCause { message: error, ..StatusCause::default() };
        Self::failure(500, "InternalError", message).with_cause(cause)
    }

    /// 500 without a reason: an error of Go that nobody dressed up.
    pub fn plain_error(message: impl Into<String>) -> Self {
        Self::failure(500, "", message)
    }

    /// 503.
    pub fn service_unavailable(message: impl Into<String>) -> Self {
        Self::failure(503, "ServiceUnavailable", message)
    }

    /// 504: `message` is the rest of the sentence after `Timeout: `.
    pub fn timeout(message: &str, retry_after_seconds: u32) -> Self {
        Self::failure(504, "Timeout", format!("Timeout: {message}")).with_retry_after(retry_after_seconds)
    }

    /// 504 of a read at a version that is not there yet (the cause is `ResourceVersionTooLarge`).
    pub fn version_too_large(requested: u64, current: u64, retry_after_seconds: u32) -> Self {
        let message = format!("Too large resource version: {requested}, current: {current}");
        let cause = StatusCause {
            reason: "ResourceVersionTooLarge".to_owned(),
            message: "Too large resource version".to_owned(),
            ..StatusCause::default()
        };
        Self::timeout(&message, retry_after_seconds).with_cause(cause)
    }

    /// 504 of a slow server, as a verb on a resource.
    pub fn server_timeout(group: &str, resource: &str, operation: &str, retry_after_seconds: u32) -> Self {
        let message = format!(
            "The {operation} operation against {} could not be completed at this time, please try again.",
            qualified(resource, group)
        );
        let details = StatusDetails {
            group: group.to_owned(),
            kind: resource.to_owned(),
            name: operation.to_owned(),
            retry_after_seconds,
            ..StatusDetails::default()
        };
        Self::failure(500, "ServerTimeout", message).with_details(details)
    }

    /// 429.
    pub fn too_many_requests(message: impl Into<String>, retry_after_seconds: u32) -> Self {
        Self::failure(429, "TooManyRequests", message).with_retry_after(retry_after_seconds)
    }

    /// 409 of server-side apply: `causes` as [`crate::apply::ApplyError`] lists them.
    pub fn apply_conflict(message: impl Into<String>, causes: Vec<StatusCause>) -> Self {
        let details = StatusDetails { causes, ..StatusDetails::default() };
        Self::failure(409, "Conflict", message).with_details(details)
    }
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FieldErrorKind {
    /// The thing referred to does not exist.
    NotFound,
    /// The value must be there.
    Required,
    /// The value must be unique.
    Duplicate,
    /// The value breaks a rule.
    Invalid,
    /// The value is none of those allowed.
    NotSupported,
    /// The value is not allowed here.
    Forbidden,
    /// The text is too long.
    TooLong,
    /// The list is too long.
    TooMany,
    /// The rules could not be checked.
    Internal,
    /// The value has the wrong JSON type.
    TypeInvalid,
}

impl FieldErrorKind {
    /// The reason of the cause in a [`Status`].
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotFound => "FieldValueNotFound",
            Self::Required => "FieldValueRequired",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooMany => "FieldValueTooMany",
            Self::Internal => "InternalError",
            Self::TypeInvalid => "FieldValueTypeInvalid",
        }
    }

    /// The words messages start with.
    pub fn title(self) -> &'static str {
        match self {
            Self::NotFound => "Not found",
            Self::Required => "Required value",
            Self::Duplicate => "Duplicate value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::TooMany => "Too many",
            Self::Internal => "Internal error",
        }
    }

    /// Whether messages leave the value out.
    fn hides_value(self) -> bool {
        matches!(self, Self::Required | Self::Forbidden | Self::TooLong | Self::Internal)
    }
}

/// One broken rule. Prints as `path: Title: value: detail`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{path}: {}", self.body())]
pub struct FieldError {
    /// Path of the field, such as `spec.ports[0].name`; `<nil>` for the root of a custom resource.
    pub path: String,
    /// What is wrong.
    pub kind: FieldErrorKind,
    /// The value as messages show it. Absent prints as `null`.
    pub value: Option<Value>,
    /// The rest of the sentence; may be empty.
    pub detail: String,
}

impl FieldError {
    /// Any error.
    pub fn new(
        path: impl Into<String>,
        kind: FieldErrorKind,
        value: Option<Value>,
        detail: impl Into<String>,
    ) -> Self {
        Self { path: path.into(), kind, value, detail: detail.into() }
    }

    /// The value breaks a rule.
    pub fn invalid(path: impl Into<String>, value: impl Into<Value>, detail: impl Into<String>) -> Self {
        Self::new(path, FieldErrorKind::Invalid, Some(value.into()), detail)
    }

    /// The value must be there.
    pub fn required(path: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(path, FieldErrorKind::Required, None, detail)
    }

    /// The value is not allowed here.
    pub fn forbidden(path: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(path, FieldErrorKind::Forbidden, None, detail)
    }

    /// The value occurs twice.
    pub fn duplicate(path: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::new(path, FieldErrorKind::Duplicate, Some(value.into()), "")
    }

    /// The thing named does not exist.
    pub fn not_found(path: impl Into<String>, value: impl Into<Value>) -> Self {
        Self::new(path, FieldErrorKind::NotFound, Some(value.into()), "")
    }

    /// The value is none of `supported`.
    pub fn not_supported(path: impl Into<String>, value: impl Into<Value>, supported: &[&str]) -> Self {
        let quoted: Vec<String> = supported.iter().map(|value| quote(value)).collect();
        let detail = if quoted.is_empty() {
            String::new()
        } else {
            format!("supported values: {}", quoted.join(", "))
        };
        Self::new(path, FieldErrorKind::NotSupported, Some(value.into()), detail)
    }

    /// The text has more than `maximum_bytes`.
    pub fn too_long(path: impl Into<String>, maximum_bytes: usize) -> Self {
        let unit = if maximum_bytes == 1 { "byte" } else { "bytes" };
        let detail = format!("may not be more than {maximum_bytes} {unit}");
        Self::new(path, FieldErrorKind::TooLong, None, detail)
    }

    /// The list has `actual` items where `maximum` are allowed.
    pub fn too_many(path: impl Into<String>, actual: usize, maximum: usize) -> Self {
        let unit = if maximum == 1 { "item" } else { "items" };
        let detail = format!("must have at most {maximum} {unit}");
        Self::new(path, FieldErrorKind::TooMany, Some(Value::from(actual)), detail)
    }

    /// The message without the path, as a cause of a [`Status`] shows it.
    pub fn body(&self) -> String {
        let mut text = self.kind.title().to_owned();
        if !self.kind.hides_value() {
            text.push_str(": ");
            text.push_str(&show_value(self.value.as_ref()));
        }
        if !self.detail.is_empty() {
            text.push_str(": ");
            text.push_str(&self.detail);
        }
        text
    }
}

/// Several errors as one text, the way Go aggregates print: alone as it is, else `[a, b]` without repetitions.
pub fn join_errors(errors: &[FieldError]) -> String {
    let mut texts: Vec<String> = Vec::with_capacity(errors.len());
    for error in errors {
        let text = error.to_string();
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    match texts.as_slice() {
        [] => "<nil>".to_owned(),
        [one] => one.clone(),
        many => format!("[{}]", many.join(", ")),
    }
}

fn show_value(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "null".to_owned(),
        Some(Value::String(text)) => quote(text),
        Some(other) => other.to_string(),
    }
}

/// A Go-quoted string (`%q`).
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{b}' => quoted.push_str("\\v"),
            '\u{c}' => quoted.push_str("\\f"),
            control if u32::from(control) < 0x20 || control == '\u{7f}' => {
                quoted.push_str(&format!("\\x{:02x}", u32::from(control)));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
