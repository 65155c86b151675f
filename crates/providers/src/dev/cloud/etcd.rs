//! The membership of one simulated etcd cluster: who votes, who leads, and which changes etcd would refuse.

use serde::{Deserialize, Serialize};

/// Members that may be without a vote at the same time; etcd's default.
const LEARNERS_LIMIT: usize = 1;

/// All members of one etcd cluster. Empty before the first control plane machine, and for ever where etcd is external.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Identifies the cluster in every answer.
    pub cluster_id: u64,
    /// Counts elections.
    pub term: u64,
    /// Who leads; 0 for nobody.
    pub leader: u64,
    /// Counts changes; stands in for etcd's revision.
    pub revision: u64,
    /// In the order in which they were added.
    pub members: Vec<Member>,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Never 0.
    pub id: u64,
    /// Name of its node; empty until it has started.
    pub name: String,
    /// Where other members reach it.
    pub peer_url: String,
    /// Where clients reach it; empty until it has started.
    pub client_url: String,
    /// Has no vote yet.
    pub learner: bool,
    /// Its process runs.
    pub running: bool,
}

/// A change that etcd refuses, or cannot make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No member has the ID.
    NotFound,
    /// A member with the peer URL exists.
    PeerUrlExists,
    /// Too few started members would be left.
    NotEnoughStarted,
    /// Nobody leads, so nothing can be agreed on.
    NoLeader,
    /// Only the leader does this.
    NotLeader,
    /// Leadership cannot go there.
    BadTransferee,
    /// The member votes already.
    NotLearner,
    /// The member is not up.
    LearnerNotReady,
    /// There is another learner.
    TooManyLearners,
}

impl Membership {
    /// Votes that a decision needs.
    pub fn quorum(&self) -> usize {
        self.members.iter().filter(|member| !member.learner).count() / 2 + 1
    }

    /// Whether enough voters run to agree on anything. True without members: then etcd is none of our business.
    pub fn has_quorum(&self) -> bool {
        self.members.is_empty() || self.running_voters() >= self.quorum()
    }

    fn running_voters(&self) -> usize {
        self.members.iter().filter(|member| member.running && !member.learner).count()
    }

    /// The member of this name.
    pub fn named(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }

    fn agree(&self) -> Result<(), Refusal> {
        if self.has_quorum() { Ok(()) } else { Err(Refusal::NoLeader) }
    }

    fn find(&mut self, id: u64) -> Result<&mut Member, Refusal> {
        self.members.iter_mut().find(|member| member.id == id).ok_or(Refusal::NotFound)
    }

    /// The first member founds a cluster.
    pub fn found(&mut self, cluster_id: u64, member: Member) {
        *self = Self { cluster_id, term: 1, leader: 0, revision: 1, members: vec![member] };
        self.elect();
    }

    /// Adds a member that is yet to start.
    pub fn add(&mut self, id: u64, peer_url: &str, learner: bool) -> Result<(), Refusal> {
        self.agree()?;
        if self.members.iter().any(|member| member.peer_url == peer_url) {
            return Err(Refusal::PeerUrlExists);
        }
        if learner && self.members.iter().filter(|member| member.learner).count() >= LEARNERS_LIMIT {
            return Err(Refusal::TooManyLearners);
        }
        // As etcd's strict reconfiguration check: a voter that has not started must not cost the quorum.
        let voters = self.members.iter().filter(|member| !member.learner).count() + 1;
        if !learner && self.running_voters() < voters / 2 + 1 {
            return Err(Refusal::NotEnoughStarted);
        }
        self.revision += 1;
        self.members.push(Member {
            id,
            name: String::new(),
            peer_url: peer_url.to_owned(),
            client_url: String::new(),
            learner,
            running: false,
        });
        Ok(())
    }

    /// The process of a member that was added comes up.
    pub fn start(&mut self, id: u64, name: &str, client_url: &str) -> Result<(), Refusal> {
        let member = self.find(id)?;
        name.clone_into(&mut member.name);
        client_url.clone_into(&mut member.client_url);
        member.running = true;
        self.elect();
        Ok(())
    }

    /// The process of the member dies; it stays in the list.
    pub fn stop(&mut self, name: &str) {
        for member in self.members.iter_mut().filter(|member| member.name == name) {
            member.running = false;
        }
        self.elect();
    }

    /// Gives a learner its vote.
    pub fn promote(&mut self, id: u64) -> Result<(), Refusal> {
        self.agree()?;
        let member = self.find(id)?;
        if !member.learner {
            return Err(Refusal::NotLearner);
        }
        if !member.running {
            return Err(Refusal::LearnerNotReady);
        }
        member.learner = false;
        self.revision += 1;
        Ok(())
    }

