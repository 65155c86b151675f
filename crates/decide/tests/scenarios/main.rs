//! Whole roll-outs as text: a scenario says what is there, and what happens is written below it.
//!
//! ```text
//! replicas 3, surge 1, unavailable 0
//! old ms1 3
//! new ms2
//! ---
//! pass 1: ms1 3/3 available 3, ms2 0/0 available 0
//!   ms2 -> 1: 3 current Machines < 3 MachineDeployment spec.replicas + 1 maxSurge
//! ```
//!
//! Between two passes of the planner the MachineSets of the `world` make, delete and move Machines, all at once and
//! without failures. `WINDLASS_UPDATE_CASES=1` writes what happens into the files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, missing_docs)]

mod world;

use std::fmt::Write;
use std::path::Path;

use world::World;

/// No scenario is longer; one that is does not come to an end.
const PASSES: usize = 60;

fn play(text: &str) -> String {
    let mut world = World::parse(text);
    let mut told = String::new();
    for pass in 1..=PASSES {
        writeln!(told, "pass {pass}: {}", world.summary()).unwrap();
        let outcome = world.plan();
        for decision in outcome.old.iter().chain(std::iter::once(&outcome.new)) {
            if decision.intent.is_some() || !decision.notes.is_empty() {
                writeln!(told, "  {} -> {}: {}", decision.name, decision.target(), decision.notes.join("; "))
                    .unwrap();
            }
        }
        let moved = world.act(&outcome);
        world.check();
        if !moved && world.is_settled() {
            writeln!(told, "settled").unwrap();
            return told;
        }
    }
    panic!("no end after {PASSES} passes:\n{told}");
}

#[test]
fn rollouts() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/cases/rollout"));
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in &paths {
        let text = std::fs::read_to_string(path).unwrap();
        let (given, told) = text.split_once("---\n").unwrap_or((&text, ""));
        let happened = play(given);
        if std::env::var_os("WINDLASS_UPDATE_CASES").is_some() {
            std::fs::write(path, format!("{given}---\n{happened}")).unwrap();
        } else {
            assert_eq!(told, happened, "{}", path.display());
        }
    }
    println!("rollout scenarios: {} cases", paths.len());
    assert!(!paths.is_empty());
}

/// Every small roll-out comes to its end within its limits, which [`World::check`] watches after each pass.
#[test]
fn all_small_rollouts_end() {
    let mut count = 0;
    for replicas in 1..=5 {
        for (surge, unavailable) in (0..=3).flat_map(|surge| (0..=3).map(move |other| (surge, other))) {
            for (way, broken) in [("", 0), ("", 1), (", in place", 0)] {
                if surge + unavailable == 0 || unavailable > replicas {
                    continue;
                }
                let older = replicas / 2;
                play(&format!(
                    "replicas {replicas}, surge {surge}, unavailable {unavailable}{way}\n\
                     old ms1 {older}\nold ms2 {} broken {broken}\nnew ms3\n",
                    replicas - older
                ));
                count += 1;
            }
        }
    }
    println!("small roll-outs: {count} cases");
}
