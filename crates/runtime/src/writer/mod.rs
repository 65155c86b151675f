//! Writes whose answers the cache knows at once.
//!
//! * The answer to a write is merged into the cache before the caller sees it.
//! * An apply that would change nothing is not sent. The same apply on the same version is recognised by its digest; on
//!   another version it is judged against the object and what the manager owns of it.
//! * A write without an answer may have taken effect. The object is then read live, so that the next look at the cache
//!   shows what is, before anybody tries to undo or repeat anything.
//! * [`Writer::while_leading`] is where a lease decides whether this process may write. Reading is everybody's right.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tracing::debug;

use crate::cache::{BeforeApply, Cache, Digest, Header, Store};
use crate::client::{Call, Client, Error, Verb, what};
use crate::key::Key;
use crate::kind::Kind;

/// Who applies, and what part of the object.
#[derive(Clone, Copy, Debug)]
pub struct Manager<'a> {
    /// The field manager's name.
    pub name: &'a str,
    /// `status`, or empty for the object itself.
    pub subresource: &'a str,
    /// Whether fields that others own are taken from them. Controllers do so; without it they are a conflict.
    pub force: bool,
}

impl<'a> Manager<'a> {
    /// Applies the object itself, by force.
    pub fn new(name: &'a str) -> Self {
        Self { name, subresource: "", force: true }
    }

    /// Applies the status, by force.
    pub fn of_status(name: &'a str) -> Self {
        Self { name, subresource: "status", force: true }
    }
}

/// What came of an apply.
#[derive(Debug)]
pub struct Applied<K> {
    /// The object as it is now.
    pub object: Arc<K>,
    /// Whether anything was sent.
    pub sent: bool,
}

/// What came of a deletion.
#[derive(Debug)]
pub enum Deleted<K> {
    /// It is no longer there.
    Gone,
    /// It goes once its finalizers or its grace period allow.
    Going(Arc<K>),
}

/// What has to hold for a deletion to happen, and what becomes of dependents.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeleteOptions<'a> {
    /// Only the object with this UID.
    pub uid: Option<&'a str>,
    /// Only this version.
    pub resource_version: Option<&'a str>,
    /// `Foreground`, `Background` or `Orphan`; the server's default where none is given.
    pub propagation: Option<&'a str>,
}

/// Writes through a client and keeps the cache up to date. Clones share both.
#[derive(Clone)]
pub struct Writer {
    cache: Cache,
    leading: Option<watch::Receiver<bool>>,
}

impl Writer {
    /// A writer that may always write.
    pub fn new(cache: &Cache) -> Self {
        Self { cache: cache.clone(), leading: None }
    }

    /// A writer that writes only while `leading` is true.
    pub fn while_leading(cache: &Cache, leading: watch::Receiver<bool>) -> Self {
        Self { cache: cache.clone(), leading: Some(leading) }
    }

