//! What a decision looks like: a [`Plan`] of actions, a status to publish, what it waits for, and when to look again.
//!
//! A plan leaves the hands that carry it out nothing to choose. It can be printed, compared and refused. The order of
//! its actions is meaningful: an action that fails stops those behind it.

use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

/// The outcome of deciding about one object.
///
/// `S` is the status type of the object, `W` the controller's enumeration of things it may wait for, `N` what it can
/// ask to be looked up, `A` the actions its hands understand.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan<S, W, N = Never, A = Action> {
    /// What to do, in order.
    pub actions: Vec<A>,
    /// Why nothing more is done right now; the first entry is the one that matters most.
    pub waiting: Vec<W>,
    /// The status the object should have, given what was seen; `None` leaves it untouched (it is about to go).
    pub status: Option<S>,
    /// When to decide again.
    pub next: Next<N>,
}

impl<S, W, N, A> Plan<S, W, N, A> {
    /// A plan that does nothing and waits for a change.
    pub fn idle() -> Self {
        Self { actions: Vec::new(), waiting: Vec::new(), status: None, next: Next::OnChange }
    }

    /// A plan that asks for one fact and does nothing else.
    pub fn look(need: N) -> Self {
        Self { next: Next::Look(need), ..Self::idle() }
    }
}

/// When to decide again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next<N = Never> {
    /// When something that was seen changes. The normal case: events wake controllers.
    OnChange,
    /// At this time, or earlier when something changes. Only for things that no event announces (expiry, time-outs).
    At(Timestamp),
    /// After a pause that grows each time, or earlier when something changes. Only for what somebody has to bring and no event
    /// announces, such as a Secret that is not watched. The first thing that is waited for says what that is.
    Retry,
    /// At once, after one costly fact was looked up. A look always records an answer, so no need is asked twice.
    Look(N),
}

impl<N> Next<N> {
    /// The earlier of two times to decide again; a look comes before everything, and what is retried is not forgotten for a
    /// time that may be far off.
    #[must_use]
    pub fn sooner(self, other: Self) -> Self {
        match (self, other) {
            (Next::Look(need), _) | (_, Next::Look(need)) => Next::Look(need),
            (Next::Retry, _) | (_, Next::Retry) => Next::Retry,
            (Next::At(a), Next::At(b)) => Next::At(a.min(b)),
            (Next::At(time), Next::OnChange) | (Next::OnChange, Next::At(time)) => Next::At(time),
            (Next::OnChange, Next::OnChange) => Next::OnChange,
        }
    }
}

/// For controllers that never look anything up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Never {}

/// A thing a controller waits for. The implementation holds the only copy of each sentence: conditions, events and log
/// lines are rendered from it.
pub trait Waiting: fmt::Debug {
    /// The reason in conditions and events: one CamelCase word.
    fn reason(&self) -> &'static str;
    /// The sentence for people.
    fn message(&self) -> String;
    /// What the log says. More than the message where that has to be in somebody else's words, which may only point here.
    fn detail(&self) -> String {
        self.message()
    }
}

/// Why nothing goes on while a kind cannot be read: what the log says of it.
pub fn unreadable(kind: &str) -> String {
    format!(
        "{kind} is not defined, or in no version that fulfils a contract: what there is of it cannot be seen"
    )
}

/// Which object, as a client addresses it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectRef {
    /// `group/version`, or `v1`.
    pub api_version: String,
    /// The kind, in CamelCase.
    pub kind: String,
    /// The namespace; empty for cluster-wide kinds.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl ObjectRef {
    /// The reference of a typed kind.
    pub fn of<K: kube_core::Resource<DynamicType = ()>>(namespace: &str, name: &str) -> Self {
        Self {
            api_version: K::api_version(&()).into_owned(),
            kind: K::kind(&()).into_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// The reference to an object of a typed kind; an absent name or namespace becomes empty.
    pub fn to<K: kube_core::Resource<DynamicType = ()>>(object: &K) -> Self {
        let metadata = object.meta();
        Self::of::<K>(
            metadata.namespace.as_deref().unwrap_or_default(),
            metadata.name.as_deref().unwrap_or_default(),
        )
    }

    /// The reference of an object given as JSON; absent fields become empty.
    pub fn of_value(object: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let metadata = &object["metadata"];
        Self {
            api_version: text(&object["apiVersion"]),
            kind: text(&object["kind"]),
            namespace: text(&metadata["namespace"]),
            name: text(&metadata["name"]),
        }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// A part of an object that is written by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Everything but the status.
    Main,
    /// The status subresource.
    Status,
}

/// One write to an API server.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Server-side apply, forced: the object as its manager wants it; created when absent. Not sent if nothing would change.
    Apply {
        /// The object: apiVersion, kind, metadata.name, metadata.namespace and every field the manager owns.
        object: Value,
        /// The field manager.
        manager: &'static str,
        /// What is written.
        part: Part,
    },
    /// Create. An object of that name that is already there counts as done if it has the same controlling owner;
    /// anything else is an error and nothing is overwritten.
    Create {
        /// The object.
        object: Value,
    },
    /// Merge patch (RFC 7386). An object that is gone already counts as done.
    Patch {
        /// Which object.
        target: ObjectRef,
        /// The patch. With `metadata.resourceVersion` in it the write is refused if the object has changed since.
        patch: Value,
        /// What is written.
        part: Part,
    },
    /// Delete, in the background. An object that is gone already counts as done.
    Delete {
        /// Which object.
        target: ObjectRef,
        /// Only if it is this very object.
        uid: Option<String>,
    },
    /// Evict a Pod, honouring disruption budgets.
    Evict {
        /// Which Pod.
        target: ObjectRef,
        /// How long it may take to end, instead of what the Pod says itself.
        grace_period_seconds: Option<u32>,
    },
}

impl Write {
    /// The object that is written to.
    pub fn target(&self) -> ObjectRef {
        match self {
            Write::Apply { object, .. } | Write::Create { object } => ObjectRef::of_value(object),
            Write::Patch { target, .. } | Write::Delete { target, .. } | Write::Evict { target, .. } => {
                target.clone()
            }
        }
    }
}

/// A change to the membership of a workload cluster's etcd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EtcdChange {
    /// Hand leadership to one of these members.
    MoveLeader {
        /// The members that may lead, the best first.
        to: Vec<u64>,
    },
    /// Take this member out of the cluster.
    RemoveMember {
        /// The member that goes.
        id: u64,
    },
}

