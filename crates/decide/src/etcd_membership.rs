//! Whether an etcd cluster survives the next change of its members.

/// An etcd member as the control plane sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Member<'a> {
    /// Name, which is the name of its Node; empty while it starts.
    pub name: &'a str,
    /// It only listens so far and has no vote.
    pub learner: bool,
    /// How it feels.
    pub health: Health,
}

/// How an etcd member feels, by the best source there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// Its Machine says that the member is healthy (condition `EtcdMemberHealthy`).
    Healthy,
    /// Its Machine does not say so.
    #[default]
    Unhealthy,
    /// It has no Machine, so only its alarms are known; without one it counts as healthy.
    NoMachine {
        /// Whether it reports an alarm.
        alarm: bool,
    },
}

impl Health {
    fn is_good(self) -> bool {
        matches!(self, Self::Healthy | Self::NoMachine { alarm: false })
    }
}

/// The next step of the control plane. Both parts together are one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change<'a> {
    /// A member will join.
    pub add: bool,
    /// The member with this name will leave.
    pub remove: Option<&'a str>,
}

/// Whether the cluster has a quorum after the change in the worst case, in which the new member never works.
///
/// The worst case would forbid the way from one member to two, so up to there the best case is assumed. While a member
/// learns, no change is safe: it will have a vote soon.
pub fn survives(members: &[Member<'_>], change: Change<'_>) -> bool {
    let mut voting: usize = 0;
    let mut broken: usize = 0;
    if change.add {
        voting += 1;
        broken += usize::from(members.len() > 1);
    }
    for member in members {
        if member.name.is_empty() {
            return false;
        }
        if change.remove == Some(member.name) {
            continue;
        }
        if member.learner {
            return false;
        }
        voting += 1;
        broken += usize::from(!member.health.is_good());
    }
    let quorum = voting / 2 + 1;
    voting.saturating_sub(broken) >= quorum
}
