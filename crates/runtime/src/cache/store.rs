//! All objects of one kind, by namespace and name, with indexes and listeners.
//!
//! Two streams feed a store: the watch, and the answers to our own writes. Both may bring any version in any order. What
//! keeps them straight:
//!
//! * A version is taken only if it is newer than what is there.
//! * `progress` is how far the watch has come. The answer to a write that is not newer than that adds nothing that the
//!   watch did not tell; if the object is not there, it has been deleted since, and the answer must not bring it back.
//! * The UIDs of objects that we deleted ourselves are kept until the watch has told so too, so that older events, still on
//!   their way, do not bring them back. The last few that the watch told of are kept as well, against repeated events.
//!
//! Every version that is taken is told to the listeners exactly once, outside the lock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use serde_json::Value;
use tokio::sync::Notify;

use super::decode::{Applied, Header};
use crate::key::Key;
use crate::kind::Kind;
use crate::queue::{Priority, Queue};

/// How many judgements "this apply would change nothing" are kept with a version of an object: one per manager and
/// subresource is what steady state needs.
const UNCHANGED_KEPT: usize = 8;

/// How many UIDs of objects whose deletion the watch told are kept.
const GRAVES_KEPT: usize = 64;

/// The digest of an apply: manager, subresource and body.
pub(crate) type Digest = [u8; 16];

pub(crate) type IndexFunction<K> = Arc<dyn Fn(&K) -> Vec<String> + Send + Sync>;
type Listener<K> = Arc<dyn Fn(Option<&K>, Option<&K>, Priority) + Send + Sync>;

/// How an object is read.
pub(crate) enum Decode<K> {
    /// Whose type says what it is.
    Typed(fn(&str) -> Result<K, serde_json::Error>),
    /// Whose kind has to be said.
    ByName(fn(&Kind, &str) -> Result<K, serde_json::Error>),
}

/// How a store decodes and what it keeps.
pub(crate) struct Traits<K> {
    pub decode: Decode<K>,
    /// Needed to judge applies; without it, none is judged.
    pub encode: Option<fn(&K) -> Value>,
    /// Drops what nobody reads, to save memory.
    pub trim: Option<fn(&mut K)>,
    /// Objects without this label are left out.
    pub label: Option<String>,
    /// Whose applied field sets are kept.
    pub managers: fn(&str) -> bool,
    pub indexes: Vec<(&'static str, IndexFunction<K>)>,
}

/// A handle to all cached objects of one kind. Clones share them.
pub struct Store<K> {
    inner: Arc<Inner<K>>,
}

impl<K> Clone for Store<K> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

struct Inner<K> {
    kind: Arc<Kind>,
    traits: Traits<K>,
    state: RwLock<State<K>>,
    listeners: RwLock<Vec<Listener<K>>>,
    synced: AtomicBool,
    /// Wakes in the order of waiting, which a `watch` channel does not: runs have to repeat.
    became_synced: Notify,
}

struct State<K> {
    objects: BTreeMap<Key, Entry<K>>,
    indexes: Vec<Index<K>>,
    progress: u64,
    /// UIDs that we deleted and the watch has not yet spoken of; true once a list has begun since, which will not show them.
    deleted: BTreeMap<Box<str>, bool>,
    /// UIDs whose deletion the watch told last.
    graves: VecDeque<Box<str>>,
}

struct Entry<K> {
    object: Arc<K>,
    uid: Box<str>,
    version: u64,
    applied: Box<[Applied]>,
    /// Applies that are known to change nothing on this version.
    unchanged: Vec<Digest>,
    /// Whether its version can be compared with those that come.
    is_settled: bool,
}

struct Index<K> {
    name: &'static str,
    values_of: IndexFunction<K>,
    keys: BTreeMap<String, BTreeSet<Key>>,
}

/// Where a version of an object comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A watch event in order.
    Watch,
    /// Part of a list, streamed or not, in no order of versions.
    List,
    /// The answer to a write of ours.
    Write,
    /// The answer to a live read of ours.
    Read,
}