/// A workload cluster, by the namespace and name of its Cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClusterRef {
    /// The namespace of the Cluster.
    pub namespace: String,
    /// The name of the Cluster.
    pub name: String,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A write to the API server that holds the objects a controller works on.
    Write {
        /// The write.
        write: Write,
        /// Why, for logs, events and printed plans: a short clause without a full stop.
        why: String,
    },
    /// A write to a workload cluster.
    Workload {
        /// Which cluster.
        cluster: ClusterRef,
        /// The write.
        write: Write,
        /// Why.
        why: String,
    },
    /// A change to a workload cluster's etcd.
    Etcd {
        /// Which cluster.
        cluster: ClusterRef,
        /// Names of Nodes whose etcd may be asked to do it, the most trusted first.
        nodes: Vec<String>,
        /// The change.
        change: EtcdChange,
        /// Why.
        why: String,
    },
}

impl Action {
    /// Server-side apply of an object's main part.
    pub fn apply(manager: &'static str, object: Value, why: impl Into<String>) -> Self {
        Action::Write { write: Write::Apply { object, manager, part: Part::Main }, why: why.into() }
    }

    /// Server-side apply of an object's status.
    pub fn apply_status(manager: &'static str, object: Value, why: impl Into<String>) -> Self {
        Action::Write { write: Write::Apply { object, manager, part: Part::Status }, why: why.into() }
    }

    /// Creation.
    pub fn create(object: Value, why: impl Into<String>) -> Self {
        Action::Write { write: Write::Create { object }, why: why.into() }
    }

    /// Merge patch of an object's main part.
    pub fn patch(target: ObjectRef, patch: Value, why: impl Into<String>) -> Self {
        Action::Write { write: Write::Patch { target, patch, part: Part::Main }, why: why.into() }
    }

    /// Deletion of the very object with this uid.
    pub fn delete(target: ObjectRef, uid: Option<String>, why: impl Into<String>) -> Self {
        Action::Write { write: Write::Delete { target, uid }, why: why.into() }
    }

    /// The same write, sent to a workload cluster instead. Etcd changes stay as they are.
    #[must_use]
    pub fn in_workload(self, cluster: ClusterRef) -> Self {
        match self {
            Action::Write { write, why } | Action::Workload { write, why, .. } => {
                Action::Workload { cluster, write, why }
            }
            etcd @ Action::Etcd { .. } => etcd,
        }
    }

    /// Why it is done.
    pub fn why(&self) -> &str {
        match self {
            Action::Write { why, .. } | Action::Workload { why, .. } | Action::Etcd { why, .. } => why,
        }
    }
}

impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, part) = match self {
            Write::Apply { part, .. } => ("apply", *part),
            Write::Create { .. } => ("create", Part::Main),
            Write::Patch { part, .. } => ("patch", *part),
            Write::Delete { .. } => ("delete", Part::Main),
            Write::Evict { .. } => ("evict", Part::Main),
        };
        let suffix = if part == Part::Status { " status" } else { "" };
        write!(f, "{verb} {}{suffix}", self.target())
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Write { write, why } => write!(f, "{write}: {why}"),
            Action::Workload { cluster, write, why } => {
                write!(f, "in {}/{}: {write}: {why}", cluster.namespace, cluster.name)
            }
            Action::Etcd { cluster, change, why, .. } => {
                write!(f, "in {}/{}: etcd {change:?}: {why}", cluster.namespace, cluster.name)
            }
        }
    }
}
