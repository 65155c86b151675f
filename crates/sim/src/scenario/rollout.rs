//! How new machines take the place of old ones.

use serde_json::{Value, json};

use crate::faults::Chaos;

/// Numbers of a rolling update. What is absent is left to the defaults.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rollout {
    control_plane_surge: Option<i64>,
    /// maxSurge and maxUnavailable.
    workers: Option<(i64, i64)>,
}

const ROLLOUTS: [Rollout; 4] = [
    Rollout { control_plane_surge: None, workers: None },
    Rollout { control_plane_surge: None, workers: Some((0, 1)) },
    Rollout { control_plane_surge: None, workers: Some((2, 1)) },
    Rollout { control_plane_surge: Some(0), workers: Some((0, 1)) },
];

/// Control plane machines without which a rollout cannot do without one more.
const LEAST_WITHOUT_SURGE: i64 = 3;

impl Rollout {
    /// One of those that a control plane of at least this many machines may have.
    pub fn draw(chaos: &Chaos, control_plane: i64) -> Self {
        let mut rollouts = ROLLOUTS.to_vec();
        if control_plane < LEAST_WITHOUT_SURGE {
            rollouts.retain(|rollout| rollout.control_plane_surge != Some(0));
        }
        let choice = chaos.rollout(rollouts.len() as u64);
        usize::try_from(choice).ok().and_then(|at| rollouts.get(at)).copied().unwrap_or_default()
    }

    /// Writes it into the object that it concerns.
    pub fn set(self, object: &mut Value) {
        let rolling =
            |numbers: Value| json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": numbers}});
        match (object["kind"].as_str(), self.control_plane_surge, self.workers) {
            (Some("KubeadmControlPlane"), Some(surge), _) => {
                object["spec"]["rollout"] = rolling(json!({"maxSurge": surge}));
            }
            (Some("MachineDeployment"), _, Some((surge, unavailable))) => {
                object["spec"]["rollout"] =
                    rolling(json!({"maxSurge": surge, "maxUnavailable": unavailable}));
            }
            _ => {}
        }
    }
}
