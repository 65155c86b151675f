//! Objects as a person writes them: YAML documents, sent to the API as they are.

use machinery::gvk::GroupVersionKind;
use runtime::client::{Call, Client, Verb};
use runtime::key::Key;
use runtime::kind::Kind;
use serde_json::Value;

use crate::error::CommandError;

/// One document: where it goes, and what it says.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its kind, in its version.
    pub kind: GroupVersionKind,
    /// Its namespace and name.
    pub key: Key,
    /// The whole object.
    pub object: Value,
}

/// Reads all documents of a YAML text of ours.
pub fn parse(text: &str) -> Result<Vec<Document>, CommandError> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(CommandError::internal)?;
    documents.into_iter().filter(|document| !document.is_null()).map(document).collect()
}

fn document(object: Value) -> Result<Document, CommandError> {
    let kind = GroupVersionKind::of(&object).map_err(CommandError::internal)?;
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default();
    let key = Key::new(text("namespace"), text("name"));
    Ok(Document { kind, key, object })
}

/// Applies documents in their order, as `kubectl apply --server-side` would.
pub async fn apply(client: &Client, documents: &[Document], manager: &str) -> Result<(), CommandError> {
    for document in documents {
        let kind = discover(client, &document.kind).await?;
        let mut call = Call::new(Verb::Apply, &kind, &document.key);
        let query = [("fieldManager", manager)];
        call.query = &query;
        call.body = document.object.to_string().into();
        client.call(call).await.map_err(CommandError::unmet)?;
    }
    Ok(())
}

/// The resource behind a kind.
pub async fn discover(client: &Client, kind: &GroupVersionKind) -> Result<Kind, CommandError> {
    client.discover(kind).await.map_err(CommandError::unmet)
}