/// What the cache knows of an object before an apply.
pub(crate) enum BeforeApply<K> {
    /// Nothing is known; the apply has to be sent.
    Unknown,
    /// This very apply was found to change nothing on this very version.
    Unchanged(Arc<K>),
    /// It has to be judged.
    Judge {
        /// The object.
        object: Arc<K>,
        /// Its version.
        version: u64,
        /// The same as JSON, with the manager's own entry of the managed fields.
        live: Value,
    },
}

/// A store whose type is not known to the caller.
pub(crate) trait AnyStore: Send + Sync {
    /// Takes the object that `text` holds, if it is news. `header` was read from `text`.
    fn absorb<'a>(&self, header: &Header<'a>, text: &'a str, origin: Origin)
    -> Result<(), serde_json::Error>;
    /// The watch told that an object is deleted.
    fn absorb_deleted_event(&self, header: &Header<'_>);
    /// Takes out the object with `uid`, which we know to be gone before the watch told.
    fn remove(&self, key: &Key, uid: &str);
    fn advance(&self, version: u64);
    fn begin_list(&self);
    /// The server's versions have gone backwards: what is held counts as older than anything.
    fn rewind(&self);
    /// The next list may come from another server than the last: whatever is not the very version that is held is news.
    fn unsettle(&self);
    fn finish_list(&self, version: u64, listed: &BTreeSet<Key>);
}

impl<K: Send + Sync + 'static> Store<K> {
    pub(crate) fn new(kind: Arc<Kind>, traits: Traits<K>) -> Self {
        let indexes = traits
            .indexes
            .iter()
            .map(|(name, values_of)| Index { name, values_of: Arc::clone(values_of), keys: BTreeMap::new() })
            .collect();
        let state = State {
            objects: BTreeMap::new(),
            indexes,
            progress: 0,
            deleted: BTreeMap::new(),
            graves: VecDeque::new(),
        };
        Self {
            inner: Arc::new(Inner {
                kind,
                traits,
                state: RwLock::new(state),
                listeners: RwLock::default(),
                synced: AtomicBool::new(false),
                became_synced: Notify::new(),
            }),
        }
    }

    /// The kind held here.
    pub fn kind(&self) -> &Arc<Kind> {
        &self.inner.kind
    }

    /// One object.
    pub fn get(&self, key: &Key) -> Option<Arc<K>> {
        self.read().objects.get(key).map(|entry| Arc::clone(&entry.object))
    }

    /// The objects of a namespace by name, or all by namespace and name where `namespace` is empty.
    pub fn list(&self, namespace: &str) -> Vec<Arc<K>> {
        let state = self.read();
        if namespace.is_empty() {
            return state.objects.values().map(|entry| Arc::clone(&entry.object)).collect();
        }
        state
            .objects
            .range(Key::new(namespace, "")..)
            .take_while(|(key, _)| key.namespace() == namespace)
            .map(|(_, entry)| Arc::clone(&entry.object))
            .collect()
    }

