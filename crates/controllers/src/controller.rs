//! The frame around every controller: observe, decide, act, in rounds until nothing is left to do, then publish.
//!
//! Own writes are visible in the cache at once, so the next round sees what the last one did, and one pass carries an
//! object as far as it can go. Status is written once, at the end, from what was really done.

use std::fmt::Debug;

use decide::plan::{Action, Never, Next, Plan, Waiting};
use runtime::cache::Typed;
use runtime::key::Key;
use runtime::queue::Queue;
use serde::Serialize;

use crate::act;
use crate::context::Context;
use crate::error::Error;

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
pub async fn reconcile<C: Controller>(cx: &Context, key: &Key) -> Result<Next, Error> {
    let mut wanted = Vec::new();
    for _ in 0..ROUNDS {
        let Some(mut seen) = C::observe(cx, key).await? else { return Ok(Next::OnChange) };
        let plan = settle::<C>(cx, &mut seen).await?;
        let outcome = act::perform(cx, C::NAME, key, &plan.actions).await;
        let at_rest = matches!(outcome, Ok(act::Progress::Nothing | act::Progress::OutOfSight));
        if at_rest || outcome.is_err() {
            publish::<C>(cx, key, &plan).await?;
            outcome?;
            return Ok(when(plan.next));
        }
        wanted = plan.actions;
    }
    let wanted = wanted.iter().map(Action::to_string).collect::<Vec<_>>().join("; ");
    Err(Error::Restless { controller: C::NAME, key: key.to_string(), wanted })
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
            Next::OnChange | Next::At(_) => return Ok(plan),
        }
    }
}

/// Writes the status, unless it is what it was, and says once what is waited for.
async fn publish<C: Controller>(
    cx: &Context,
    key: &Key,
    plan: &Plan<C::Status, C::Waiting, C::Need>,
) -> Result<(), Error> {
    if let Some(first) = plan.waiting.first() {
        tracing::debug!(controller = C::NAME, object = %key, reason = first.reason(), "{}", first.message());
    }
    match &plan.status {
        Some(status) => act::publish_status::<C::Kind, _>(cx, C::MANAGER, key, status).await,
        None => Ok(()),
    }
}

fn when<N>(next: Next<N>) -> Next {
    match next {
        Next::At(time) => Next::At(time),
        Next::OnChange | Next::Look(_) => Next::OnChange,
    }
}
