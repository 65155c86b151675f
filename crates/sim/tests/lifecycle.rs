//! Whole clusters, from nothing to nothing, under many seeds.

use sim::faults::FaultRates;
use sim::scenario::Size;

#[test]
fn a_calm_world_of_three_and_three_lives_and_dies() {
    let outcome = sim::run(1, Size::LARGE, FaultRates::NONE).unwrap_or_else(|failure| panic!("{failure}"));
    println!("{} writes in {} virtual seconds", outcome.trace.len(), outcome.elapsed_seconds);
}
