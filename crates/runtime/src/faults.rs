//! The seam where a rehearsal breaks things between a client and its server.
//!
//! Requests: wrap the server's service in [`FaultyService`] before handing it to [`Client::new`](crate::client::Client::new).
//! Watch events: hand a [`WatchFilter`] to [`CacheBuilder::filter`](crate::cache::CacheBuilder::filter); it is asked once
//! for every line that a watch of that cache receives, before the line is looked at.
//!
//! Deliberately absent: any choice of what to break. Production uses neither.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use tower::{BoxError, Service};

use crate::clock::Clock;
use crate::kind::Kind;

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFate {
    /// It passes.
    Pass,
    /// The connection breaks before the server saw it.
    LoseRequest,
    /// It takes effect, and then the connection breaks.
    LoseAnswer,
    /// It waits, then passes.
    DelayRequest(Duration),
    /// It takes effect, and the answer waits.
    DelayAnswer(Duration),
}

/// Decides what happens to requests.
pub trait Faults: Send + Sync {
    /// Called once for each request, in the order in which they are sent.
    fn fate(&self, request: &http::request::Parts) -> RequestFate;
}

/// The connection broke, because [`Faults`] said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The server saw nothing.
    #[error("the connection broke before the request was read")]
    Request,
    /// The server acted.
    #[error("the connection broke before the answer was read")]
    Answer,
}

/// A service whose requests meet the fate that [`Faults`] chooses.
#[derive(Clone)]
pub struct FaultyService<S> {
    inner: S,
    faults: Arc<dyn Faults>,
    clock: Clock,
}

impl<S> FaultyService<S> {
    /// Puts `faults` in front of `inner`.
    pub fn new(inner: S, faults: Arc<dyn Faults>, clock: Clock) -> Self {
        Self { inner, faults, clock }
    }
}

impl<S, B, R> Service<http::Request<B>> for FaultyService<S>
where
    S: Service<http::Request<B>, Response = R> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: Send + 'static,
    R: Send,
{
    type Response = R;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<R, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let fate = self.faults.fate(&parts);
        let request = http::Request::from_parts(parts, body);
        // The one that was polled ready must be the one that is called.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let clock = self.clock.clone();
        Box::pin(async move {
            match fate {
                RequestFate::LoseRequest => return Err(Broken::Request.into()),
                RequestFate::DelayRequest(delay) => clock.sleep(delay).await,
                RequestFate::Pass | RequestFate::LoseAnswer | RequestFate::DelayAnswer(_) => {}
            }
            let answer = inner.call(request).await.map_err(Into::into)?;
            match fate {
                RequestFate::LoseAnswer => return Err(Broken::Answer.into()),
                RequestFate::DelayAnswer(delay) => clock.sleep(delay).await,
                RequestFate::Pass | RequestFate::LoseRequest | RequestFate::DelayRequest(_) => {}
            }
            Ok(answer)
        })
    }
}

/// What happens to one line of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventFate {
    /// It is delivered.
    Deliver,
    /// It is lost without a trace.
    Drop,
    /// It is delivered twice.
    Duplicate,
    /// It and all that follow it wait.
    Delay(Duration),
    /// It is delivered after the next one.
    Swap,
    /// The stream ends before it.
    Cut,
}

/// Decides what happens to the events of watches.
pub trait WatchFilter: Send + Sync {
    /// Called once for each line (a JSON watch event) received for `kind`.
    fn fate(&self, kind: &Kind, line: &str) -> EventFate;
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::client::{Call, Client, Verb};
    use crate::fake::Server;
    use crate::key::Key;

    struct Always(RequestFate);

    impl Faults for Always {
        fn fate(&self, _: &http::request::Parts) -> RequestFate {
            self.0
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_fate_is_what_it_says() {
        let second = Duration::from_secs(1);
        for (fate, answered, took_effect, waited) in [
            (RequestFate::Pass, true, true, Duration::ZERO),
            (RequestFate::LoseRequest, false, false, Duration::ZERO),
            (RequestFate::LoseAnswer, false, true, Duration::ZERO),
            (RequestFate::DelayRequest(second), true, true, second),
            (RequestFate::DelayAnswer(second), true, true, second),
            (RequestFate::DelayAnswer(Duration::from_secs(3600)), false, true, Duration::from_secs(30)),
        ] {
            let clock = Clock::simulated(jiff::Timestamp::UNIX_EPOCH);
            let server = Server::new();
            let faulty = FaultyService::new(server.clone(), Arc::new(Always(fate)), clock.clone());
            let client = Client::new(faulty, clock.clone());
            let (kind, key) = (Kind::new("", "v1", "ConfigMap", "configmaps"), Key::new("default", "a"));
            let mut call = Call::new(Verb::Create, &kind, &key);
            call.body = r#"{"metadata":{"name":"a"}}"#.into();
            let result = client.call(call).await;
            assert_eq!(result.is_ok(), answered, "{fate:?}");
            assert!(answered || result.unwrap_err().is_uncertain(), "{fate:?}");
            assert_eq!(server.objects("/api/v1/configmaps").len(), usize::from(took_effect), "{fate:?}");
            assert_eq!(clock.since(jiff::Timestamp::UNIX_EPOCH), waited, "{fate:?}");
        }
    }
}
