//! Conflicts: fields that an apply would change and others own.

use super::managed::ManagedFieldsEntry;
use crate::status::{Status, StatusCause};

/// Fields of one manager that an apply would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The manager as messages show it: `"name"`, with subresource and version where these matter.
    pub manager: String,
    /// Path of the field: `.spec.list[name="x"].field`.
    pub path: String,
}

/// All conflicts of an apply, by manager.
pub(super) fn list(mut owners: Vec<(ManagedFieldsEntry, Vec<String>)>) -> Vec<Conflict> {
    let key = |entry: &ManagedFieldsEntry| {
        (entry.manager.clone(), entry.operation, entry.api_version.clone(), entry.subresource.clone())
    };
    owners.sort_by_key(|(entry, _)| key(entry));
    let mut conflicts = Vec::new();
    for (entry, paths) in owners {
        let manager = entry.shown();
        conflicts.extend(paths.into_iter().map(|path| Conflict { manager: manager.clone(), path }));
    }
    conflicts
}

/// The message about conflicts: one in a line, several grouped by manager.
pub(super) fn message(conflicts: &[Conflict]) -> String {
    if let [only] = conflicts {
        return format!("Apply failed with 1 conflict: conflict with {}: {}", only.manager, only.path);
    }
    let mut lines: Vec<String> = Vec::new();
    let mut manager = None;
    for conflict in conflicts {
        if manager != Some(&conflict.manager) {
            manager = Some(&conflict.manager);
            lines.push(format!("conflicts with {}:", conflict.manager));
        }
        lines.push(format!("- {}", conflict.path));
    }
    format!("Apply failed with {} conflicts: {}", conflicts.len(), lines.join("\n"))
}

/// The answer to an apply that conflicts (409).
pub(super) fn status(conflicts: &[Conflict]) -> Status {
    let causes = conflicts
        .iter()
        .map(|conflict| StatusCause {
            reason: "FieldManagerConflict".to_owned(),
            message: format!("conflict with {}", conflict.manager),
            field: conflict.path.clone(),
        })
        .collect();
    Status::apply_conflict(message(conflicts), causes)
}
