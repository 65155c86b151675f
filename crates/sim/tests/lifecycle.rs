//! Whole clusters, from nothing to nothing, under many seeds.

use std::thread;

use sim::faults::FaultRates;
use sim::scenario::Size;
use sim::{Outcome, run};

/// Seeds that every test run rehearses. More of them: `cargo run --release -p sim -- --count N`.
const SEEDS: u64 = 200;

fn passed(seed: u64, size: Size, rates: FaultRates) -> Outcome {
    run(seed, size, rates).unwrap_or_else(|failure| panic!("{failure}"))
}

#[test]
fn a_calm_cluster_grows_shrinks_upgrades_and_goes() {
    let outcome = passed(1, Size::LARGE, FaultRates::NONE);
    println!("{} writes in {} virtual seconds", outcome.trace.len(), outcome.elapsed_seconds);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let (first, second) =
        (passed(7, Size::SMALL, FaultRates::ROUGH), passed(7, Size::SMALL, FaultRates::ROUGH));
    for (number, (one, other)) in first.trace.iter().zip(&second.trace).enumerate() {
        assert_eq!(one, other, "entry {number}");
    }
    assert_eq!(first, second);
    assert_ne!(first.trace, passed(8, Size::SMALL, FaultRates::ROUGH).trace);
}

#[test]
fn whatever_goes_wrong_the_cluster_comes_up_and_goes_away() {
    let workers = thread::available_parallelism().map_or(2, usize::from) as u64;
    let runs = |worker: u64| {
        (worker..SEEDS).step_by(workers as usize).map(|seed| passed(seed, Size::SMALL, FaultRates::ROUGH))
    };
    let restarts: usize = thread::scope(|scope| {
        let started: Vec<_> = (0..workers)
            .map(|worker| scope.spawn(move || runs(worker).map(|outcome| outcome.restarts).sum::<usize>()))
            .collect();
        started
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .sum::<usize>()
    });
    println!("{SEEDS} seeds, {restarts} restarts of all controllers");
    assert!(restarts > 0, "faults that never happen test nothing");
}

#[test]
fn three_control_planes_survive_faults_too() {
    for seed in 1000..1003 {
        passed(seed, Size::LARGE, FaultRates::ROUGH);
    }
}