    /// All keys, in order.
    pub fn keys(&self) -> Vec<Key> {
        self.read().objects.keys().cloned().collect()
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.read().objects.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The objects that the index `name` files under `value`, in the order of their keys. An index that was never declared
    /// files nothing.
    pub fn by_index(&self, name: &str, value: &str) -> Vec<Arc<K>> {
        self.indexed(name, value, |_, entry| Arc::clone(&entry.object))
    }

    /// The keys that the index `name` files under `value`, in order.
    pub fn keys_by_index(&self, name: &str, value: &str) -> Vec<Key> {
        self.indexed(name, value, |key, _| key.clone())
    }

    fn indexed<T>(&self, name: &str, value: &str, of: impl Fn(&Key, &Entry<K>) -> T) -> Vec<T> {
        let state = self.read();
        let index = state.indexes.iter().find(|index| index.name == name);
        debug_assert!(index.is_some(), "{} has no index {name}", self.inner.kind);
        let Some(keys) = index.and_then(|index| index.keys.get(value)) else {
            return Vec::new();
        };
        keys.iter().filter_map(|key| state.objects.get(key).map(|entry| of(key, entry))).collect()
    }

    /// Whether the first list is complete.
    pub fn is_synced(&self) -> bool {
        self.inner.synced.load(Ordering::Acquire)
    }

    /// Returns once the first list is complete.
    pub async fn synced(&self) {
        let became_synced = self.inner.became_synced.notified();
        // Asked after the wait has begun, so that nothing falls between.
        if !self.is_synced() {
            became_synced.await;
        }
    }

    /// Puts the keys that `keys_of` derives from each change into `queue`. What is there already is told now, as
    /// [`Priority::Resync`]. `keys_of` runs without a lock held and may read this and other stores.
    pub fn subscribe(
        &self,
        queue: &Queue,
        keys_of: impl Fn(Option<&K>, Option<&K>) -> Vec<Key> + Send + Sync + 'static,
    ) {
        let queue = queue.clone();
        self.observe(move |old, new, priority| {
            for key in keys_of(old, new) {
                queue.add(key, priority);
            }
        });
    }

    /// Calls `listener` with the object before and after each change. What is there already is told now.
    pub fn observe(&self, listener: impl Fn(Option<&K>, Option<&K>, Priority) + Send + Sync + 'static) {
        let listener: Listener<K> = Arc::new(listener);
        self.inner.listeners.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&listener));
        for object in self.list("") {
            listener(None, Some(&object), Priority::Resync);
        }
    }

    /// The fields that `manager` owns of an object by its applies (`fieldsV1`), as far as [`KindOptions::managers`] keeps
    /// them. Nothing where it applied nothing, or the object is not there.
    ///
    /// [`KindOptions::managers`]: super::KindOptions::managers
    pub fn applied_fields(&self, key: &Key, manager: &str, subresource: &str) -> Option<Value> {
        let state = self.read();
        let applied = state.objects.get(key)?.applied.iter();
        let own =
            applied.into_iter().find(|own| &*own.manager == manager && &*own.subresource == subresource)?;
        serde_json::from_str(&own.fields).ok()
    }

    /// What is known of `key` before an apply with `digest` by `manager`.
    pub(crate) fn before_apply(
        &self,
        key: &Key,
        manager: &str,
        subresource: &str,
        digest: &Digest,
    ) -> BeforeApply<K> {
        let Some(encode) = self.inner.traits.encode else {
            return BeforeApply::Unknown;
        };
        let (object, version, applied) = {
            let state = self.read();
            let Some(entry) = state.objects.get(key) else {
                return BeforeApply::Unknown;
            };
            if entry.unchanged.contains(digest) {
                return BeforeApply::Unchanged(Arc::clone(&entry.object));
            }
            let own =
                entry.applied.iter().find(|own| &*own.manager == manager && &*own.subresource == subresource);
            let Some(own) = own else {
                return BeforeApply::Unknown;
            };
            (Arc::clone(&entry.object), entry.version, own.clone())
        };
        let mut live = encode(&object);
        let Ok(fields) = serde_json::from_str::<Value>(&applied.fields) else {
            return BeforeApply::Unknown;
        };
        let mut own = serde_json::json!({
            "manager": manager, "operation": "Apply", "apiVersion": applied.api_version,
            "fieldsType": "FieldsV1", "fieldsV1": fields,
        });
        if !subresource.is_empty() {
            own["subresource"] = subresource.into();
        }
        if let Some(object) = live.as_object_mut() {
            // Rust types need not carry them.
            object.entry("apiVersion").or_insert_with(|| self.inner.kind.api_version().into());
            object.entry("kind").or_insert_with(|| self.inner.kind.kind.as_str().into());
        }
        if let Some(metadata) = live.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("managedFields".to_owned(), Value::Array(vec![own]));
        }
        BeforeApply::Judge { object, version, live }
    }

    /// Remembers that the apply with `digest` changes nothing on `version` of `key`.
    pub(crate) fn remember_unchanged(&self, key: &Key, version: u64, digest: Digest) {
        let mut state = self.write();
        if let Some(entry) = state.objects.get_mut(key)
            && entry.version == version
            && !entry.unchanged.contains(&digest)
        {
            if entry.unchanged.len() == UNCHANGED_KEPT {
                entry.unchanged.remove(0);
            }
            entry.unchanged.push(digest);
        }
    }

    /// UID and version of what is there.
    pub(crate) fn identity(&self, key: &Key) -> Option<(Box<str>, u64)> {
        self.read().objects.get(key).map(|entry| (entry.uid.clone(), entry.version))
    }

    /// What is there, if it is the object with `uid` in `version` or a newer one.
    pub(crate) fn at_least(&self, key: &Key, uid: &str, version: u64) -> Option<Arc<K>> {
        let state = self.read();
        let entry = state.objects.get(key)?;
        (&*entry.uid == uid && entry.version >= version).then(|| Arc::clone(&entry.object))
    }

    /// Decodes the answer to a request about this kind, without keeping it.
    pub(crate) fn decode(&self, text: &str) -> Result<K, serde_json::Error> {
        let header = Header::read(text)?;
        self.decode_without_managed_fields(&header, text)
    }

    fn decode_without_managed_fields(&self, header: &Header<'_>, text: &str) -> Result<K, serde_json::Error> {
        let text = header.without_managed_fields(text);
        match self.inner.traits.decode {
            Decode::Typed(decode) => decode(&text),
            Decode::ByName(decode) => decode(&self.inner.kind, &text),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State<K>> {
        self.inner.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State<K>> {
        self.inner.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn notify(&self, old: Option<&K>, new: Option<&K>, priority: Priority) {
        // Listeners are few and only ever added; the list is copied so that one of them may add another.
        let listeners = self.inner.listeners.read().unwrap_or_else(PoisonError::into_inner).clone();
        for listener in listeners {
            listener(old, new, priority);
        }
    }

    fn decode_entry<'a>(&self, text: &'a str, header: &Header<'a>) -> Result<Entry<K>, serde_json::Error> {
        let traits = &self.inner.traits;
        let mut object = self.decode_without_managed_fields(header, text)?;
        if let Some(trim) = traits.trim {
            trim(&mut object);
        }
        Ok(Entry {
            object: Arc::new(object),
            uid: header.uid.as_ref().into(),
            version: header.version(),
            applied: header.applied(traits.managers),
            unchanged: Vec::new(),
            is_settled: true,
        })
    }

    fn removed(&self, old: Option<Entry<K>>) {
        if let Some(old) = old {
            self.notify(Some(&old.object), None, Priority::Fresh);
        }
    }
}

impl<K: Send + Sync + 'static> AnyStore for Store<K> {
    fn absorb<'a>(
        &self,
        header: &Header<'a>,
        text: &'a str,
        origin: Origin,
    ) -> Result<(), serde_json::Error> {
        let (key, version) = (Key::new(&header.namespace, &header.name), header.version());
        if origin == Origin::Write && header.is_finalized() {
            // This write took the last finalizer. The answer may still carry the version before, so versions say nothing.
            AnyStore::remove(self, &key, &header.uid);
            return Ok(());
        }
        let news = self.read().wants(&key, &header.uid, version, origin);
        let unlabelled = self.inner.traits.label.as_ref().is_some_and(|label| !header.has_label(label));
        if !news || unlabelled {
            let old = {
                let mut state = self.write();
                if origin == Origin::Watch {
                    state.progress = state.progress.max(version);
                }
                if news { state.take(&key, &header.uid) } else { None }
            };
            self.removed(old);
            return Ok(());
        }
        let entry = self.decode_entry(text, header)?;
        let new = Arc::clone(&entry.object);
        let old = {
            let mut state = self.write();
            // Between the two locks another version may have come.
            let wanted = state.wants(&key, &header.uid, version, origin);
            if origin == Origin::Watch {
                state.progress = state.progress.max(version);
            }
            if !wanted {
                return Ok(());
            }
            state.insert(key, entry)
        };
        let priority =
            if origin == Origin::List && !self.is_synced() { Priority::Resync } else { Priority::Fresh };
        self.notify(old.as_ref().map(|old| &*old.object), Some(&new), priority);
        Ok(())
    }

    fn absorb_deleted_event(&self, header: &Header<'_>) {
        let key = Key::new(&header.namespace, &header.name);
        let old = {
            let mut state = self.write();
            state.progress = state.progress.max(header.version());
            state.bury(&header.uid);
            state.take(&key, &header.uid)
        };
        self.removed(old);
    }

    fn remove(&self, key: &Key, uid: &str) {
        let old = {
            let mut state = self.write();
            let old = state.take(key, uid);
            if old.is_some() {
                state.deleted.insert(uid.into(), false);
            }
            old
        };
        self.removed(old);
    }

    fn advance(&self, version: u64) {
        let mut state = self.write();
        state.progress = state.progress.max(version);
    }

    fn begin_list(&self) {
        self.write().deleted.values_mut().for_each(|before_list| *before_list = true);
    }

    fn rewind(&self) {
        let mut state = self.write();
        state.progress = 0;
        state.deleted.clear();
        state.graves.clear();
        state.objects.values_mut().for_each(|entry| entry.version = 0);
    }

    fn unsettle(&self) {
        self.write().objects.values_mut().for_each(|entry| entry.is_settled = false);
    }

    fn finish_list(&self, version: u64, listed: &BTreeSet<Key>) {
        let vanished: Vec<Entry<K>> = {
            let mut state = self.write();
            let keys: Vec<(Key, Box<str>)> = state
                .objects
                .iter()
                .filter(|(key, entry)| {
                    !listed.contains(*key) && (entry.version <= version || !entry.is_settled)
                })
                .map(|(key, entry)| (key.clone(), entry.uid.clone()))
                .collect();
            state.objects.values_mut().for_each(|entry| entry.is_settled = true);
            state.progress = state.progress.max(version);
            state.deleted.retain(|_, before_list| !*before_list);
            keys.iter().filter_map(|(key, uid)| state.take(key, uid)).collect()
        };
        for entry in vanished {
            self.removed(Some(entry));
        }
        self.inner.synced.store(true, Ordering::Release);
        self.inner.became_synced.notify_waiters();
    }
}

