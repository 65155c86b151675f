//! Reading what a server holds from inside the process: no request, no answer, no copy.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::kinds::Registry;
use crate::object;
use crate::server::ApiServer;

/// Synchronous access to the stored objects.
#[derive(Clone)]
pub struct Reader {
    server: ApiServer,
}

impl Reader {
    pub(crate) fn new(server: ApiServer) -> Self {
        Self { server }
    }

    /// The kinds of this moment.
    pub fn registry(&self) -> Arc<Registry> {
        self.server.registry()
    }

    /// An object's bytes as stored (in its storage version).
    pub fn bytes(&self, group: &str, resource: &str, namespace: Option<&str>, name: &str) -> Option<Bytes> {
        let registry = self.server.registry();
        let kind = registry.find(group, resource)?;
        Some(self.server.store().get(&kind.key(namespace, name))?.value)
    }

    /// An object as stored (in its storage version).
    pub fn get(&self, group: &str, resource: &str, namespace: Option<&str>, name: &str) -> Option<Value> {
        self.bytes(group, resource, namespace, name).map(|bytes| object::parse(&bytes))
    }

    /// All objects of a resource in one namespace (or everywhere), as stored, ordered by namespace and name.
    pub fn list(&self, group: &str, resource: &str, namespace: Option<&str>) -> Vec<Value> {
        let registry = self.server.registry();
        let Some(kind) = registry.find(group, resource) else { return Vec::new() };
        let listing = self.server.store().list(&kind.prefix_in(namespace));
        listing.entries.iter().map(|entry| object::parse(&entry.value)).collect()
    }
}
