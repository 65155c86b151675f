//! The document that a text holds, and the formats that it may be in.

use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::unknown;
use crate::Error;
use crate::versions::ConfigurationVersion;

/// A document, whose format is not certain where it does not name one.
pub(super) struct Document {
    /// The formats that it may be in, the likeliest first.
    pub(super) versions: Vec<ConfigurationVersion>,
    /// What it holds: an object.
    pub(super) content: Value,
}

/// The document in a text, if it is of that kind, or of none, and of a format that we know, or of none. A text without
/// a document is an empty object.
pub(super) fn read(yaml: &str, kind: &str) -> Result<Document, Error> {
    let content = match first(yaml) {
        Some(Value::Null) => Value::Object(Map::new()),
        Some(content @ Value::Object(_)) => content,
        // The parser's own message may quote the text, which may hold a token.
        _ => return Err(unknown(format!("the text is not the YAML of a {kind}"))),
    };
    let text = |key: &str| match content.get(key) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(_) => Err(unknown(format!("{key} must be a string"))),
    };
    let versions = versions(text("apiVersion")?)?;
    match text("kind")? {
        "" => {}
        named if named == kind => {}
        named => return Err(unknown(format!("kind {named:?} is not {kind}"))),
    }
    Ok(Document { versions, content })
}

/// The first document of a text. Nobody looks at what follows it.
fn first(yaml: &str) -> Option<Value> {
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    let mut first = None;
    let whole = serde_saphyr::with_deserializer_from_str_with_options(yaml, options, |deserializer| {
        first = Some(Value::deserialize(deserializer)?);
        Ok(())
    });
    // The result tells also of what follows.
    drop(whole);
    first
}

/// The formats that an `apiVersion` may mean: an absent one, or one without a version, may mean any.
fn versions(api_version: &str) -> Result<Vec<ConfigurationVersion>, Error> {
    use ConfigurationVersion::{V1Beta3, V1Beta4};
    if matches!(api_version, "" | "/" | "kubeadm.k8s.io/") {
        return Ok(vec![V1Beta4, V1Beta3]);
    }
    let version = ConfigurationVersion::of_api_version(api_version).ok_or_else(|| {
        unknown(format!("apiVersion {api_version:?} is neither kubeadm.k8s.io/v1beta3 nor v1beta4"))
    })?;
    Ok(vec![version])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn versions_and_content(yaml: &str) -> Option<(usize, Value)> {
        read(yaml, "K").ok().map(|document| (document.versions.len(), document.content))
    }

    #[test]
    fn what_a_document_does_not_say_is_as_expected() {
        for empty in ["", "\n", "# nothing\n", "---\n", "null", "{}", "---\n---\na: 1\n"] {
            assert_eq!(versions_and_content(empty), Some((2, json!({}))), "{empty:?}");
        }
        for silent in ["a: 1", "a: 1\nkind: K", "a: 1\nkind: ''\napiVersion: null", "a: 1\napiVersion: /"] {
            let (versions, content) = versions_and_content(silent).unwrap();
            assert_eq!((versions, &content["a"]), (2, &json!(1)), "{silent:?}");
        }
        let named = versions_and_content("apiVersion: kubeadm.k8s.io/v1beta3").unwrap();
        assert_eq!(named.0, 1);
    }

    #[test]
    fn what_it_does_say_must_fit() {
        for bad in [
            "a",
            "[]",
            "a: [",
            "kind: L",
            "kind: 1",
            "apiVersion: 1",
            "apiVersion: v1beta4",
            "apiVersion: kubeadm.k8s.io/v1beta2",
            "apiVersion: /v1beta4",
        ] {
            assert_eq!(versions_and_content(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn only_the_first_document_counts() {
        for more in ["a: 1\n---\nb: 2\n", "---\na: 1\n---\nkind: L\n", "a: 1\n...\n---\nb: [\n"] {
            assert_eq!(versions_and_content(more), Some((2, json!({ "a": 1 }))), "{more:?}");
        }
    }
}
