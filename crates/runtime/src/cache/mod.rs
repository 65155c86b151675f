//! A shared cache of the objects that controllers read, kept by one watch per kind.
//!
//! Kinds with a Rust type are declared when the cache is built, with their indexes. Kinds known only by name (those of
//! providers) are held as JSON and watched from their first use on. A kind may be held both ways; one watch feeds both.
//!
//! The answer to every write of ours is merged at once (see [`crate::writer`]), so a controller always reads its own
//! writes. Managed fields are not part of the cached objects: they are half of their size, and nobody reads them but the
//! question whether an apply would change anything. For that, the field sets of the managers that
//! [`KindOptions::managers`] names are kept encoded beside the object.
//!
//! Deliberately absent: deep copies. Objects are shared and never changed in place.

mod decode;
mod feed;
mod object;
mod store;

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use futures::future::BoxFuture;
use machinery::gvk::GroupVersionKind;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::store::{IndexFunction, Origin};
use crate::client::{Client, Error};
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::faults::WatchFilter;
use crate::key::Key;
use crate::kind::Kind;
use crate::queue::{Priority, Queue};
use crate::shutdown::Shutdown;

pub(crate) use decode::Header;
pub(crate) use feed::{Feed, Scope, Surroundings};
pub use object::Object;
pub use store::Store;
pub(crate) use store::{AnyStore, BeforeApply, Decode, Digest, Traits};

/// How long a server is asked to keep one watch open, unless told otherwise.
const WATCH_TIME: Duration = Duration::from_secs(300);

/// A kind with a Rust type.
pub trait Typed: kube_core::Resource<DynamicType = ()> + Send + Sync + 'static {}

impl<K> Typed for K where K: kube_core::Resource<DynamicType = ()> + Send + Sync + 'static {}

/// How objects of a type are read and written as JSON.
///
/// Functions and not traits: the code that reads a type is long, and with a trait every crate that caches the type would have
/// it compiled once more.
pub struct Codec<K> {
    /// Reads an object.
    pub decode: fn(&str) -> Result<K, serde_json::Error>,
    /// Writes one; an empty value where it cannot be written, which is judged as different from anything.
    pub encode: fn(&K) -> Value,
}

impl<K: DeserializeOwned + Serialize> Codec<K> {
    /// As the type's own traits say, compiled here.
    pub fn of_traits() -> Self {
        Self {
            decode: |text| serde_json::from_str(text),
            encode: |object| serde_json::to_value(object).unwrap_or_default(),
        }
    }
}

type DynamicListener =
    Arc<dyn Fn(&GroupVersionKind, Option<&Object>, Option<&Object>, Priority) + Send + Sync>;

/// The cache. Clones share it.
#[derive(Clone)]
pub struct Cache {
    shared: Arc<Shared>,
}

struct Shared {
    around: Surroundings,
    shutdown: Shutdown,
    registry: RwLock<Registry>,
    /// Held while a kind is looked up and its watch begins, so that this happens once.
    beginning: tokio::sync::Mutex<()>,
    dynamic_managers: fn(&str) -> bool,
    dynamic_listeners: Mutex<Vec<DynamicListener>>,
}

#[derive(Default)]
struct Registry {
    typed: BTreeMap<TypeId, Arc<dyn Any + Send + Sync>>,
    dynamic: BTreeMap<GroupVersionKind, Store<Object>>,
    feeds: BTreeMap<Arc<Kind>, Arc<Feed>>,
    waits: Vec<Synced>,
}

type Synced = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// Declares what a cache holds.
pub struct CacheBuilder {
    around: Surroundings,
    registry: Registry,
    dynamic_managers: fn(&str) -> bool,
}

/// How one kind is held.
pub struct KindOptions<K> {
    indexes: Vec<(&'static str, IndexFunction<K>)>,
    trim: Option<fn(&mut K)>,
    label: Option<String>,
    managers: fn(&str) -> bool,
}

impl<K> KindOptions<K> {
    /// Files every object under the values that `values_of` gives, to be found by [`Store::by_index`].
    pub fn index(
        mut self,
        name: &'static str,
        values_of: impl Fn(&K) -> Vec<String> + Send + Sync + 'static,
    ) -> Self {
        self.indexes.push((name, Arc::new(values_of)));
        self
    }

    /// Drops parts of each object that nobody reads.
    pub fn trim(mut self, trim: fn(&mut K)) -> Self {
        self.trim = Some(trim);
        self
    }

    /// Holds only objects that have this label, whatever its value.
    pub fn label(mut self, label: &str) -> Self {
        self.label = Some(label.to_owned());
        self
    }

