//! One simulated world: the ground, the controllers on it, and the user beside them.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::Duration;

use apiserver::{ApiServer, Body};
use jiff::Timestamp;
use machinery::gvk::GroupVersionKind;
use manager::{Environment, Ground, GroundError, Hands, HandsError, HandsSettings};
use runtime::client::{Call, Client, Error, Verb};
use runtime::clock::Clock;
use runtime::entropy::Entropy;
use runtime::faults::FaultyService;
use runtime::key::Key;
use runtime::network;
use runtime::wire::Wire;
use serde_json::Value;
use store::Database;
use tokio::sync::Notify;

use crate::checkers::{Checkers, Violation};
use crate::faults::{Chaos, Manner};
use crate::incidents;
use crate::run::Rehearsal;
use crate::trace::{Entry, Trace};

/// Within this virtual time controllers that are asked to stop are to have finished what they had begun: some requests, each
/// of which may get no answer.
const LONGEST_STOP: Duration = Duration::from_secs(300);
/// When every world begins.
const START: &str = "2026-01-01T00:00:00Z";

/// Why a world cannot go on. Never the fault of what is under test, unless it is.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The ground does not open.
    #[error(transparent)]
    Ground(#[from] GroundError),
    /// Controllers do not start.
    #[error(transparent)]
    Hands(#[from] HandsError),
    /// The user was refused.
    #[error("the user was refused: {0}")]
    User(#[from] Error),
    /// Something that must hold does not.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// The cluster is to be deleted now, whatever it is doing.
    #[error("the user wants the cluster gone")]
    EarlyEnd,
    /// What a scenario contains cannot be read.
    #[error("a scenario's object: {0}")]
    Object(String),
}

/// A world.
pub struct World {
    /// The environment all parts share.
    pub environment: Environment,
    /// API server and cloud.
    pub ground: Ground,
    /// What happened.
    pub trace: Trace,
    /// What goes wrong.
    pub chaos: Chaos,
    /// What must hold.
    pub checkers: Checkers,
    /// What the cloud keeps.
    pub simulated: Database,
    hands: Option<Hands>,
    user: Client,
    stop: Arc<Stop>,
    started: Timestamp,
    /// The write after which the user wants the cluster gone, if that is early.
    pub(crate) end_after: Option<u64>,
}

/// One generation of controllers comes to its end, once.
#[derive(Default)]
struct Stop {
    requested: OnceLock<Manner>,
    wake: Notify,
}

impl Stop {
    fn request(&self, manner: Manner) {
        self.requested.get_or_init(|| manner);
        self.wake.notify_one();
    }

    fn requested(&self) -> Option<Manner> {
        self.requested.get().copied()
    }

    /// Nothing that controllers ask for any more is heard.
    fn is_deaf(&self) -> bool {
        self.requested() == Some(Manner::AtOnce)
    }
}

impl World {
    /// A world of this seed, its controllers running.
    ///
    /// # Errors
    /// When a part does not start.
    pub async fn new(rehearsal: &Rehearsal) -> Result<Self, WorldError> {
        let mut world = Self::without_controllers(rehearsal).await?;
        world.start_controllers().await?;
        Ok(world)
    }

    /// The same, in which nothing happens but what the user does.
    ///
    /// # Errors
    /// When a part does not start.
    pub async fn without_controllers(rehearsal: &Rehearsal) -> Result<Self, WorldError> {
        let started: Timestamp = START.parse().unwrap_or(Timestamp::UNIX_EPOCH);
        let environment = Environment {
            clock: Clock::simulated(started),
            entropy: Entropy::seeded(rehearsal.seed),
            network: network::pipes(),
        };
        let simulated = Database::in_memory();
        let ground = Ground::open(Database::in_memory(), simulated.clone(), &environment, true).await?;
        let chaos = Chaos::new(rehearsal.rates, rehearsal.restart, &environment.entropy);
        let user = Client::new(ground.server.clone(), environment.clock.clone());
        let (cloud, clock) = (ground.cloud.clone(), environment.clock.clone());
        let checkers = Checkers::new(&ground.server, &simulated, cloud, clock)?;
        let end_after = rehearsal.end_after.or(chaos.early_end(rehearsal.life.early_writes()));
        Ok(Self {
            environment,
            ground,
            trace: Trace::default(),
            chaos,
            checkers,
            hands: None,
            user,
            stop: Arc::default(),
            started,
            end_after,
            simulated,
        })
    }

    async fn start_controllers(&mut self) -> Result<(), WorldError> {
        self.stop = Arc::default();
        let clock = &self.environment.clock;
        let traced = Traced {
            inner: self.ground.server.clone(),
            trace: self.trace.clone(),
            clock: clock.clone(),
            started: self.started,
            chaos: self.chaos.clone(),
            stop: Arc::clone(&self.stop),
        };
        let faulty = FaultyService::new(traced, Arc::new(self.chaos.clone()), clock.clone());
        let client = Client::new(faulty, clock.clone());
        let (faults, of_workload) = (Arc::new(self.chaos.of_workloads()), clock.clone());
        let settings = HandsSettings {
            filter: Some(Arc::new(self.chaos.clone())),
            workload_wire: Some(Arc::new(move |_, transport| {
                Wire::new(FaultyService::new(transport, faults.clone(), of_workload.clone()))
            })),
        };
        self.hands = Some(Hands::start(client, &self.ground.cloud, &self.environment, settings).await?);
        Ok(())
    }

    /// Lets the world go on until `done` holds, judging every write and restarting controllers when chaos says so.
    /// Returns whether `done` came to hold within `limit_seconds` of virtual time.
    ///
    /// # Errors
    /// A violation, controllers that do not start again, or the end of the cluster where it comes early.
    pub async fn until(
        &mut self,
        limit_seconds: i64,
        mut done: impl FnMut(&World) -> bool,
    ) -> Result<bool, WorldError> {
        let deadline = self.environment.clock.after(Duration::from_secs(limit_seconds.unsigned_abs()));
        loop {
            self.check()?;
            if let Some(manner) = self.stop.requested() {
                self.restart(manner).await?;
                continue;
            }
            if self.end_after.is_some_and(|write| self.trace.len() as u64 >= write) {
                self.end_after = None;
                self.chaos.note_early_end();
                return Err(WorldError::EarlyEnd);
            }
            if done(self) {
                return Ok(true);
            }
            if self.environment.clock.now() >= deadline {
                return Ok(false);
            }
            let stop = Arc::clone(&self.stop);
            tokio::select! {
                biased;
                () = stop.wake.notified() => {}
                () = self.checkers.changed() => {}
                () = self.environment.clock.sleep_until(deadline) => {}
            }
        }
    }

    /// Judges everything that happened since the last time.
    ///
    /// # Errors
    /// What must not be.
    pub fn check(&mut self) -> Result<(), WorldError> {
        self.checkers.check()?;
        match incidents::first() {
            Some(incident) => Err(Violation::new("controllers are well", incident).into()),
            None => Ok(()),
        }
    }

    /// Stops all controllers and starts them anew.
    ///
    /// # Errors
    /// When they do not start again, or do not come to their end where they may finish what they have begun.
    pub async fn restart(&mut self, manner: Manner) -> Result<(), WorldError> {
        match (self.hands.take(), manner) {
            (Some(hands), Manner::AtOnce) => hands.abort(),
            (Some(hands), Manner::InOrder) => {
                if !hands.stop(LONGEST_STOP).await {
                    let still = format!("some work goes on {LONGEST_STOP:?} after controllers were to stop");
                    return Err(Violation::new("controllers stop when asked", still).into());
                }
            }
            (None, _) => {}
        }
        self.start_controllers().await
    }

    /// Applies an object as a user would.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn apply(&self, object: &Value) -> Result<(), WorldError> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let kind = GroupVersionKind::of(object).map_err(|error| WorldError::Object(error.to_string()))?;
        let kind = self.user.discover(&kind).await?;
        let key = Key::new(&text(&object["metadata"]["namespace"]), &text(&object["metadata"]["name"]));
        let mut call = Call::new(Verb::Apply, &kind, &key);
        call.query = &[("fieldManager", "user"), ("force", "true")];
        call.body = object.to_string().into();
        self.user.call(call).await?;
        Ok(())
    }

    /// Patches an object as a user would.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn patch(&self, group: &str, kind: &str, name: &str, patch: &Value) -> Result<(), WorldError> {
        let kind = self.user.discover(&GroupVersionKind::new(group, "v1beta2", kind)).await?;
        let key = Key::new("default", name);
        let mut call = Call::new(Verb::Patch, &kind, &key);
        call.body = patch.to_string().into();
        self.user.call(call).await?;
        Ok(())
    }

    /// Patches the status of an object, as only controllers should.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn patch_status(
        &self,
        group: &str,
        kind: &str,
        name: &str,
        status: &Value,
    ) -> Result<(), WorldError> {
        let kind = self.user.discover(&GroupVersionKind::new(group, "v1beta2", kind)).await?;
        let key = Key::new("default", name);
        let mut call = Call::new(Verb::Patch, &kind, &key);
        call.subresource = "status";
        call.body = serde_json::json!({ "status": status }).to_string().into();
        self.user.call(call).await?;
        Ok(())
    }

    /// Deletes an object as a user would; one that is gone is no error.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn delete(&self, group: &str, kind: &str, name: &str) -> Result<(), WorldError> {
        let kind = self.user.discover(&GroupVersionKind::new(group, "v1beta2", kind)).await?;
        let key = Key::new("default", name);
        match self.user.call(Call::new(Verb::Delete, &kind, &key)).await {
            Err(error) if !error.is_not_found() => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Objects of a kind, as the server held them at the last check.
    pub fn objects(&self, plural: &str) -> impl Iterator<Item = &Value> + Clone {
        self.checkers.objects(plural).map(|object| &**object)
    }

    /// One object, as the server held it at the last check.
    pub fn object(&self, plural: &str, name: &str) -> Option<&Value> {
        self.objects(plural).find(|object| object["metadata"]["name"] == name)
    }

    /// Virtual seconds since the start.
    pub fn elapsed_seconds(&self) -> i64 {
        self.environment.clock.now().as_second() - self.started.as_second()
    }
}

