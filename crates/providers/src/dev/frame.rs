//! The frame around both controllers: the core's rounds, with steps that may be deeds in the cloud.
//!
//! The kinds are held as JSON, as the core's controllers hold them already: one copy of each object serves all.

use std::fmt::Display;
use std::time::Duration;

use api::Kind as _;
use controllers::controller::then;
use controllers::gathering::Gathering;
use controllers::{Context, act};
use decide::plan::{Action, Never, Plan, Waiting};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use machinery::gvk::GroupVersionKind;
use runtime::cache::{Object, Store};
use runtime::controller::Controller as Loop;
use runtime::key::Key;
use runtime::queue::{Groups, Priority, Queue};
use runtime::shutdown::Shutdown;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::task::JoinHandle;

use super::cloud::{Cloud, CloudError};

/// Rounds of one pass: a machine that boots without any delay takes six.
const ROUNDS: usize = 12;
/// How long to wait for a server that does not know the kind yet. Definitions are installed by somebody else, and nothing
/// tells us when.
const KIND_PAUSE: Duration = Duration::from_secs(5);

/// Why a pass could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Of the management API.
    #[error(transparent)]
    Management(#[from] controllers::Error),
    /// Of the client of the management API.
    #[error(transparent)]
    Client(#[from] runtime::client::Error),
    /// Of the cloud.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// An object is not what its kind says.
    #[error("{kind} {key} cannot be read: {reason}")]
    Unreadable {
        /// Its kind.
        kind: &'static str,
        /// Which.
        key: String,
        /// Why.
        reason: String,
    },
    /// The Secret with the bootstrap data holds none.
    #[error("Secret {key} holds no bootstrap data under the key value")]
    NoBootstrapData {
        /// The Secret.
        key: String,
    },
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Step<D> {
    /// A write to the management API.
    Write(Box<Action>),
    /// Something done in the cloud.
    Do(D),
}

impl<D> Step<D> {
    /// A write to the management API.
    pub fn write(action: Action) -> Self {
        Self::Write(Box::new(action))
    }
}

/// What a controller works with.
pub struct Site {
    /// As the core's controllers.
    pub cx: Context,
    /// The simulation.
    pub cloud: Cloud,
    /// The objects of the kind.
    pub store: Store<Object>,
}

/// One controller of the provider.
pub trait Provider: Send + Sync + 'static {
    /// What logs and metrics call it.
    const NAME: &'static str;
    /// The field manager of the status it writes.
    const MANAGER: &'static str;
    /// The kind it is responsible for.
    type Kind: api::Kind;
    /// What it sees.
    type Seen: Send + Sync;
    /// The status it publishes.
    type Status: Serialize + Send + Sync;
    /// What it may wait for.
    type Waiting: Waiting + Send + Sync;
    /// What it does in the cloud.
    type Deed: Display + Send + Sync;

    /// Reads what there is; `None` if the object is gone.
    fn observe(site: &Site, key: &Key) -> Result<Option<Self::Seen>, Error>;

    /// The plan.
    fn decide(seen: &Self::Seen) -> Plan<Self::Status, Self::Waiting, Never, Step<Self::Deed>>;

    /// Whether somebody acts on what `status` says and the published object does not. Anything else may wait a moment.
    fn is_urgent(seen: &Self::Seen, status: &Self::Status) -> bool;

    /// Does one deed.
    fn act(site: &Site, key: &Key, deed: &Self::Deed) -> impl Future<Output = Result<(), Error>> + Send;

    /// The object is gone: nothing of it may be left in the cloud, even if its finalizer was taken by force.
    fn gone(site: &Site, key: &Key) -> impl Future<Output = Result<(), Error>> + Send;

    /// Namespace and name of each object for which something is in the cloud. Whose end nobody told of, since nobody listened
    /// at that moment, is found by it.
    fn kept(site: &Site) -> Vec<(String, String)>;

    /// Which changes wake which keys.
    fn subscribe(site: &Site, queue: &Queue) -> Result<(), Error>;

    /// The Cluster a key belongs to.
    fn group_of(cx: &Context, key: &Key) -> Key;
}

/// Starts one controller.
pub fn run<P: Provider>(cx: &Context, cloud: &Cloud, groups: &Groups, shutdown: &Shutdown) -> JoinHandle<()> {
    let grouping = cx.clone();
    let queue = Queue::grouped(P::NAME, &cx.clock, &cx.entropy, groups.clone(), move |key| {
        P::group_of(&grouping, key)
    });
    let (cx, cloud, shutdown) = (cx.clone(), cloud.clone(), shutdown.clone());
    tokio::spawn(async move {
        let begun = tokio::select! {
            biased;
            () = shutdown.requested() => return,
            begun = begin::<P>(&cx, &cloud, &queue) => begun,
        };
        let Some(site) = begun else { return };
        let site = std::sync::Arc::new(site);
        let gathering = std::sync::Arc::new(Gathering::new(&queue));
        let each = move |key: Key| {
            let (site, gathering) = (std::sync::Arc::clone(&site), std::sync::Arc::clone(&gathering));
            async move { reconcile::<P>(&site, &gathering, &key).await }
        };
        Loop::new(P::NAME, queue, cx.clock.clone()).run(each, shutdown).await;
    })
}

/// Waits until the server knows the kind and its objects are cached.
async fn begin<P: Provider>(cx: &Context, cloud: &Cloud, queue: &Queue) -> Option<Site> {
    let kind = GroupVersionKind::new(P::Kind::GROUP, P::Kind::VERSION, P::Kind::KIND);
    let store = loop {
        match cx.cache.dynamic(&kind).await {
            Ok(store) => break store,
            Err(error) => {
                tracing::warn!(controller = P::NAME, %error, "the kind is not known yet");
                cx.clock.sleep(KIND_PAUSE).await;
            }
        }
    };
    let site = Site { cx: cx.clone(), cloud: cloud.clone(), store };
    match P::subscribe(&site, queue) {
        Ok(()) => {
            // All objects are known by now: what is not among them is gone.
            for (namespace, name) in P::kept(&site) {
                queue.add(Key::new(&namespace, &name), Priority::Resync);
            }
            Some(site)
        }
        Err(error) => {
            tracing::error!(controller = P::NAME, %error, "the controller cannot start");
            None
        }
    }
}

/// Carries one object as far as it can go.
async fn reconcile<P: Provider>(
    site: &Site,
    gathering: &Gathering,
    key: &Key,
) -> Result<runtime::controller::Next, Error> {
    let mut unsettled = false;
    for _ in 0..ROUNDS {
        let Some(seen) = P::observe(site, key)? else {
            gathering.settled(key);
            P::gone(site, key).await?;
            return Ok(runtime::controller::Next::OnChange);
        };
        let plan = P::decide(&seen);
        let performed = perform::<P>(site, key, &plan.actions, &mut unsettled).await;
        if plan.actions.is_empty() || performed.is_err() {
            if unsettled {
                site.cloud.settle().await?;
            }
            let due =
                if performed.is_ok() { waits_until::<P>(site, gathering, key, &seen, &plan)? } else { None };
            if due.is_none() {
                gathering.settled(key);
                publish::<P>(site, key, &plan).await?;
            }
            performed?;
            return Ok(then(&plan.next, due, &plan.waiting)?);
        }
    }
    Err(controllers::Error::Restless { controller: P::NAME, key: key.to_string(), wanted: String::new() }
        .into())
}

/// Until when the status may wait; none where it is published now, or is published already.
fn waits_until<P: Provider>(
    site: &Site,
    gathering: &Gathering,
    key: &Key,
    seen: &P::Seen,
    plan: &Plan<P::Status, P::Waiting, Never, Step<P::Deed>>,
) -> Result<Option<Timestamp>, Error> {
    let (Some(status), Some(object)) = (&plan.status, site.store.get(key)) else { return Ok(None) };
    if object.is_being_deleted() || P::is_urgent(seen, status) {
        return Ok(None);
    }
    let now = site.cx.clock.now();
    let due = match gathering.waits_until(key) {
        Some(due) => due,
        None if site.cx.writer.is_published(&site.store, key, P::MANAGER, status)? => return Ok(None),
        None => gathering.begin(key, now),
    };
    Ok(Some(due).filter(|due| *due > now))
}

/// Carries out the steps in order. What was done in the cloud is on disk before the management API hears of it.
async fn perform<P: Provider>(
    site: &Site,
    key: &Key,
    steps: &[Step<P::Deed>],
    unsettled: &mut bool,
) -> Result<(), Error> {
    for step in steps {
        match step {
            Step::Do(deed) => {
                tracing::debug!(controller = P::NAME, object = %key, "{deed}");
                *unsettled = true;
                P::act(site, key, deed).await?;
            }
            Step::Write(action) => {
                if std::mem::take(unsettled) {
                    site.cloud.settle().await?;
                }
                act::perform(&site.cx, P::NAME, key, std::slice::from_ref(&**action)).await?;
            }
        }
    }
    Ok(())
}

async fn publish<P: Provider>(
    site: &Site,
    key: &Key,
    plan: &Plan<P::Status, P::Waiting, Never, Step<P::Deed>>,
) -> Result<(), Error> {
    if let Some(first) = plan.waiting.first() {
        tracing::debug!(controller = P::NAME, object = %key, reason = first.reason(), "{}", first.message());
    }
    let Some(status) = plan.status.as_ref().filter(|_| site.store.get(key).is_some()) else { return Ok(()) };
    match site.cx.writer.publish_status(&site.store, key, P::MANAGER, status).await {
        Err(error) if error.is_not_found() => Ok(()),
        other => Ok(other.map(|_| ())?),
    }
}

/// The object as its Rust type.
pub fn read<K: DeserializeOwned + api::Kind>(site: &Site, key: &Key) -> Result<Option<K>, Error> {
    let Some(object) = site.store.get(key) else { return Ok(None) };
    let read = K::deserialize(object.value());
    read.map(Some).map_err(|error| Error::Unreadable {
        kind: K::KIND,
        key: key.to_string(),
        reason: error.to_string(),
    })
}

/// The name of the object of this kind that owns another.
pub fn owner_of<K: api::Kind>(metadata: &ObjectMeta) -> Option<&str> {
    let is_of_group = |version: &str| version.split('/').next() == Some(K::GROUP);
    let mut owners = metadata.owner_references.iter().flatten();
    let owner = owners.find(|owner| owner.kind == K::KIND && is_of_group(&owner.api_version))?;
    Some(&owner.name)
}

/// What of `meta` and `patch` is there to be patched of an object with this metadata; nothing if there is none.
pub fn joined(metadata: &ObjectMeta, meta: Map<String, Value>, patch: Map<String, Value>) -> Option<Value> {
    if meta.is_empty() && patch.is_empty() {
        return None;
    }
    let (mut meta, mut patch) = (meta, patch);
    meta.insert("resourceVersion".to_owned(), json!(metadata.resource_version));
    patch.insert("metadata".to_owned(), Value::Object(meta));
    Some(Value::Object(patch))
}