impl<K> State<K> {
    /// Whether `version` of the object with `uid` is news.
    fn wants(&self, key: &Key, uid: &str, version: u64, origin: Origin) -> bool {
        if self.deleted.contains_key(uid) || self.graves.iter().any(|grave| &**grave == uid) {
            return false;
        }
        match self.objects.get(key) {
            Some(entry) if !entry.is_settled => version != entry.version || *uid != *entry.uid,
            Some(entry) => version > entry.version,
            // Nothing there though the watch is past this version: it was deleted since.
            None => matches!(origin, Origin::List | Origin::Watch) || version > self.progress,
        }
    }

    /// The watch told that the object with `uid` is deleted.
    fn bury(&mut self, uid: &str) {
        self.deleted.remove(uid);
        if self.graves.len() == GRAVES_KEPT {
            self.graves.pop_front();
        }
        self.graves.push_back(uid.into());
    }

    fn insert(&mut self, key: Key, entry: Entry<K>) -> Option<Entry<K>> {
        let new = Arc::clone(&entry.object);
        let old = self.objects.insert(key.clone(), entry);
        for index in &mut self.indexes {
            let before = old.as_ref().map(|old| (index.values_of)(&old.object)).unwrap_or_default();
            let after = (index.values_of)(&new);
            if before != after {
                index.unfile(&key, before);
                index.file(&key, after);
            }
        }
        old
    }