/// The API server with a trace of what is written to it, by controllers.
#[derive(Clone)]
struct Traced {
    inner: ApiServer,
    trace: Trace,
    clock: Clock,
    started: Timestamp,
    chaos: Chaos,
    stop: Arc<Stop>,
}

type Answer = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

impl<B> tower::Service<http::Request<B>> for Traced
where
    ApiServer: tower::Service<http::Request<B>, Response = http::Response<Body>, Error = Infallible>,
    <ApiServer as tower::Service<http::Request<B>>>::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        tower::Service::<http::Request<B>>::poll_ready(&mut self.inner, context)
    }

    fn call(&mut self, request: http::Request<B>) -> Answer {
        if self.stop.is_deaf() {
            return Box::pin(std::future::pending());
        }
        let writes = request.method() != http::Method::GET;
        if !writes {
            return Box::pin(self.inner.call(request));
        }
        let described = format!("{} {}", request.method(), request.uri());
        let answer = self.inner.call(request);
        let this = self.clone();
        Box::pin(async move {
            let answer = answer.await?;
            let at_milliseconds = this.clock.now().as_millisecond() - this.started.as_millisecond();
            this.trace.record(Entry { at_milliseconds, request: described, code: answer.status().as_u16() });
            if let Some(manner) = this.chaos.stops_after_write() {
                this.stop.request(manner);
            }
            match this.stop.is_deaf() {
                // Whoever waits for it is gone.
                true => std::future::pending().await,
                false => Ok(answer),
            }
        })
    }
}