    /// The cache that learns of the writes.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Applies `intent` (the fields the manager wants to own; type and name are filled in), whether or not it changes
    /// anything.
    pub async fn apply<K: Send + Sync + 'static>(
        &self,
        store: &Store<K>,
        key: &Key,
        manager: Manager<'_>,
        intent: &impl Serialize,
    ) -> Result<Arc<K>, Error> {
        let (_, body) = complete(store.kind(), key, encoded(store.kind(), key, intent)?)?;
        self.send_apply(store, key, manager, body).await
    }

    /// Applies `intent` unless that is known to change nothing.
    pub async fn apply_if_changed<K: Send + Sync + 'static>(
        &self,
        store: &Store<K>,
        key: &Key,
        manager: Manager<'_>,
        intent: &impl Serialize,
    ) -> Result<Applied<K>, Error> {
        self.apply_encoded(store, key, manager, encoded(store.kind(), key, intent)?).await
    }

    async fn apply_encoded<K: Send + Sync + 'static>(
        &self,
        store: &Store<K>,
        key: &Key,
        manager: Manager<'_>,
        intent: Value,
    ) -> Result<Applied<K>, Error> {
        let (intent, body) = complete(store.kind(), key, intent)?;
        if let Some(object) = self.unchanged(store, key, manager, &intent, &body) {
            return Ok(Applied { object, sent: false });
        }
        drop(intent);
        let object = self.send_apply(store, key, manager, body).await?;
        Ok(Applied { object, sent: true })
    }

    /// The object, if applying `intent` (as `body`) is known to change nothing.
    fn unchanged<K: Send + Sync + 'static>(
        &self,
        store: &Store<K>,
        key: &Key,
        manager: Manager<'_>,
        intent: &Value,
        body: &[u8],
    ) -> Option<Arc<K>> {
        let digest = digest(manager, body);
        let object = match store.before_apply(key, manager.name, manager.subresource, &digest) {
            BeforeApply::Unchanged(object) => object,
            BeforeApply::Judge { object, version, live } => {
                let subresource = Some(manager.subresource).filter(|subresource| !subresource.is_empty());
                if machinery::apply::would_change(&live, intent, manager.name, subresource) {
                    return None;
                }
                store.remember_unchanged(key, version, digest);
                object
            }
            BeforeApply::Unknown => return None,
        };
        self.client().metrics().record_unsent_apply();
        Some(object)
    }

    /// Whether publishing `status` is known to change nothing.
    ///
    /// # Errors
    /// When the status cannot be written as JSON.
    pub fn is_published<K: Send + Sync + 'static>(
        &self,
        store: &Store<K>,
        key: &Key,
        manager: &str,
        status: &impl Serialize,
    ) -> Result<bool, Error> {
        let status = encoded(store.kind(), key, status)?;
        let (intent, body) = complete(store.kind(), key, of_status(status))?;
        Ok(self.unchanged(store, key, Manager::of_status(manager), &intent, &body).is_some())
    }

    /// Applies `status` as the object's status unless that is known to change nothing.
    pub async fn publish_status<K: Send + Sync + 'static>(
        &self,
        store: &Store<K>,
        key: &Key,
        manager: &str,
        status: &impl Serialize,
    ) -> Result<Applied<K>, Error> {
        let status = encoded(store.kind(), key, status)?;
        self.apply_encoded(store, key, Manager::of_status(manager), of_status(status)).await
    }

    async fn send_apply<K: Send + Sync + 'static>(
        &self,
        store: &Store<K>,
        key: &Key,
        manager: Manager<'_>,
        body: Bytes,
    ) -> Result<Arc<K>, Error> {
        let digest = digest(manager, &body);
        let query = [("fieldManager", manager.name), ("force", if manager.force { "true" } else { "false" })];
        let mut call = Call::new(Verb::Apply, store.kind(), key);
        call.subresource = manager.subresource;
        call.query = &query;
        call.body = body;
        let answer = self.write(store, call).await?;
        let (object, version) = self.merged(store, Verb::Apply, key, &answer)?;
        store.remember_unchanged(key, version, digest);
        Ok(object)
    }

    /// Creates an object. [`Error::is_already_exists`] where it is there; names of children are derived, so that then is
    /// the outcome of having done this before.
    pub async fn create<K: Send + Sync + 'static>(
        &self,
        store: &Store<K>,
        key: &Key,
        manager: &str,
        object: &impl Serialize,
    ) -> Result<Arc<K>, Error> {
        let (_, body) = complete(store.kind(), key, encoded(store.kind(), key, object)?)?;
        let query = [("fieldManager", manager)];
        let mut call = Call::new(Verb::Create, store.kind(), key);
        call.query = &query;
        call.body = body;
        let answer = self.write(store, call).await?;
        Ok(self.merged(store, Verb::Create, key, &answer)?.0)
    }

    /// Sends a merge patch for the object or, where `subresource` is not empty, a part of it.
    pub async fn merge_patch<K: Send + Sync + 'static>(
        &self,
        store: &Store<K>,
        key: &Key,
        manager: &str,
        subresource: &str,
        patch: &Value,
    ) -> Result<Arc<K>, Error> {
        let query = [("fieldManager", manager)];
        let mut call = Call::new(Verb::Patch, store.kind(), key);
        call.subresource = subresource;
        call.query = &query;
        call.body = patch.to_string().into();
        let answer = self.write(store, call).await?;
        Ok(self.merged(store, Verb::Patch, key, &answer)?.0)
    }

    /// Deletes an object. One that is not there counts as gone.
    pub async fn delete<K: Send + Sync + 'static>(
        &self,
        store: &Store<K>,
        key: &Key,
        options: DeleteOptions<'_>,
    ) -> Result<Deleted<K>, Error> {
        let before = store.identity(key);
        let mut call = Call::new(Verb::Delete, store.kind(), key);
        call.body = delete_body(options);
        let answer = match self.write(store, call).await {
            Err(error) if error.is_not_found() => return Ok(Deleted::Gone),
            other => other?,
        };
        let answer = text(&answer, Verb::Delete, store.kind(), key)?;
        let unreadable = |source| Error::Unreadable { verb: "delete", what: what(store.kind(), key), source };
        if let Some(status) = deletion_status(answer) {
            // Without a word about which object it was, it was the one that we knew of.
            let known = before.as_ref().map(|(uid, _)| &**uid);
            if let Some(uid) = status.uid.as_deref().or(options.uid).or(known) {
                self.cache.remove(store.kind(), key, uid);
            }
            return Ok(Deleted::Gone);
        }
        let header = Header::read(answer).map_err(unreadable)?;
        if !header.is_being_deleted() || header.is_finalized() {
            self.cache.remove(store.kind(), key, &header.uid);
            return Ok(Deleted::Gone);
        }
        self.cache.absorb_write(store.kind(), &header, answer).map_err(unreadable)?;
        Ok(Deleted::Going(Arc::new(store.decode(answer).map_err(unreadable)?)))
    }

    /// Reads an object live and makes the cache agree: after an outcome that is not known, and before anything is undone.
    pub async fn settle<K: Send + Sync + 'static>(
        &self,
        store: &Store<K>,
        key: &Key,
    ) -> Result<Option<Arc<K>>, Error> {
        let before = store.identity(key);
        let answer = match self.client().get(store.kind(), key).await {
            Err(error) if error.is_not_found() => {
                self.forget_missing(store, key, before);
                return Ok(None);
            }
            other => other?,
        };
        let unreadable = |source| Error::Unreadable { verb: "get", what: what(store.kind(), key), source };
        let answer = text(&answer, Verb::Get, store.kind(), key)?;
        self.cache.absorb_read(store.kind(), answer).map_err(unreadable)?;
        Ok(Some(Arc::new(store.decode(answer).map_err(unreadable)?)))
    }

    /// The server knows no such object. Only what was cached before that was asked can have been meant.
    fn forget_missing<K: Send + Sync + 'static>(
        &self,
        store: &Store<K>,
        key: &Key,
        before: Option<(Box<str>, u64)>,
    ) {
        if let Some((uid, _)) = &before
            && before == store.identity(key)
        {
            self.cache.remove(store.kind(), key, uid);
        }
    }

    async fn write<K: Send + Sync + 'static>(
        &self,
        store: &Store<K>,
        call: Call<'_>,
    ) -> Result<Bytes, Error> {
        let (verb, key) = (call.verb, call.key);
        if self.leading.as_ref().is_some_and(|leading| !*leading.borrow()) {
            return Err(Error::NotLeading { verb: verb.name(), what: what(store.kind(), key) });
        }
        let before = store.identity(key);
        let result = self.client().call(call).await;
        // Whoever looks again before the event comes must not find what the server says is gone.
        if result.as_ref().is_err_and(Error::is_not_found) {
            self.forget_missing(store, key, before);
        } else if let Err(error) = &result
            && error.is_uncertain()
            && !key.name().is_empty()
            && let Err(again) = self.settle(store, key).await
        {
            debug!(kind = %store.kind(), %key, %error, %again, "the outcome of a write stays unknown");
        }
        result
    }

    /// Merges an answer and returns what the cache then holds, or the answer itself where that is not cached, with the
    /// version of the answer.
    fn merged<K: Send + Sync + 'static>(
        &self,
        store: &Store<K>,
        verb: Verb,
        key: &Key,
        answer: &Bytes,
    ) -> Result<(Arc<K>, u64), Error> {
        let answer = text(answer, verb, store.kind(), key)?;
        let unreadable =
            |source| Error::Unreadable { verb: verb.name(), what: what(store.kind(), key), source };
        let header = Header::read(answer).map_err(unreadable)?;
        self.cache.absorb_write(store.kind(), &header, answer).map_err(unreadable)?;
        let version = header.version();
        let key = Key::new(&header.namespace, &header.name);
        if let Some(object) = store.at_least(&key, &header.uid, version) {
            return Ok((object, version));
        }
        Ok((Arc::new(store.decode(answer).map_err(unreadable)?), version))
    }

    fn client(&self) -> &Client {
        self.cache.client()
    }
}

