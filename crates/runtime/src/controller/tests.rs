#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Mutex;

use super::*;
use crate::entropy::Entropy;
use crate::queue::Priority;

struct Bench {
    clock: Clock,
    queue: Queue,
    shutdown: Shutdown,
}

fn bench() -> Bench {
    let clock = Clock::simulated(Timestamp::constant(1_800_000_000, 0));
    let queue = Queue::new("test", &clock, &Entropy::seeded(1));
    Bench { clock, queue, shutdown: Shutdown::new() }
}

fn key(name: &str) -> Key {
    Key::new("default", name)
}

#[tokio::test(start_paused = true)]
async fn failures_and_panics_are_tried_again() {
    let Bench { clock, queue, shutdown } = bench();
    let controller = Controller::new("test", queue.clone(), clock.clone());
    let metrics = controller.metrics();
    let turns = Arc::new(Mutex::new(Vec::new()));
    let reconcile = {
        let turns = Arc::clone(&turns);
        move |key: Key| {
            let turns = Arc::clone(&turns);
            async move {
                let turn = {
                    let mut turns = turns.lock().unwrap();
                    turns.push(key.name().to_owned());
                    turns.len()
                };
                match turn {
                    1 => Err("not yet"),
                    2 => panic!("oh"),
                    _ => Ok(Next::OnChange),
                }
            }
        }
    };
    let running = tokio::spawn(controller.run(reconcile, shutdown.clone()));
    queue.add(key("a"), Priority::Fresh);
    clock.sleep(Duration::from_secs(10)).await;
    shutdown.request();
    running.await.unwrap();
    assert_eq!(*turns.lock().unwrap(), ["a", "a", "a"]);
    let counts = metrics.read();
    assert_eq!((counts.reconciles, counts.failures, counts.panics), (3, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_workers_at_a_time_and_all_are_finished() {
    let Bench { clock, queue, shutdown } = bench();
    let controller = Controller::new("test", queue.clone(), clock.clone()).workers(3);
    let metrics = controller.metrics();
    let (running, most) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let reconcile = {
        let (clock, running, most) = (clock.clone(), Arc::clone(&running), Arc::clone(&most));
        move |_: Key| {
            let (clock, running, most) = (clock.clone(), Arc::clone(&running), Arc::clone(&most));
            async move {
                most.fetch_max(running.fetch_add(1, Relaxed) + 1, Relaxed);
                clock.sleep(Duration::from_secs(1)).await;
                running.fetch_sub(1, Relaxed);
                Ok::<_, String>(Next::OnChange)
            }
        }
    };
    for number in 0..10 {
        queue.add(key(&number.to_string()), Priority::Fresh);
    }
    let task = tokio::spawn(controller.run(reconcile, shutdown.clone()));
    clock.sleep(Duration::from_millis(1500)).await;
    shutdown.request();
    task.await.unwrap();
    assert_eq!(most.load(Relaxed), 3);
    assert_eq!(running.load(Relaxed), 0);
    assert_eq!(metrics.read().reconciles, 6);
}

#[tokio::test(start_paused = true)]
async fn a_time_asked_for_comes() {
    let Bench { clock, queue, shutdown } = bench();
    let began = clock.now();
    let controller = Controller::new("test", queue.clone(), clock.clone());
    let metrics = controller.metrics();
    let reconcile = move |_: Key| async move { Ok::<_, String>(Next::At(began + Duration::from_secs(3600))) };
    let task = tokio::spawn(controller.run(reconcile, shutdown.clone()));
    queue.add(key("a"), Priority::Fresh);
    clock.sleep(Duration::from_secs(3599)).await;
    assert_eq!(metrics.read().reconciles, 1);
    shutdown.request();
    task.await.unwrap();
}