    /// Takes the object out if it is still the one with `uid`.
    fn take(&mut self, key: &Key, uid: &str) -> Option<Entry<K>> {
        if self.objects.get(key).is_none_or(|entry| &*entry.uid != uid) {
            return None;
        }
        let old = self.objects.remove(key)?;
        for index in &mut self.indexes {
            let values = (index.values_of)(&old.object);
            index.unfile(key, values);
        }
        Some(old)
    }
}

impl<K> Index<K> {
    fn file(&mut self, key: &Key, values: Vec<String>) {
        for value in values {
            self.keys.entry(value).or_default().insert(key.clone());
        }
    }

    fn unfile(&mut self, key: &Key, values: Vec<String>) {
        for value in values {
            if let Some(keys) = self.keys.get_mut(&value) {
                keys.remove(key);
                if keys.is_empty() {
                    self.keys.remove(&value);
                }
            }
        }
    }
}

#[cfg(test)]
impl<K: Send + Sync + 'static> Store<K> {
    /// Whether every index entry leads to an object.
    pub(super) fn inner_is_tidy(&self) -> bool {
        let state = self.read();
        state.indexes.iter().all(|index| {
            index
                .keys
                .values()
                .all(|keys| !keys.is_empty() && keys.iter().all(|key| state.objects.contains_key(key)))
        })
    }
}
