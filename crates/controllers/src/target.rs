//! Writing to an object of any kind through the store that caches it, whatever its Rust type.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use decide::plan::Part;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use runtime::cache::{Object, Store, Typed};
use runtime::client::Error;
use runtime::key::Key;
use runtime::writer::{DeleteOptions, Manager, Writer};
use serde_json::Value;

/// A future on the heap: what a trait object can return.
type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// The manager of writes that are no applies.
const MANAGER: &str = "windlass";

/// Where the objects of one kind are written to.
pub trait Target: Send + Sync {
    /// Server-side apply; whether anything was sent.
    fn apply<'a>(
        &'a self,
        writer: &'a Writer,
        key: &'a Key,
        manager: &'a str,
        part: Part,
        object: &'a Value,
    ) -> Boxed<'a, bool>;
    /// Creation.
    fn create<'a>(&'a self, writer: &'a Writer, key: &'a Key, object: &'a Value) -> Boxed<'a, ()>;
    /// Merge patch.
    fn patch<'a>(&'a self, writer: &'a Writer, key: &'a Key, part: Part, patch: &'a Value) -> Boxed<'a, ()>;
    /// Deletion.
    fn delete<'a>(&'a self, writer: &'a Writer, key: &'a Key, uid: Option<&'a str>) -> Boxed<'a, ()>;
    /// The uid of the controlling owner of the object as it is on the server; `None` if there is no object.
    fn controller_on_server<'a>(&'a self, writer: &'a Writer, key: &'a Key) -> Boxed<'a, Option<String>>;
    /// Whether an object is cached.
    fn is_cached(&self, key: &Key) -> bool;
}

/// A store, and how to read who controls its objects.
struct StoreTarget<K> {
    store: Store<K>,
    controller_of: fn(&K) -> Option<String>,
}

/// The target for a kind with a Rust type.
pub fn typed<K: Typed>(store: Store<K>) -> Arc<dyn Target> {
    let controller_of =
        |object: &K| controller(object.meta().owner_references.as_deref().unwrap_or_default());
    Arc::new(StoreTarget { store, controller_of })
}

/// The target for a kind known only by name.
pub fn dynamic(store: Store<Object>) -> Arc<dyn Target> {
    let controller_of = |object: &Object| {
        let owner = object.owner_references().iter().find(|owner| owner["controller"] == true)?;
        owner["uid"].as_str().map(str::to_owned)
    };
    Arc::new(StoreTarget { store, controller_of })
}

fn controller(owners: &[OwnerReference]) -> Option<String> {
    owners.iter().find(|owner| owner.controller == Some(true)).map(|owner| owner.uid.clone())
}

fn subresource(part: Part) -> &'static str {
    match part {
        Part::Main => "",
        Part::Status => "status",
    }
}

impl<K: Send + Sync + 'static> Target for StoreTarget<K> {
    fn apply<'a>(
        &'a self,
        writer: &'a Writer,
        key: &'a Key,
        manager: &'a str,
        part: Part,
        object: &'a Value,
    ) -> Boxed<'a, bool> {
        let manager = Manager { name: manager, subresource: subresource(part), force: true };
        Box::pin(async move { Ok(writer.apply_if_changed(&self.store, key, manager, object).await?.sent) })
    }

    fn create<'a>(&'a self, writer: &'a Writer, key: &'a Key, object: &'a Value) -> Boxed<'a, ()> {
        Box::pin(async move { writer.create(&self.store, key, MANAGER, object).await.map(|_| ()) })
    }

    fn patch<'a>(&'a self, writer: &'a Writer, key: &'a Key, part: Part, patch: &'a Value) -> Boxed<'a, ()> {
        Box::pin(async move {
            writer.merge_patch(&self.store, key, MANAGER, subresource(part), patch).await.map(|_| ())
        })
    }

    fn delete<'a>(&'a self, writer: &'a Writer, key: &'a Key, uid: Option<&'a str>) -> Boxed<'a, ()> {
        let options = DeleteOptions { uid, ..DeleteOptions::default() };
        Box::pin(async move { writer.delete(&self.store, key, options).await.map(|_| ()) })
    }

    fn controller_on_server<'a>(&'a self, writer: &'a Writer, key: &'a Key) -> Boxed<'a, Option<String>> {
        Box::pin(async move {
            let object = writer.settle(&self.store, key).await?;
            Ok(object.map(|object| (self.controller_of)(&object).unwrap_or_default()))
        })
    }

    fn is_cached(&self, key: &Key) -> bool {
        self.store.get(key).is_some()
    }
}
