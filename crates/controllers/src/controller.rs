//! The frame around every controller: observe, decide, act, in rounds until nothing is left to do, then publish.
//!
//! Own writes are visible in the cache at once, so the next round sees what the last one did, and one pass carries an
//! object as far as it can go. Status is written once, at the end, from what was really done; unless it is urgent, a
//! moment later, with what came meanwhile (see [`crate::gathering`]).

use std::fmt::Debug;

use api::conditions::reason;
use decide::plan::{Action, Never, Next, Plan, Waiting};
use jiff::Timestamp;
use kube_core::Resource as _;
use runtime::cache::Typed;
use runtime::controller::Next as Then;
use runtime::key::Key;
use runtime::queue::Queue;
use serde::Serialize;

use crate::act;
use crate::context::Context;
use crate::error::Error;
use crate::gathering::Gathering;

/// Rounds of one pass. More than a handful means that two decisions undo each other.
const ROUNDS: usize = 12;

/// One controller: three rights, kept apart.
pub trait Controller: Send + Sync + 'static {
    /// What logs and metrics call it.
    const NAME: &'static str;
    /// The field manager of the status it writes.
    const MANAGER: &'static str;
    /// The kind it is responsible for.
    type Kind: Typed;
    /// What it sees: plain data.
    type Seen: Send + Sync;
    /// The status it publishes: the fields and conditions it owns.
    type Status: Serialize + Send + Sync;
    /// What it may wait for.
    type Waiting: Waiting + Send + Sync;
    /// What it may ask to be looked up.
    type Need: Send + Sync + Debug;

    /// Reads what there is; `None` if the object is gone. Reads caches; asks nobody.
    fn observe(cx: &Context, key: &Key) -> impl Future<Output = Result<Option<Self::Seen>, Error>> + Send;

    /// Looks one thing up and writes the answer into what is seen; an answer is recorded even if it is "could not learn".
    fn look(
        cx: &Context,
        need: Self::Need,
        seen: &mut Self::Seen,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// The plan.
    fn decide(seen: &Self::Seen) -> Plan<Self::Status, Self::Waiting, Self::Need>;

    /// Whether somebody acts on what `status` says and the published object does not. Anything else may wait a moment.
    fn is_urgent(published: &Self::Kind, status: &Self::Status) -> bool;

    /// Which changes of which kinds wake which keys.
    ///
    /// # Errors
    /// When the cache was built without a kind: a fault of ours.
    fn subscribe(cx: &Context, queue: &Queue) -> Result<(), Error>;
}

/// For controllers that never look anything up.
///
/// # Errors
/// Never.
pub async fn no_look<S>(_: &Context, need: Never, _: &mut S) -> Result<(), Error> {
    match need {}
}

/// Carries one object as far as it can go.
///
/// # Errors
/// The first step that failed. What was decided about the status is published all the same.
pub async fn reconcile<C: Controller>(cx: &Context, gathering: &Gathering, key: &Key) -> Result<Then, Error> {
    let mut wanted = Vec::new();
    for _ in 0..ROUNDS {
        let Some(mut seen) = C::observe(cx, key).await? else {
            gathering.settled(key);
            return Ok(Then::OnChange);
        };
        let plan = settle::<C>(cx, &mut seen).await?;
        let outcome = act::perform(cx, C::NAME, key, &plan.actions).await;
        if outcome.is_err() {
            publish::<C>(cx, gathering, key, &plan).await?;
        }
        if matches!(outcome?, act::Progress::Nothing | act::Progress::OutOfSight) {
            let due = match timing::<C>(cx, gathering, key, &plan)? {
                Timing::Never => None,
                Timing::At(time) => Some(time),
                Timing::Now => {
                    publish::<C>(cx, gathering, key, &plan).await?;
                    None
                }
            };
            return then(&plan.next, due, &plan.waiting);
        }
        wanted = plan.actions;
    }
    let wanted = wanted.iter().map(Action::to_string).collect::<Vec<_>>().join("; ");
    Err(Error::Restless { controller: C::NAME, key: key.to_string(), wanted })
}

/// When a status is to be published.
enum Timing {
    Now,
    At(Timestamp),
    /// It is what is published already.
    Never,
}

fn timing<C: Controller>(
    cx: &Context,
    gathering: &Gathering,
    key: &Key,
    plan: &Plan<C::Status, C::Waiting, C::Need>,
) -> Result<Timing, Error> {
    let store = cx.kind::<C::Kind>()?;
    let (Some(status), Some(object)) = (&plan.status, store.get(key)) else { return Ok(Timing::Now) };
    // The end of an object is told step by step: what was begun when is remembered there.
    let is_urgent = matches!(plan.next, Next::Retry) || C::is_urgent(&object, status);
    if object.meta().deletion_timestamp.is_some() || is_urgent {
        return Ok(Timing::Now);
    }
    let now = cx.clock.now();
    let due = match gathering.waits_until(key) {
        Some(due) => due,
        // Asked once for all that is gathered: the answer costs as much as a decision.
        None if cx.writer.is_published(&store, key, C::MANAGER, status)? => return Ok(Timing::Never),
        None => gathering.begin(key, now),
    };
    Ok(if due > now { Timing::At(due) } else { Timing::Now })
}

/// When to look again after a pass: as the plan says, or sooner to publish a status that waits until `due`.
///
/// # Errors
/// What is missing, where the queue's growing pause is asked for.
pub fn then<N, W: Waiting>(next: &Next<N>, due: Option<Timestamp>, waiting: &[W]) -> Result<Then, Error> {
    let planned = match next {
        Next::Retry => {
            return Err(Error::Missing(waiting.first().map(Waiting::detail).unwrap_or_default()));
        }
        Next::At(time) => Some(*time),
        // Whatever there was to look up was looked up before.
        Next::OnChange | Next::Look(_) => None,
    };
    let earlier = [planned, due].into_iter().flatten().min();
    Ok(earlier.map_or(Then::OnChange, Then::At))
}

/// Decides, looking up what the decision asks for.
async fn settle<C: Controller>(
    cx: &Context,
    seen: &mut C::Seen,
) -> Result<Plan<C::Status, C::Waiting, C::Need>, Error> {
    loop {
        let plan = C::decide(seen);
        match plan.next {
            Next::Look(need) => C::look(cx, need, seen).await?,
            Next::OnChange | Next::At(_) | Next::Retry => return Ok(plan),
        }
    }
}

/// Writes the status, unless it is what it was, and says once what is waited for.
async fn publish<C: Controller>(
    cx: &Context,
    gathering: &Gathering,
    key: &Key,
    plan: &Plan<C::Status, C::Waiting, C::Need>,
) -> Result<(), Error> {
    gathering.settled(key);
    let sent = match &plan.status {
        Some(status) => act::publish_status::<C::Kind, _>(cx, C::MANAGER, key, status).await?,
        None => false,
    };
    let Some(first) = plan.waiting.first() else { return Ok(()) };
    // Conditions with this reason say that the log knows more.
    match sent && first.reason() == reason::INTERNAL_ERROR {
        true => tracing::warn!(controller = C::NAME, object = %key, "{}", first.detail()),
        false => {
            tracing::debug!(controller = C::NAME, object = %key, reason = first.reason(), "{}", first.detail());
        }
    }
    Ok(())
}
