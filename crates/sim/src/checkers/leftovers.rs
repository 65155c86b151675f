//! Nothing is left after deletion: no object of the cluster in the API, nothing in the cloud.

use super::mirror::RESOURCES;
use super::{Checkers, Violation, name};

const RULE: &str = "nothing is left after deletion";

/// Objects and cloud resources that outlived their cluster.
///
/// # Errors
/// The first kind of which something is left.
pub fn leftovers(checkers: &Checkers) -> Result<(), Violation> {
    for (_, plural) in RESOURCES {
        if let Some(first) = checkers.mirror.all(plural).next() {
            let count = checkers.mirror.all(plural).count();
            return Err(Violation::new(RULE, format!("{count} {plural}, the first is {}", name(first))));
        }
    }
    match checkers.cloud.ids().first() {
        Some(id) => Err(Violation::new(RULE, format!("cluster {id} in the cloud"))),
        None => Ok(()),
    }
}
