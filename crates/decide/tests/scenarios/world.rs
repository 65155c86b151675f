//! A MachineDeployment with its MachineSets and Machines, and MachineSets that do what they are told.

use std::collections::BTreeSet;

use decide::machine_deployment::rollout::{
    self, Decision, InPlaceUpdate, Machine, MachineSet, Outcome, Rollout, Strategy,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

struct WorldMachine {
    name: String,
    machine_set: String,
    available: bool,
    pending: bool,
    updating: bool,
    /// Will never become available.
    broken: bool,
}

pub struct World {
    replicas: i32,
    surge: i32,
    unavailable: i32,
    on_delete: bool,
    in_place: bool,
    new: MachineSet,
    old: Vec<MachineSet>,
    machines: Vec<WorldMachine>,
    made: usize,
}

fn set(name: &str, replicas: i32, in_place: bool) -> MachineSet {
    let in_place_update = if in_place { InPlaceUpdate::Possible } else { InPlaceUpdate::NotEligible };
    MachineSet { name: name.to_owned(), replicas, in_place_update, ..MachineSet::default() }
}

impl World {
    pub fn parse(text: &str) -> Self {
        let mut world = Self {
            replicas: 0,
            surge: 0,
            unavailable: 0,
            on_delete: text.contains("on delete"),
            in_place: text.contains("in place"),
            new: MachineSet::default(),
            old: Vec::new(),
            machines: Vec::new(),
            made: 0,
        };
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        for words in
            lines.map(|line| line.split([' ', ',']).filter(|word| !word.is_empty()).collect::<Vec<_>>())
        {
            match words[0] {
                "old" => {
                    let count = words[2].parse().unwrap();
                    world.old.push(set(words[1], count, world.in_place));
                    let broken = words.get(4).map_or(0, |count| count.parse().unwrap());
                    world.make(words[1], count, broken);
                }
                "new" => world.new = set(words[1], 0, false),
                _ => world.settings(&words),
            }
        }
        world.count();
        world
    }

    fn settings(&mut self, words: &[&str]) {
        for pair in words.windows(2) {
            match pair[0] {
                "replicas" => self.replicas = pair[1].parse().unwrap(),
                "surge" => self.surge = pair[1].parse().unwrap(),
                "unavailable" => self.unavailable = pair[1].parse().unwrap(),
                _ => {}
            }
        }
    }

    fn make(&mut self, machine_set: &str, count: i32, broken: i32) {
        for index in 0..count {
            self.made += 1;
            self.machines.push(WorldMachine {
                name: format!("m{:02}", self.made),
                machine_set: machine_set.to_owned(),
                available: index >= broken,
                pending: false,
                updating: false,
                broken: index < broken,
            });
        }
    }

    pub fn plan(&self) -> Outcome {
        let strategy = if self.on_delete {
            Strategy::OnDelete
        } else {
            Strategy::RollingUpdate {
                max_surge: Some(IntOrString::Int(self.surge)),
                max_unavailable: Some(IntOrString::Int(self.unavailable)),
            }
        };
        rollout::plan(&Rollout {
            replicas: self.replicas,
            strategy,
            in_place_updates: self.in_place,
            new: self.new.clone(),
            old: self.old.clone(),
            machines: self
                .machines
                .iter()
                .map(|machine| Machine {
                    name: machine.name.clone(),
                    machine_set: machine.machine_set.clone(),
                    pending_acknowledge_move: machine.pending,
                    updating: machine.updating,
                })
                .collect(),
        })
    }

    /// Carries one outcome out, and tells whether that changed anything.
    pub fn act(&mut self, outcome: &Outcome) -> bool {
        let before = self.summary();
        for machine in &mut self.machines {
            if machine.updating && !machine.pending {
                machine.updating = false;
            }
            machine.available = !machine.updating && !machine.broken;
        }
        self.new.acknowledged_moves = outcome.new.acknowledged_moves.clone();
        let acknowledged: BTreeSet<&String> = outcome.new.acknowledged_moves.iter().collect();
        for machine in &mut self.machines {
            if acknowledged.contains(&machine.name) {
                machine.pending = false;
            }
        }
        for decision in &outcome.old {
            self.scale(decision);
        }
        self.scale(&outcome.new);
        if self.on_delete {
            self.user_deletes_an_old_machine();
        }
        self.count();
        before != self.summary()
    }

    fn scale(&mut self, decision: &Decision) {
        let target = decision.target();
        let name = &decision.name;
        let is =
            self.machines.iter().filter(|machine| machine.machine_set == *name && !machine.pending).count();
        let is = i32::try_from(is).unwrap();
        if is < target {
            self.make(name, target - is, 0);
        }
        for _ in target..is {
            let owned = |machine: &&mut WorldMachine| machine.machine_set == *name && !machine.pending;
            match &decision.move_to {
                Some(new) => {
                    let machine = self.machines.iter_mut().find(owned).unwrap();
                    machine.machine_set.clone_from(new);
                    machine.pending = true;
                    machine.updating = true;
                    machine.available = false;
                }
                None => {
                    let ranked = self.machines.iter().enumerate().filter(|(_, one)| one.machine_set == *name);
                    let (index, _) = ranked.min_by_key(|(_, one)| (one.available, &one.name)).unwrap();
                    self.machines.remove(index);
                }
            }
        }
        let all = self.old.iter_mut().chain(std::iter::once(&mut self.new));
        for set in all.filter(|set| set.name == *name) {
            set.replicas = target;
        }
    }

    fn user_deletes_an_old_machine(&mut self) {
        let settled = self.machines.len() == usize::try_from(self.replicas).unwrap();
        let new = &self.new.name;
        if let Some(index) = self.machines.iter().position(|machine| settled && machine.machine_set != *new) {
            self.machines.remove(index);
        }
    }

    /// MachineSets report what they have.
    fn count(&mut self) {
        let new = self.new.name.clone();
        for set in self.old.iter_mut().chain(std::iter::once(&mut self.new)) {
            let own = || self.machines.iter().filter(|machine| machine.machine_set == set.name);
            let number = |count: usize| i32::try_from(count).unwrap();
            set.current_replicas = number(own().count());
            set.available_replicas = number(own().filter(|machine| machine.available).count());
            let up_to_date = own().filter(|machine| set.name == new && !machine.updating).count();
            set.up_to_date_replicas = number(up_to_date);
        }
    }

    pub fn summary(&self) -> String {
        let one = |set: &MachineSet| {
            format!(
                "{} {}/{} available {}",
                set.name, set.current_replicas, set.replicas, set.available_replicas
            )
        };
        let all = self.old.iter().chain(std::iter::once(&self.new));
        all.map(one).collect::<Vec<_>>().join(", ")
    }

    pub fn is_settled(&self) -> bool {
        self.new.available_replicas == self.replicas && self.old.iter().all(|set| set.current_replicas == 0)
    }

    /// A rolling update never takes away what it must keep and never makes more than it may.
    pub fn check(&self) {
        if self.on_delete {
            return;
        }
        let total = i32::try_from(self.machines.len()).unwrap();
        assert!(total <= self.replicas + self.surge, "{total} Machines: {}", self.summary());
        let broken = i32::try_from(self.machines.iter().filter(|machine| machine.broken).count()).unwrap();
        let available = self.machines.iter().filter(|machine| machine.available).count();
        let least = self.replicas - self.unavailable - broken;
        assert!(i32::try_from(available).unwrap() >= least, "{available} available: {}", self.summary());
    }
}