    /// Takes a member out.
    pub fn remove(&mut self, id: u64) -> Result<(), Refusal> {
        self.agree()?;
        let member = self.find(id)?.clone();
        let voters = self.members.iter().filter(|other| !other.learner && other.id != id).count();
        let running = self.running_voters() - usize::from(member.running && !member.learner);
        if !member.learner && member.running && running < voters / 2 + 1 {
            return Err(Refusal::NotEnoughStarted);
        }
        self.members.retain(|other| other.id != id);
        self.revision += 1;
        self.elect();
        Ok(())
    }

    /// Changes where a member is reached by the others.
    pub fn update(&mut self, id: u64, peer_url: &str) -> Result<(), Refusal> {
        self.agree()?;
        if self.members.iter().any(|member| member.peer_url == peer_url && member.id != id) {
            return Err(Refusal::PeerUrlExists);
        }
        peer_url.clone_into(&mut self.find(id)?.peer_url);
        self.revision += 1;
        Ok(())
    }

    /// Hands leadership over, asked of the member `asked`.
    pub fn move_leader(&mut self, asked: u64, target: u64) -> Result<(), Refusal> {
        self.agree()?;
        if self.leader != asked {
            return Err(Refusal::NotLeader);
        }
        let fit = |member: &&Member| member.id == target && member.running && !member.learner;
        if !self.members.iter().any(|member| fit(&member)) {
            return Err(Refusal::BadTransferee);
        }
        if self.leader != target {
            self.leader = target;
            self.term += 1;
        }
        Ok(())
    }

    /// A new leader where the old one is gone: the running voter that was added first. Real etcd picks any.
    fn elect(&mut self) {
        let leads = |member: &&Member| member.running && !member.learner;
        let quorum = !self.members.is_empty() && self.has_quorum();
        if quorum && self.members.iter().any(|member| member.id == self.leader && leads(&member)) {
            return;
        }
        let next = self.members.iter().find(leads).filter(|_| quorum).map_or(0, |member| member.id);
        if next != 0 {
            self.term += 1;
        }
        self.leader = next;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn of(count: u64) -> Membership {
        let mut etcd = Membership::default();
        etcd.found(
            7,
            Member {
                id: 1,
                name: "n1".into(),
                peer_url: "https://n1:2380".into(),
                client_url: "https://n1:2379".into(),
                learner: false,
                running: true,
            },
        );
        for id in 2..=count {
            etcd.add(id, &format!("https://n{id}:2380"), true).unwrap();
            etcd.start(id, &format!("n{id}"), "").unwrap();
            etcd.promote(id).unwrap();
        }
        etcd
    }

    #[test]
    fn members_join_as_learners_and_get_a_vote() {
        let etcd = of(3);
        assert_eq!((etcd.quorum(), etcd.leader, etcd.members.len()), (2, 1, 3));
        assert!(etcd.members.iter().all(|member| !member.learner));
    }

    #[test]
    fn a_member_that_dies_stays_in_the_list_and_leadership_moves() {
        let mut etcd = of(3);
        etcd.stop("n1");
        assert_eq!((etcd.leader, etcd.members.len(), etcd.has_quorum()), (2, 3, true));
        etcd.stop("n2");
        assert_eq!((etcd.leader, etcd.has_quorum()), (0, false));
        assert_eq!(etcd.remove(1), Err(Refusal::NoLeader));
        assert_eq!(etcd.add(9, "https://n9:2380", true), Err(Refusal::NoLeader));
    }

    #[test]
    fn a_removal_that_would_cost_the_quorum_is_refused() {
        let mut etcd = of(3);
        etcd.stop("n3");
        assert_eq!(etcd.remove(2), Err(Refusal::NotEnoughStarted));
        etcd.remove(3).unwrap();
        assert_eq!(etcd.remove(3), Err(Refusal::NotFound));
        etcd.remove(1).unwrap();
        assert_eq!((etcd.leader, etcd.quorum()), (2, 1));
    }

    #[test]
    fn only_the_leader_hands_over_and_only_to_a_running_voter() {
        let mut etcd = of(2);
        assert_eq!(etcd.move_leader(2, 1), Err(Refusal::NotLeader));
        assert_eq!(etcd.move_leader(1, 5), Err(Refusal::BadTransferee));
        let term = etcd.term;
        etcd.move_leader(1, 2).unwrap();
        assert_eq!((etcd.leader, etcd.term), (2, term + 1));
    }

    #[test]
    fn learners_are_limited_and_do_not_count() {
        let mut etcd = of(1);
        etcd.add(2, "https://n2:2380", true).unwrap();
        assert_eq!(etcd.add(3, "https://n3:2380", true), Err(Refusal::TooManyLearners));
        assert_eq!(etcd.add(3, "https://n2:2380", false), Err(Refusal::PeerUrlExists));
        assert_eq!(etcd.promote(2), Err(Refusal::LearnerNotReady));
        assert_eq!((etcd.quorum(), etcd.has_quorum()), (1, true));
    }
}
