//! Finalizers as a list that one adds to and takes from.
//!
//! The whole list is sent, under the version it was read at: two writers that both change it must not undo one another.

use serde_json::{Value, json};

/// The merge patch that adds `finalizer` to `current`; none where it is there.
pub fn adding(current: &[String], finalizer: &str, resource_version: &str) -> Option<Value> {
    if current.iter().any(|one| one == finalizer) {
        return None;
    }
    let mut finalizers: Vec<&str> = current.iter().map(String::as_str).collect();
    finalizers.push(finalizer);
    Some(patch(&finalizers, resource_version))
}

/// The merge patch that takes `finalizer` from `current`; none where it is not there.
pub fn removing(current: &[String], finalizer: &str, resource_version: &str) -> Option<Value> {
    let finalizers: Vec<&str> = current.iter().map(String::as_str).filter(|one| *one != finalizer).collect();
    (finalizers.len() < current.len()).then(|| patch(&finalizers, resource_version))
}

fn patch(finalizers: &[&str], resource_version: &str) -> Value {
    json!({ "metadata": { "finalizers": finalizers, "resourceVersion": resource_version } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_patched() {
        let current = ["a".to_owned(), "b".to_owned()];
        assert_eq!(adding(&current, "a", "1"), None);
        assert_eq!(removing(&current, "c", "1"), None);
        let expected = json!({ "metadata": { "finalizers": ["a", "b", "c"], "resourceVersion": "1" } });
        assert_eq!(adding(&current, "c", "1"), Some(expected));
        let expected = json!({ "metadata": { "finalizers": ["b"], "resourceVersion": "1" } });
        assert_eq!(removing(&current, "a", "1"), Some(expected));
    }
}
