//! One simulated world: the ground, the controllers on it, and the user beside them.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

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
use serde_json::Value;
use store::Database;
use tokio::sync::Notify;

use crate::checkers::{Checkers, Violation};
use crate::faults::{Chaos, FaultRates};
use crate::trace::{Entry, Trace};

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
    hands: Option<Hands>,
    user: Client,
    wrote: Arc<Notify>,
    started: Timestamp,
    restarts: usize,
}

impl World {
    /// A world of this seed, its controllers running.
    ///
    /// # Errors
    /// When a part does not start.
    pub async fn new(seed: u64, rates: FaultRates) -> Result<Self, WorldError> {
        let started: Timestamp = START.parse().unwrap_or(Timestamp::UNIX_EPOCH);
        let environment = Environment {
            clock: Clock::simulated(started),
            entropy: Entropy::seeded(seed),
            network: network::pipes(),
        };
        let ground = Ground::open(Database::in_memory(), Database::in_memory(), &environment).await?;
        let chaos = Chaos::new(rates, &environment.entropy);
        let user = Client::new(ground.server.clone(), environment.clock.clone());
        let checkers = Checkers::new(ground.server.clone(), ground.cloud.clone());
        let mut world = Self {
            environment,
            ground,
            trace: Trace::default(),
            chaos,
            checkers,
            hands: None,
            user,
            wrote: Arc::default(),
            started,
            restarts: 0,
        };
        world.start_controllers().await?;
        Ok(world)
    }

    async fn start_controllers(&mut self) -> Result<(), WorldError> {
        let traced = Traced {
            inner: self.ground.server.clone(),
            trace: self.trace.clone(),
            clock: self.environment.clock.clone(),
            started: self.started,
            wrote: Arc::clone(&self.wrote),
        };
        let faulty = FaultyService::new(traced, Arc::new(self.chaos.clone()), self.environment.clock.clone());
        let client = Client::new(faulty, self.environment.clock.clone());
        let settings = HandsSettings { filter: Some(Arc::new(self.chaos.clone())) };
        self.hands = Some(Hands::start(client, &self.ground.cloud, &self.environment, settings).await?);
        Ok(())
    }

    /// Lets the world go on until `done` holds, restarting controllers when chaos says so and checking after every write.
    /// Returns whether `done` came to hold within `limit_seconds` of virtual time.
    ///
    /// # Errors
    /// A violation, or controllers that do not start again.
    pub async fn until(
        &mut self,
        limit_seconds: i64,
        mut done: impl FnMut(&World) -> bool,
    ) -> Result<bool, WorldError> {
        let deadline =
            self.environment.clock.after(std::time::Duration::from_secs(limit_seconds.unsigned_abs()));
        loop {
            self.checkers.check()?;
            if done(self) {
                return Ok(true);
            }
            if self.environment.clock.now() >= deadline {
                return Ok(false);
            }
            let wrote = Arc::clone(&self.wrote);
            tokio::select! {
                biased;
                () = wrote.notified() => {}
                () = self.environment.clock.sleep_until(deadline) => {}
            }
            if self.chaos.takes_restart() {
                self.restart().await?;
            }
        }
    }

    /// Stops all controllers at once, whatever they are in the middle of, and starts them anew.
    ///
    /// # Errors
    /// When they do not start again.
    pub async fn restart(&mut self) -> Result<(), WorldError> {
        if let Some(hands) = self.hands.take() {
            hands.abort();
        }
        self.restarts += 1;
        self.start_controllers().await
    }

    /// How often controllers were restarted.
    pub fn restarts(&self) -> usize {
        self.restarts
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

    /// Deletes an object as a user would.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn delete(&self, group: &str, kind: &str, name: &str) -> Result<(), WorldError> {
        let kind = self.user.discover(&GroupVersionKind::new(group, "v1beta2", kind)).await?;
        let key = Key::new("default", name);
        self.user.call(Call::new(Verb::Delete, &kind, &key)).await?;
        Ok(())
    }

    /// Objects of a kind, as the server holds them.
    pub fn objects(&self, group: &str, plural: &str) -> Vec<Value> {
        self.checkers.objects(group, plural)
    }

    /// One object, as the server holds it.
    pub fn object(&self, group: &str, plural: &str, name: &str) -> Option<Value> {
        self.objects(group, plural).into_iter().find(|object| object["metadata"]["name"] == name)
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
    wrote: Arc<Notify>,
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
        let writes = request.method() != http::Method::GET;
        let described = format!("{} {}", request.method(), request.uri());
        let answer = self.inner.call(request);
        let (trace, clock, started, wrote) =
            (self.trace.clone(), self.clock.clone(), self.started, Arc::clone(&self.wrote));
        Box::pin(async move {
            let answer = answer.await?;
            if writes {
                let at_milliseconds = clock.now().as_millisecond() - started.as_millisecond();
                trace.record(Entry { at_milliseconds, request: described, code: answer.status().as_u16() });
                wrote.notify_one();
            }
            Ok(answer)
        })
    }
}
