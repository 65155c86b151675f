//! What must never happen inside a run and leaves no object behind: panics, logged errors, reconciles that fight themselves.
//!
//! A panic inside a task is caught there, by Tokio or by a controller; a hook sees it all the same. Everything else is
//! heard in the log.

use std::cell::RefCell;
use std::fmt::{Debug, Write as _};
use std::sync::Once;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// What a reconcile says that did not come to rest by itself.
const RESTLESS: &str = "does not come to rest";

thread_local! {
    /// The incidents of the run on this thread, if there is one: a run never leaves its thread.
    static INCIDENTS: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Runs `body`, listening.
pub fn listen<T>(body: impl FnOnce() -> T) -> T {
    hook();
    INCIDENTS.with_borrow_mut(|incidents| *incidents = Some(Vec::new()));
    let filter = std::env::var("WINDLASS_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    let printed = filter.map(|filter| {
        let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).without_time();
        layer.with_filter(filter)
    });
    let heard = Ear.with_filter(LevelFilter::WARN);
    let outcome = tracing::subscriber::with_default(Registry::default().with(heard).with(printed), body);
    INCIDENTS.with_borrow_mut(|incidents| *incidents = None);
    outcome
}

/// The first incident of the run on this thread.
pub fn first() -> Option<String> {
    INCIDENTS.with_borrow(|incidents| incidents.as_ref()?.first().cloned())
}

fn note(incident: String) {
    // Nothing is noted where a run is over, or while another note is being taken.
    let _ = INCIDENTS.try_with(|incidents| {
        if let Ok(mut incidents) = incidents.try_borrow_mut()
            && let Some(incidents) = incidents.as_mut()
        {
            incidents.push(incident);
        }
    });
}

fn hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            note(panic.to_string());
            before(panic);
        }));
    });
}

struct Ear;

impl<S: Subscriber> Layer<S> for Ear {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        if *event.metadata().level() == Level::ERROR || text.0.contains(RESTLESS) {
            note(text.0);
        }
    }
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let separator = if self.0.is_empty() { "" } else { " " };
        // Writing to a string does not fail.
        let _ = write!(self.0, "{separator}{}={value:?}", field.name());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn incidents_are_heard_and_then_forgotten() {
        let silence = || {
            tracing::warn!("the connection broke");
            first()
        };
        assert_eq!(listen(silence), None);
        let complaint = || {
            tracing::warn!(error = "machine default/a does not come to rest", "failed");
            first()
        };
        assert!(listen(complaint).unwrap().contains("does not come to rest"));
        let error = || {
            tracing::error!("the disk is full");
            first()
        };
        assert!(listen(error).unwrap().contains("the disk is full"));
        let caught = || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async { tokio::spawn(async { panic!("oh") }).await }).unwrap_err();
            first()
        };
        assert!(listen(caught).unwrap().contains("oh"));
        assert_eq!(listen(first), None);
    }
}
