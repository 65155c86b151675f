//! Who is asking, and may they.

use std::sync::Arc;

use machinery::status::Status;

/// Who sent a request. Whoever accepts connections puts it into the extensions of each request, in the usual case as the
/// [subject](User::of_subject) of the client's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// User name.
    pub name: Arc<str>,
    /// Groups the user belongs to.
    pub groups: Arc<[String]>,
}

/// Members of this group may do everything.
pub const MASTERS: &str = "system:masters";

impl User {
    /// A user with groups. `system:authenticated` is added.
    pub fn new(name: &str, groups: impl IntoIterator<Item = String>) -> Self {
        let groups: Vec<String> = groups.into_iter().chain(["system:authenticated".to_owned()]).collect();
        Self { name: name.into(), groups: groups.into() }
    }

    /// The user that a verified client certificate names: its common name, its organizations as groups. A certificate
    /// without a common name names nobody.
    pub fn of_subject(common_name: &str, organizations: impl IntoIterator<Item = String>) -> Self {
        if common_name.is_empty() { Self::anonymous() } else { Self::new(common_name, organizations) }
    }

    /// Somebody who has not said who they are.
    pub fn anonymous() -> Self {
        Self { name: "system:anonymous".into(), groups: ["system:unauthenticated".to_owned()].into() }
    }

    /// The process itself.
    pub fn internal() -> Self {
        Self::new("system:apiserver", [MASTERS.to_owned()])
    }

    /// Whether the user may do everything.
    pub fn is_master(&self) -> bool {
        self.groups.iter().any(|group| group == MASTERS)
    }
}

/// What a request wants to do.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; for other paths the HTTP
    /// method in lower case.
    pub verb: &'a str,
    /// API group.
    pub group: &'a str,
    /// API version.
    pub version: &'a str,
    /// Plural resource name; empty for paths that are no resources.
    pub resource: &'a str,
    /// Subresource.
    pub subresource: Option<&'a str>,
    /// Namespace.
    pub namespace: Option<&'a str>,
    /// Object name.
    pub name: Option<&'a str>,
    /// The whole path.
    pub path: &'a str,
}

/// Decides who may do what.
pub trait Authorizer: Send + Sync + 'static {
    /// Whether the user may.
    fn allows(&self, user: &User, attributes: &Attributes<'_>) -> bool;
}

/// Members of `system:masters` may do everything, everybody may ask for version and health, and nobody anything else.
#[derive(Clone, Copy, Debug, Default)]
pub struct MastersOnly;

/// Paths that anybody may read.
const PUBLIC: [&str; 4] = ["/version", "/healthz", "/livez", "/readyz"];

impl Authorizer for MastersOnly {
    fn allows(&self, user: &User, attributes: &Attributes<'_>) -> bool {
        let public = || {
            attributes.verb == "get"
                && PUBLIC.iter().any(|path| {
                    attributes
                        .path
                        .strip_prefix(path)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                })
        };
        user.is_master() || public()
    }
}

/// Everybody may do everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

impl Authorizer for AllowAll {
    fn allows(&self, _: &User, _: &Attributes<'_>) -> bool {
        true
    }
}

/// The answer to somebody who may not.
pub fn forbidden(user: &User, attributes: &Attributes<'_>) -> Status {
    if attributes.resource.is_empty() {
        let cause = format!("User \"{}\" cannot {} path \"{}\"", user.name, attributes.verb, attributes.path);
        let mut status = Status::forbidden("", "", "", &cause);
        status.message = format!("forbidden: {cause}");
        return status;
    }
    let subresource = attributes.subresource.map(|subresource| format!("/{subresource}")).unwrap_or_default();
    let scope = attributes.namespace.map_or_else(
        || " at the cluster scope".to_owned(),
        |namespace| format!(" in the namespace \"{namespace}\""),
    );
    let cause = format!(
        "User \"{}\" cannot {} resource \"{}{subresource}\" in API group \"{}\"{scope}",
        user.name, attributes.verb, attributes.resource, attributes.group
    );
    Status::forbidden(attributes.group, attributes.resource, attributes.name.unwrap_or_default(), &cause)
}
