#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;

fn clock() -> Clock {
    Clock::simulated(Timestamp::constant(1_800_000_000, 0))
}

fn key(name: &str) -> Key {
    Key::new("default", name)
}

fn queue(clock: &Clock) -> Queue {
    Queue::new("test", clock, &Entropy::seeded(1))
}

async fn take(queue: &Queue) -> String {
    queue.take().await.unwrap().name().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_key_waits_once() {
    let queue = queue(&clock());
    queue.add(key("a"), Priority::Fresh);
    queue.add(key("a"), Priority::Fresh);
    assert_eq!(take(&queue).await, "a");
    assert_eq!(queue.depth(), Depth { waiting: 0, running: 1, delayed: 0 });
    queue.done(&key("a"), Done::Settled);
    assert_eq!(queue.depth(), Depth::default());
}

#[tokio::test(start_paused = true)]
async fn a_running_key_comes_again_once() {
    let queue = queue(&clock());
    queue.add(key("a"), Priority::Fresh);
    take(&queue).await;
    queue.add(key("a"), Priority::Fresh);
    queue.add(key("a"), Priority::Resync);
    assert_eq!(queue.depth().waiting, 0);
    queue.done(&key("a"), Done::Settled);
    assert_eq!(take(&queue).await, "a");
    queue.done(&key("a"), Done::Settled);
    assert_eq!(queue.depth(), Depth::default());
}

#[tokio::test(start_paused = true)]
async fn changes_come_before_resyncs() {
    let queue = queue(&clock());
    queue.add(key("a"), Priority::Resync);
    queue.add(key("b"), Priority::Resync);
    queue.add(key("c"), Priority::Fresh);
    queue.add(key("b"), Priority::Fresh);
    let mut order = Vec::new();
    for _ in 0..3 {
        order.push(take(&queue).await);
    }
    // The promoted key keeps its age.
    assert_eq!(order, ["b", "c", "a"]);
}

#[tokio::test(start_paused = true)]
async fn the_first_group_is_carried_through() {
    let clock = clock();
    let groups = Groups::new();
    let group_of = |key: &Key| Key::new(key.namespace(), key.name().split('-').next().unwrap_or_default());
    let queue = Queue::grouped("test", &clock, &Entropy::seeded(1), groups.clone(), group_of);
    for name in ["one-a", "two-a", "three-a"] {
        queue.add(key(name), Priority::Fresh);
    }
    assert_eq!(take(&queue).await, "one-a");
    // What the first group still needs comes before the others begin.
    queue.add(key("one-b"), Priority::Fresh);
    assert_eq!(take(&queue).await, "one-b");
    assert_eq!(take(&queue).await, "two-a");
    groups.forget(&key("one"));
    queue.add(key("one-c"), Priority::Fresh);
    assert_eq!(take(&queue).await, "three-a");
}

#[tokio::test(start_paused = true)]
async fn a_busy_group_does_not_starve_the_others() {
    let clock = clock();
    let group_of = |key: &Key| Key::new("", key.name());
    let queue = Queue::grouped("test", &clock, &Entropy::seeded(1), Groups::new(), group_of);
    queue.add(key("busy"), Priority::Fresh);
    queue.add(key("quiet"), Priority::Fresh);
    for turn in 0..TAKEN_BY_AGE {
        let name = take(&queue).await;
        if name == "quiet" {
            assert_eq!(turn, TAKEN_BY_AGE - 1);
            return;
        }
        queue.add(key("busy"), Priority::Fresh);
        queue.done(&key("busy"), Done::Settled);
    }
    panic!("never came");
}

#[tokio::test(start_paused = true)]
async fn failures_wait_longer_each_time_and_success_forgets_them() {
    let clock = clock();
    let queue = queue(&clock);
    queue.add(key("a"), Priority::Fresh);
    let mut waits = Vec::new();
    for _ in 0..12 {
        let before = clock.now();
        take(&queue).await;
        waits.push(clock.since(before));
        queue.done(&key("a"), Done::Failed);
    }
    assert_eq!(waits[0], Duration::ZERO);
    assert!(waits[1] >= Duration::from_millis(100) && waits[1] <= Duration::from_millis(121), "{waits:?}");
    assert!(waits[1..].windows(2).take(8).all(|pair| pair[1] > pair[0]), "{waits:?}");
    assert!(waits[11] >= Duration::from_secs(60) && waits[11] <= Duration::from_secs(73), "{waits:?}");
    take(&queue).await;
    queue.done(&key("a"), Done::Settled);
    assert!(queue.lock().items.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_change_during_a_failure_comes_soon_but_not_at_once() {
    let clock = clock();
    let queue = queue(&clock);
    queue.add(key("a"), Priority::Fresh);
    for _ in 0..20 {
        take(&queue).await;
        queue.add(key("a"), Priority::Fresh);
        let before = clock.now();
        queue.done(&key("a"), Done::Failed);
        queue.take().await.unwrap();
        let waited = clock.since(before);
        assert!(waited >= Duration::from_millis(100) && waited < Duration::from_millis(130), "{waited:?}");
        queue.done(&key("a"), Done::Failed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_is_kept_and_an_event_comes_before_it() {
    let clock = clock();
    let queue = queue(&clock);
    let (soon, late) = (clock.after(Duration::from_secs(60)), clock.after(Duration::from_secs(3600)));
    queue.add_at(key("a"), late);
    queue.add_at(key("a"), soon);
    queue.add_at(key("a"), late);
    assert_eq!(queue.depth().delayed, 1);
    assert_eq!(take(&queue).await, "a");
    assert!(clock.now() >= soon && clock.since(soon) < Duration::from_secs(1));
    queue.done(&key("a"), Done::At(late));
    queue.add(key("a"), Priority::Fresh);
    assert_eq!(take(&queue).await, "a");
    queue.done(&key("a"), Done::Settled);
    assert_eq!(queue.depth(), Depth::default());
}

#[tokio::test(start_paused = true)]
async fn closing_ends_the_wait() {
    let queue = queue(&clock());
    queue.add_at(key("a"), Timestamp::MAX);
    let taker = tokio::spawn({
        let queue = queue.clone();
        async move { queue.take().await }
    });
    tokio::task::yield_now().await;
    queue.close();
    assert!(taker.await.unwrap().is_none());
    queue.add(key("a"), Priority::Fresh);
    assert_eq!(queue.depth(), Depth::default());
}

#[tokio::test(start_paused = true)]
async fn the_lines_of_all_queues_are_counted_together() {
    let (clock, entropy, groups) = (clock(), Entropy::seeded(1), Groups::new());
    let [one, two] =
        ["one", "two"].map(|name| Queue::grouped(name, &clock, &entropy, groups.clone(), Key::clone));
    for name in ["a", "b"] {
        one.add(key(name), Priority::Resync);
        two.add(key(name), Priority::Resync);
    }
    one.add(key("a"), Priority::Fresh);
    assert_eq!((one.waiting(), two.waiting()), (4, 4));
    take(&one).await;
    two.add_at(key("c"), clock.now() + Duration::from_secs(1));
    assert_eq!(two.waiting(), 3, "neither what is worked on nor what waits for its time is in a line");
    two.close();
    assert_eq!(one.waiting(), 1);
}
