//! One request on its way through the server, and how its answer is formed.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use machinery::status::Status;
use serde_json::{Value, json};

use crate::admission::{AdmissionRequest, Operation};
use crate::answer;
use crate::auth::User;
use crate::body::Body;
use crate::kinds::{Kind, Resolved};
use crate::negotiate::{self, Output, Transform};
use crate::object::{self, Encoded};
use crate::reader::Reader;
use crate::request::{Query, ResourcePath};
use crate::server::ApiServer;
use crate::{Refused, table};

/// Everything about one request for a resource.
pub struct Exchange {
    /// The server.
    pub server: ApiServer,
    /// The resource in the version asked for.
    pub resource: Resolved,
    /// The path.
    pub path: ResourcePath,
    /// The parameters.
    pub query: Query,
    /// Who asks.
    pub user: User,
    /// `User-Agent`.
    pub user_agent: String,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Accept`.
    pub accept: Option<String>,
    /// The body.
    pub body: Bytes,
    /// Warnings to send with the answer.
    pub warnings: Vec<String>,
}

impl Exchange {
    /// An exchange of the process with itself, without a body or parameters.
    pub fn internal(
        server: &ApiServer,
        kind: Arc<Kind>,
        namespace: Option<&str>,
        name: Option<&str>,
    ) -> Self {
        let resource = Resolved::stored(kind);
        let path = ResourcePath {
            group: resource.kind.group.to_string(),
            version: resource.version().name.to_string(),
            namespace: namespace.map(str::to_owned),
            resource: resource.kind.plural.to_string(),
            name: name.map(str::to_owned),
            ..ResourcePath::default()
        };
        Self {
            server: server.clone(),
            resource,
            path,
            query: Query::default(),
            user: User::internal(),
            user_agent: "apiserver".to_owned(),
            content_type: None,
            accept: None,
            body: Bytes::new(),
            warnings: Vec::new(),
        }
    }

    /// The object's name in the path; 405 where there is none.
    pub fn name(&self) -> Result<&str, Refused> {
        self.path.name.as_deref().ok_or_else(|| Status::method_unknown().into())
    }

    /// The namespace in the path, for kinds that have one.
    pub fn namespace(&self) -> Option<&str> {
        self.path.namespace.as_deref()
    }

    /// Key of the object that the path names.
    pub fn key(&self) -> Result<String, Refused> {
        Ok(self.resource.kind.key(self.namespace(), self.name()?))
    }

    /// 404 about the object.
    pub fn not_found(&self, name: &str) -> Refused {
        Status::not_found(&self.resource.kind.group, &self.resource.kind.plural, name).into()
    }

    /// 409 about a stale version.
    pub fn stale(&self, name: &str) -> Refused {
        Status::stale(&self.resource.kind.group, &self.resource.kind.plural, name).into()
    }

    /// 403 about the object.
    pub fn forbidden(&self, name: &str, cause: &str) -> Refused {
        Status::forbidden(&self.resource.kind.group, &self.resource.kind.plural, name, cause).into()
    }

    /// The name under which this request owns fields: as asked for, or what the client calls itself.
    pub fn manager<'a>(&'a self, asked: Option<&'a str>) -> &'a str {
        let agent = self.user_agent.split('/').next().unwrap_or_default();
        match asked {
            Some(manager) => manager,
            None if agent.is_empty() => "unknown",
            None => agent,
        }
    }

    /// What admission plugins are told.
    pub fn admission<'a>(
        &'a self,
        operation: Operation,
        name: &'a str,
        old: Option<&'a Value>,
        dry_run: bool,
        reader: &'a Reader,
    ) -> AdmissionRequest<'a> {
        let kind = &self.resource.kind;
        AdmissionRequest {
            operation,
            kind: machinery::gvk::GroupVersionKind::new(
                &*kind.group,
                &*self.resource.version().name,
                &*kind.kind,
            ),
            resource: &kind.plural,
            subresource: self.path.subresource.as_deref(),
            namespace: self.path.namespace.as_deref(),
            name,
            user: &self.user,
            dry_run,
            old,
            reader,
        }
    }

    /// The answer form that the client wants.
    pub fn output(&self) -> Result<Output, Refused> {
        negotiate::output(self.accept.as_deref())
    }

    /// One object as an answer. `bytes` are in the version asked for.
    pub fn answer_object(&self, code: u16, bytes: Bytes) -> Result<Response<Body>, Refused> {
        let output = self.output()?;
        let bytes = match output.transform {
            Transform::None => bytes,
            Transform::Partial if output.list_form => {
                let kind = &self.resource.kind.kind;
                return Err(wrong_form(&format!(
                    "you requested PartialObjectMetadataList, but the requested object is not a list ({kind})"
                )));
            }
            Transform::Partial => partial_object(&object::parse(&bytes), output.transform_beta),
            Transform::Table => {
                let value = object::parse(&bytes);
                let revision = object::meta_text(&value, "resourceVersion").to_owned();
                let list = table::List { version: &revision, ..table::List::default() };
                table::bytes(self, &[value], list, output.transform_beta, true)?
            }
        };
        Ok(answer::encoded(code, output.encoding, bytes))
    }

    /// Stored bytes in the version asked for; `modified` is the revision that wrote them.
    pub fn outgoing(&self, bytes: Bytes, modified: u64) -> Bytes {
        let kind = &self.resource.kind;
        if self.resource.is_stored_version() && (!kind.custom() || modified > kind.schema_revision) {
            return bytes;
        }
        let mut value = object::parse(&bytes);
        self.to_requested(&mut value);
        self.fit(&mut value);
        // Encoding leaves the version out, so it is put back from the object itself.
        match object::meta_text(&value, "resourceVersion").parse() {
            Ok(revision) => Encoded::new(&value).with_version(revision),
            Err(_) => Encoded::new(&value).without_version(),
        }
    }

    /// Stored bytes as a tree in the version asked for.
    pub fn incoming(&self, bytes: &[u8], modified: u64) -> Value {
        let mut value = object::parse(bytes);
        self.to_requested(&mut value);
        let kind = &self.resource.kind;
        if !self.resource.is_stored_version() || (kind.custom() && modified <= kind.schema_revision) {
            self.fit(&mut value);
        }
        value
    }

    /// Turns a stored object into the version asked for. Versions of a kind differ in their name alone: there is no
    /// conversion between structures.
    fn to_requested(&self, value: &mut Value) {
        if !self.resource.is_stored_version()
            && let Some(map) = value.as_object_mut()
        {
            map.insert("apiVersion".into(), Value::from(self.resource.api_version()));
        }
    }

    /// Prunes and defaults an object that may not fit the present schema.
    fn fit(&self, value: &mut Value) {
        let schema = self.resource.version().schema();
        machinery::schema::prune(schema, value);
        machinery::schema::default(schema, value);
    }

    /// An object written for the store, in the version that is stored.
    pub fn encode_for_store(&self, object: &Value) -> Encoded {
        if self.resource.is_stored_version() {
            return Encoded::new(object);
        }
        let mut stored = object.clone();
        if let Some(map) = stored.as_object_mut() {
            map.insert("apiVersion".into(), Value::from(self.resource.stored_api_version()));
        }
        Encoded::new(&stored)
    }
}

/// 406: what was asked for cannot be made of what is there.
pub fn wrong_form(message: &str) -> Refused {
    Status::failure(406, "NotAcceptable", message).into()
}

/// An object's metadata alone.
pub fn partial_object(object: &Value, beta: bool) -> Bytes {
    let partial = json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": if beta { "meta.k8s.io/v1beta1" } else { "meta.k8s.io/v1" },
        "metadata": object.get("metadata").cloned().unwrap_or_else(|| json!({})),
    });
    Bytes::from(serde_json::to_vec(&partial).unwrap_or_default())
}
