//! Admission: a chain of plugins given as data. First each plugin may change the object, then each may refuse it.

use std::sync::Arc;

use machinery::gvk::GroupVersionKind;
use serde_json::Value;

use crate::Refused;
use crate::auth::User;
use crate::reader::Reader;

/// What is done to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// It comes into being.
    Create,
    /// It is changed, by whatever verb.
    Update,
    /// It goes.
    Delete,
    /// Something is connected to it.
    Connect,
}

/// One write, as plugins see it.
pub struct AdmissionRequest<'a> {
    /// What is done.
    pub operation: Operation,
    /// Kind of the object.
    pub kind: GroupVersionKind,
    /// Plural resource name.
    pub resource: &'a str,
    /// Subresource, where it is one.
    pub subresource: Option<&'a str>,
    /// Namespace.
    pub namespace: Option<&'a str>,
    /// Name; empty while it is still to be generated.
    pub name: &'a str,
    /// Who asks.
    pub user: &'a User,
    /// Nothing will be stored.
    pub dry_run: bool,
    /// The object before; absent on create.
    pub old: Option<&'a Value>,
    /// What else the server holds.
    pub reader: &'a Reader,
}

/// Changes an object.
pub type Mutate = Arc<dyn Fn(&AdmissionRequest<'_>, &mut Value) -> Result<(), Refused> + Send + Sync>;

/// Judges an object and may have warnings for the client. On delete the object is the old one.
pub type Validate = Arc<dyn Fn(&AdmissionRequest<'_>, &Value) -> Result<Vec<String>, Refused> + Send + Sync>;

/// Which writes a plugin wants to see. An empty list means all.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    /// API groups.
    pub groups: Vec<String>,
    /// Plural resource names, with a subresource behind a slash: `things`, `things/status`. A plain name does not
    /// match subresources; an empty list matches whole objects only.
    pub resources: Vec<String>,
    /// Operations.
    pub operations: Vec<Operation>,
}

impl Matcher {
    fn matches(&self, request: &AdmissionRequest<'_>) -> bool {
        let group = self.groups.is_empty() || self.groups.contains(&request.kind.group);
        let resource = match request.subresource {
            None => self.resources.is_empty() || self.resources.iter().any(|name| name == request.resource),
            Some(subresource) => self.resources.iter().any(|name| {
                name.split_once('/').is_some_and(|parts| parts == (request.resource, subresource))
            }),
        };
        group && resource && (self.operations.is_empty() || self.operations.contains(&request.operation))
    }
}

/// One link of the chain.
#[derive(Clone)]
pub struct Plugin {
    /// For messages.
    pub name: String,
    /// Which writes it sees.
    pub matcher: Matcher,
    /// Changes the object.
    pub mutate: Option<Mutate>,
    /// Judges the object.
    pub validate: Option<Validate>,
}

/// All plugins, in their order.
#[derive(Clone, Default)]
pub struct Chain(Arc<[Plugin]>);

impl Chain {
    /// A chain of these plugins.
    pub fn new(plugins: Vec<Plugin>) -> Self {
        Self(plugins.into())
    }

    /// Whether there is nothing to run.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lets each plugin change the object; the first refusal ends it.
    pub fn mutate(&self, request: &AdmissionRequest<'_>, object: &mut Value) -> Result<(), Refused> {
        for plugin in self.0.iter() {
            if let Some(mutate) = plugin.mutate.as_ref().filter(|_| plugin.matcher.matches(request)) {
                mutate(request, object)?;
            }
        }
        Ok(())
    }

    /// Lets each plugin judge the object; returns their warnings, or the first refusal.
    pub fn validate(&self, request: &AdmissionRequest<'_>, object: &Value) -> Result<Vec<String>, Refused> {
        let mut warnings = Vec::new();
        for plugin in self.0.iter() {
            if let Some(validate) = plugin.validate.as_ref().filter(|_| plugin.matcher.matches(request)) {
                warnings.extend(validate(request, object)?);
            }
        }
        Ok(warnings)
    }
}
