//! When a plane is quiet, and what it does while it is.

use std::time::Duration;

use jiff::Timestamp;
use manager::Plane;
use runtime::clock::Clock;

use super::process;
use super::report::Rest;

/// A plane is quiet when, this long, its controllers ask the management API for nothing and CPU use stays low.
const WINDOW: Duration = Duration::from_millis(500);
/// How often is looked. CPU time can only be looked at; nobody tells when it stops to grow.
const LOOK: Duration = Duration::from_millis(50);
/// Low CPU use, in hundredths of one core.
const LOW_PERCENT: u32 = 25;
/// A plane that is not quiet by then has something to do all the time.
const PATIENCE: Duration = Duration::from_secs(300);

/// How long after `since` the plane was quiet; nothing where it would not be.
pub async fn after(plane: &Plane, clock: &Clock, since: Timestamp) -> Option<Duration> {
    let deadline = clock.after(PATIENCE);
    let mut window = Window::open(plane, clock.now());
    loop {
        clock.sleep(LOOK).await;
        let now = clock.now();
        if requests(plane) != window.requests {
            window = Window::open(plane, now);
        } else if clock.since(window.opened) >= WINDOW {
            let used = process::cpu().saturating_sub(window.cpu);
            if used * 100 < clock.since(window.opened) * LOW_PERCENT {
                return Some(Duration::try_from(window.opened.duration_since(since)).unwrap_or_default());
            }
            window = Window::open(plane, now);
        }
        if now >= deadline {
            return None;
        }
    }
}

/// What the plane does while nobody asks it for anything.
pub async fn rest(plane: &Plane, clock: &Clock, duration: Duration) -> Option<Rest> {
    if duration.is_zero() {
        return None;
    }
    let (cpu, asked, began) = (process::cpu(), requests(plane), clock.now());
    clock.sleep(duration).await;
    Some(Rest {
        cpu: process::cpu().saturating_sub(cpu),
        requests: requests(plane).saturating_sub(asked),
        duration: clock.since(began),
    })
}

struct Window {
    opened: Timestamp,
    requests: u64,
    cpu: Duration,
}

impl Window {
    fn open(plane: &Plane, now: Timestamp) -> Self {
        Self { opened: now, requests: requests(plane), cpu: process::cpu() }
    }
}

/// How many requests the controllers have sent to the management API.
fn requests(plane: &Plane) -> u64 {
    let hands = plane.hands().into_iter();
    hands.flat_map(|hands| hands.context().cache.client().metrics().calls()).map(|count| count.calls).sum()
}
