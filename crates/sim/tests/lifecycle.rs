//! Whole clusters, from nothing to nothing, under many seeds.
#![allow(clippy::unwrap_used)]

use std::ops::Range;
use std::thread;

use providers::dev::ClusterId;
use sim::checkers::leftovers;
use sim::faults::{FaultCounts, FaultRates, Manner, Restart};
use sim::scenario::Life;
use sim::world::World;
use sim::{Outcome, Rehearsal};

/// As in the binary that is rehearsed: a quarter of a run would be the C library's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Drawn lives that every test run rehearses. More of them: `cargo run --release -p sim -- --life drawn --count N`.
const DRAWN_SEEDS: u64 = 200;
/// Whole lives beside them, of small clusters and of large ones.
const SMALL_SEEDS: u64 = 40;
const LARGE_SEEDS: u64 = 8;

fn passed(rehearsal: &Rehearsal) -> Outcome {
    rehearsal.run().unwrap_or_else(|failure| panic!("{failure}"))
}

/// Runs all of them on all processors; the faults of all together.
fn all_passed(rehearsals: &[Rehearsal]) -> FaultCounts {
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let work = |worker: usize| {
        let mut faults = FaultCounts::default();
        rehearsals.iter().skip(worker).step_by(workers).for_each(|one| faults += passed(one).faults);
        faults
    };
    let mut faults = FaultCounts::default();
    thread::scope(|scope| {
        let started: Vec<_> = (0..workers).map(|worker| scope.spawn(move || work(worker))).collect();
        for worker in started {
            faults += worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
    faults
}

#[test]
fn a_calm_cluster_grows_shrinks_upgrades_and_goes() {
    let outcome = passed(&Rehearsal::new(1, Life::LARGE, FaultRates::NONE));
    println!("{} writes in {} virtual seconds", outcome.trace.len(), outcome.elapsed_seconds);
    assert_eq!(outcome.faults, FaultCounts::default());
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for life in [Life::SMALL, Life::LARGE, Life::Drawn] {
        let rehearsal = Rehearsal::new(7, life, FaultRates::ROUGH);
        let (first, second) = (passed(&rehearsal), passed(&rehearsal));
        for (number, (one, other)) in first.trace.iter().zip(&second.trace).enumerate() {
            assert_eq!(one, other, "entry {number}");
        }
        assert_eq!(first, second);
        assert_ne!(first.trace, passed(&Rehearsal::new(8, life, FaultRates::ROUGH)).trace);
    }
}

fn rough(seeds: Range<u64>, life: Life) -> FaultCounts {
    let rehearsals: Vec<_> = seeds.map(|seed| Rehearsal::new(seed, life, FaultRates::ROUGH)).collect();
    let faults = all_passed(&rehearsals);
    println!("{} seeds: {faults}", rehearsals.len());
    faults
}

#[test]
fn whatever_is_wanted_and_goes_wrong_the_cluster_comes_up_and_goes_away() {
    for (name, count) in rough(0..DRAWN_SEEDS, Life::Drawn).each() {
        assert!(count > 0, "no {name}: faults that never happen test nothing");
    }
}

#[test]
fn whole_lives_go_on_whatever_goes_wrong() {
    rough(0..SMALL_SEEDS, Life::SMALL);
}

#[test]
fn three_control_planes_survive_faults_too() {
    rough(1000..1000 + LARGE_SEEDS, Life::LARGE);
}

/// All writes are tried by `cargo run --release -p sim -- --seed 1 --calm --restart-everywhere`, with `--in-order` and without.
#[test]
fn controllers_may_stop_after_any_write() {
    let whole = Rehearsal::new(1, Life::SMALL, FaultRates::NONE);
    let writes = passed(&whole).trace.len() as u64;
    let manners = [Manner::AtOnce, Manner::InOrder].into_iter().cycle();
    let restarts = (1..=writes).step_by(7).zip(manners).map(|(after, manner)| Restart { after, manner });
    let rehearsals: Vec<_> = restarts.map(|restart| Rehearsal { restart: Some(restart), ..whole }).collect();
    let faults = all_passed(&rehearsals);
    assert_eq!(faults.restarts, rehearsals.len() as u64, "one restart in each run");
    println!("{} of {writes} writes", rehearsals.len());
}

/// As above: `--end-everywhere`.
#[test]
fn a_cluster_may_be_deleted_after_any_write() {
    let whole = Rehearsal::new(1, Life::SMALL, FaultRates::NONE);
    let rehearsals: Vec<_> =
        (1..150).step_by(9).map(|write| Rehearsal { end_after: Some(write), ..whole }).collect();
    let faults = all_passed(&rehearsals);
    assert_eq!(faults.early_ends, rehearsals.len() as u64, "one end in each run");
}

/// Its DevCluster went before it could be given a finalizer, in a moment in which no controller listened.
#[tokio::test(start_paused = true)]
async fn what_is_left_in_the_cloud_without_an_object_goes_when_controllers_start() {
    let rehearsal = Rehearsal::new(1, Life::SMALL, FaultRates::NONE);
    let mut world = World::without_controllers(&rehearsal).await.unwrap();
    let id = ClusterId::new("default", "forgotten");
    world.ground.cloud.create_cluster(&id, "forgotten", None, None).await.unwrap();
    assert!(leftovers(&world.checkers).is_err());
    world.restart(Manner::AtOnce).await.unwrap();
    assert!(world.until(60, |world| leftovers(&world.checkers).is_ok()).await.unwrap());
}