fn encoded(kind: &Kind, key: &Key, object: &impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(object).map_err(|error| cannot(Verb::Apply, kind, key, &error))
}

/// An object that is nothing but this status.
fn of_status(status: Value) -> Value {
    Value::Object(serde_json::Map::from_iter([("status".to_owned(), status)]))
}

/// `value` with `apiVersion`, `kind`, name and namespace filled in where they are missing, and its text.
fn complete(kind: &Kind, key: &Key, mut value: Value) -> Result<(Value, Bytes), Error> {
    let Some(members) = value.as_object_mut() else {
        return Err(cannot(Verb::Apply, kind, key, &"not a JSON object"));
    };
    members.entry("apiVersion").or_insert_with(|| kind.api_version().into());
    members.entry("kind").or_insert_with(|| kind.kind.as_str().into());
    let metadata = members.entry("metadata").or_insert_with(|| json!({}));
    if let Some(metadata) = metadata.as_object_mut() {
        if !key.name().is_empty() {
            metadata.entry("name").or_insert_with(|| key.name().into());
        }
        if !key.namespace().is_empty() {
            metadata.entry("namespace").or_insert_with(|| key.namespace().into());
        }
    }
    let body = value.to_string().into();
    Ok((value, body))
}

fn digest(manager: Manager<'_>, body: &[u8]) -> Digest {
    let mut hasher = Sha256::new();
    for part in [manager.name.as_bytes(), manager.subresource.as_bytes()] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.update(body);
    let mut digest = [0; 16];
    digest.copy_from_slice(&hasher.finalize()[..16]);
    digest
}