    /// Keeps the applied field sets of the managers that `managers` accepts: ours. All are kept unless told otherwise.
    pub fn managers(mut self, managers: fn(&str) -> bool) -> Self {
        self.managers = managers;
        self
    }
}

impl CacheBuilder {
    /// Holds the kind `K` as `options` says.
    pub fn kind<K: Typed>(
        mut self,
        codec: Codec<K>,
        options: impl FnOnce(KindOptions<K>) -> KindOptions<K>,
    ) -> Self {
        let options =
            options(KindOptions { indexes: Vec::new(), trim: None, label: None, managers: |_| true });
        let kind = Arc::new(Kind::of::<K>());
        let scope = Scope { labels: options.label.clone(), ..Scope::default() };
        let store = Store::new(
            Arc::clone(&kind),
            Traits {
                decode: Decode::Typed(codec.decode),
                encode: Some(codec.encode),
                trim: options.trim,
                label: options.label,
                managers: options.managers,
                indexes: options.indexes,
            },
        );
        let feed = Feed::new(Arc::clone(&kind), scope, Arc::new(store.clone()));
        self.registry.feeds.insert(kind, Arc::new(feed));
        self.registry.waits.push(wait_for(&store));
        self.registry.typed.insert(TypeId::of::<K>(), Arc::new(store));
        self
    }

    /// Keeps, for kinds held as JSON, the applied field sets of the managers that `managers` accepts.
    pub fn dynamic_managers(mut self, managers: fn(&str) -> bool) -> Self {
        self.dynamic_managers = managers;
        self
    }

    /// Passes all watch events through `filter`.
    pub fn filter(mut self, filter: Arc<dyn WatchFilter>) -> Self {
        self.around.filter = Some(filter);
        self
    }

    /// How long the server is asked to keep one watch open; 300 s unless told otherwise. None, for servers in this process,
    /// leaves it to the server and sets no timer.
    pub fn watch_time(mut self, time: Option<Duration>) -> Self {
        self.around.watch_time = time;
        self
    }

    /// The cache, all of whose watches begin now, as tasks that end with `shutdown`.
    pub fn start(self, shutdown: &Shutdown) -> Cache {
        for feed in self.registry.feeds.values() {
            tokio::spawn(Arc::clone(feed).run(self.around.clone(), shutdown.clone()));
        }
        Cache {
            shared: Arc::new(Shared {
                around: self.around,
                shutdown: shutdown.clone(),
                registry: RwLock::new(self.registry),
                beginning: tokio::sync::Mutex::new(()),
                dynamic_managers: self.dynamic_managers,
                dynamic_listeners: Mutex::default(),
            }),
        }
    }
}

impl Cache {
    /// Begins to declare a cache over `client`.
    pub fn builder(client: Client, clock: Clock, entropy: Entropy) -> CacheBuilder {
        let around = Surroundings {
            client,
            clock,
            entropy,
            filter: None,
            watch_time: Some(WATCH_TIME),
            server: String::new(),
            streams_lists: true,
            interrupted: None,
        };
        CacheBuilder { around, registry: Registry::default(), dynamic_managers: |_| true }
    }

    /// The objects of kind `K`.
    pub fn kind<K: Typed>(&self) -> Result<Store<K>, Error> {
        let store = self.registry().typed.get(&TypeId::of::<K>()).cloned();
        store
            .and_then(|store| store.downcast::<Store<K>>().ok())
            .map(|store| Store::clone(&store))
            .ok_or_else(|| Error::NotCached(Kind::of::<K>().to_string()))
    }