fn delete_body(options: DeleteOptions<'_>) -> Bytes {
    let mut body = json!({ "apiVersion": "v1", "kind": "DeleteOptions" });
    let mut preconditions = serde_json::Map::new();
    if let Some(uid) = options.uid {
        preconditions.insert("uid".to_owned(), uid.into());
    }
    if let Some(version) = options.resource_version {
        preconditions.insert("resourceVersion".to_owned(), version.into());
    }
    if !preconditions.is_empty() {
        body["preconditions"] = Value::Object(preconditions);
    }
    if let Some(propagation) = options.propagation {
        body["propagationPolicy"] = propagation.into();
    }
    body.to_string().into()
}

struct DeletionStatus {
    uid: Option<String>,
}

/// Reads the answer to a deletion where it is a Status rather than the object.
fn deletion_status(answer: &str) -> Option<DeletionStatus> {
    #[derive(serde::Deserialize)]
    struct Probe {
        #[serde(default)]
        kind: String,
        details: Option<Details>,
    }
    #[derive(serde::Deserialize)]
    struct Details {
        uid: Option<String>,
    }
    let probe: Probe = serde_json::from_str(answer).ok()?;
    (probe.kind == "Status").then(|| DeletionStatus {
        uid: probe.details.and_then(|details| details.uid).filter(|uid| !uid.is_empty()),
    })
}

fn text<'a>(answer: &'a Bytes, verb: Verb, kind: &Kind, key: &Key) -> Result<&'a str, Error> {
    std::str::from_utf8(answer).map_err(|error| Error::NoAnswer {
        verb: verb.name(),
        what: what(kind, key),
        reason: format!("the answer is not UTF-8: {error}"),
    })
}

fn cannot(verb: Verb, kind: &Kind, key: &Key, reason: &impl ToString) -> Error {
    Error::Request { verb: verb.name(), what: what(kind, key), reason: reason.to_string() }
}

#[cfg(test)]
mod tests;