    /// The objects of a kind known only by name, as JSON. The first call looks the kind up and begins its watch; every call
    /// returns once the first list is complete.
    ///
    /// # Errors
    /// [`Error::UnknownKind`] where the server does not serve it (yet). [`Error::Stopping`] where the watches end before the
    /// first list is complete: nobody would ever be told.
    pub fn dynamic<'a>(
        &'a self,
        wanted: &'a GroupVersionKind,
    ) -> BoxFuture<'a, Result<Store<Object>, Error>> {
        Box::pin(async move {
            let store = match self.known_dynamic(wanted) {
                Some(store) => store,
                None => self.begin_dynamic(wanted).await?,
            };
            tokio::select! {
                biased;
                () = store.synced() => Ok(store),
                () = self.shared.shutdown.requested() => Err(Error::Stopping(store.kind().to_string())),
            }
        })
    }

    /// Like [`Cache::dynamic`], but only what is watched already.
    pub fn known_dynamic(&self, wanted: &GroupVersionKind) -> Option<Store<Object>> {
        self.registry().dynamic.get(wanted).cloned()
    }

    async fn begin_dynamic(&self, wanted: &GroupVersionKind) -> Result<Store<Object>, Error> {
        let _one_at_a_time = self.shared.beginning.lock().await;
        if let Some(store) = self.known_dynamic(wanted) {
            return Ok(store);
        }
        let kind = Arc::new(self.shared.around.client.discover(wanted).await?);
        let traits = Traits {
            decode: Decode::ByName(decode_object),
            encode: Some(|object| object.value().clone()),
            trim: None,
            label: None,
            managers: self.shared.dynamic_managers,
            indexes: vec![("owner", Arc::new(owner_uids) as IndexFunction<Object>)],
        };
        let store = Store::new(Arc::clone(&kind), traits);
        // Held until the store is registered, so that a listener that comes now is attached here or there.
        let listeners = self.listeners();
        for listener in listeners.iter() {
            attach(wanted.clone(), &store, listener);
        }
        let mut registry = self.shared.registry.write().unwrap_or_else(PoisonError::into_inner);
        registry.dynamic.insert(wanted.clone(), store.clone());
        match registry.feeds.get(&kind) {
            Some(feed) => feed.join(Arc::new(store.clone()), None),
            None => {
                let feed = Arc::new(Feed::new(Arc::clone(&kind), Scope::default(), Arc::new(store.clone())));
                registry.feeds.insert(kind, Arc::clone(&feed));
                tokio::spawn(feed.run(self.shared.around.clone(), self.shared.shutdown.clone()));
            }
        }
        Ok(store)
    }

    /// Puts the keys that `keys_of` derives from each change of any kind held as JSON, now or later, into `queue`.
    pub fn subscribe_dynamic(
        &self,
        queue: &Queue,
        keys_of: impl Fn(&GroupVersionKind, Option<&Object>, Option<&Object>) -> Vec<Key> + Send + Sync + 'static,
    ) {
        let queue = queue.clone();
        let listener: DynamicListener = Arc::new(move |kind, old, new, priority| {
            for key in keys_of(kind, old, new) {
                queue.add(key, priority);
            }
        });
        let stores: Vec<_> = {
            let mut listeners = self.listeners();
            listeners.push(Arc::clone(&listener));
            self.registry().dynamic.iter().map(|(kind, store)| (kind.clone(), store.clone())).collect()
        };
        for (kind, store) in stores {
            attach(kind, &store, &listener);
        }
    }

    /// Returns once the first lists of all declared kinds are complete.
    pub async fn synced(&self) {
        let waits = self.registry().waits.clone();
        for wait in waits {
            wait().await;
        }
    }

    /// The client that the watches use.
    pub fn client(&self) -> &Client {
        &self.shared.around.client
    }

    /// The clock that the watches use.
    pub fn clock(&self) -> &Clock {
        &self.shared.around.clock
    }

    /// Merges the answer to a write of ours, whose header was read before.
    pub(crate) fn absorb_write<'a>(
        &self,
        kind: &Kind,
        header: &Header<'a>,
        text: &'a str,
    ) -> Result<(), serde_json::Error> {
        self.feed(kind).map_or(Ok(()), |feed| feed.absorb(header, text, Origin::Write))
    }

    /// Merges what a live read found.
    pub(crate) fn absorb_read(&self, kind: &Kind, text: &str) -> Result<(), serde_json::Error> {
        let header = Header::read(text)?;
        self.feed(kind).map_or(Ok(()), |feed| feed.absorb(&header, text, Origin::Read))
    }

    /// Takes out an object that is known to be gone.
    pub(crate) fn remove(&self, kind: &Kind, key: &Key, uid: &str) {
        if let Some(feed) = self.feed(kind) {
            feed.remove(key, uid);
        }
    }

    fn feed(&self, kind: &Kind) -> Option<Arc<Feed>> {
        self.registry().feeds.get(kind).cloned()
    }

    fn registry(&self) -> std::sync::RwLockReadGuard<'_, Registry> {
        self.shared.registry.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn listeners(&self) -> std::sync::MutexGuard<'_, Vec<DynamicListener>> {
        self.shared.dynamic_listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn attach(kind: GroupVersionKind, store: &Store<Object>, listener: &DynamicListener) {
    let listener = Arc::clone(listener);
    store.observe(move |old, new, priority| listener(&kind, old, new, priority));
}

fn wait_for<K: Send + Sync + 'static>(store: &Store<K>) -> Synced {
    let store = store.clone();
    Arc::new(move || {
        let store = store.clone();
        Box::pin(async move { store.synced().await })
    })
}

/// Decodes JSON, without the managed fields, and with `apiVersion` and `kind`, which the items of a list may lack.
fn decode_object(kind: &Kind, text: &str) -> Result<Object, serde_json::Error> {
    let mut value: Value = serde_json::from_str(text)?;
    if let Some(object) = value.as_object_mut() {
        if !object.contains_key("kind") {
            object.insert("apiVersion".to_owned(), kind.api_version().into());
            object.insert("kind".to_owned(), kind.kind.as_str().into());
        }
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.remove("managedFields");
        }
    }
    Ok(Object::new(value))
}

/// The UIDs of an object's owners: what the index `owner` of kinds held as JSON files by.
fn owner_uids(object: &Object) -> Vec<String> {
    object
        .owner_references()
        .iter()
        .filter_map(|owner| owner.get("uid").and_then(Value::as_str).map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests;
