//! What a reference without version led to. Providers are reached this way, by contract paths and never by kind.

use std::sync::Arc;

use api::contract::{Contract, Field};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Where a reference leads.
#[derive(Debug, Clone, Default)]
pub enum Referenced {
    /// There is no reference.
    #[default]
    Unset,
    /// To a kind that the server does not know, or in no version that fulfils a contract we understand.
    UnknownKind,
    /// To nothing: the kind is known, the object is not there.
    Missing,
    /// To an object, to be read by the paths of this contract.
    Found(Arc<Value>, Contract),
}

impl Referenced {
    /// The object, if there is one.
    pub fn object(&self) -> Option<&Value> {
        match self {
            Referenced::Found(object, _) => Some(object),
            Referenced::Unset | Referenced::UnknownKind | Referenced::Missing => None,
        }
    }

    /// Whether the object is known not to be there.
    pub fn is_missing(&self) -> bool {
        matches!(self, Referenced::Missing)
    }

    /// Whether the object is there and its deletion was asked for.
    pub fn is_deleting(&self) -> bool {
        self.object().is_some_and(|object| !object["metadata"]["deletionTimestamp"].is_null())
    }

    /// The contract of the object, the current one where there is no object.
    pub fn contract(&self) -> Contract {
        match self {
            Referenced::Found(_, contract) => *contract,
            Referenced::Unset | Referenced::UnknownKind | Referenced::Missing => Contract::V1Beta2,
        }
    }

    /// A field of the object. A value of the wrong shape counts as absent: a provider's mistake must not stop everything
    /// that does not depend on that field.
    pub fn field<T: DeserializeOwned>(&self, field: Field<T>) -> Option<T> {
        field.get(self.object()?).ok().flatten()
    }

    /// The version the object was read in, `group/version`.
    pub fn api_version(&self) -> &str {
        self.object().and_then(|object| object["apiVersion"].as_str()).unwrap_or_default()
    }

    /// The uid of the object.
    pub fn uid(&self) -> &str {
        self.object().and_then(|object| object["metadata"]["uid"].as_str()).unwrap_or_default()
    }

    /// The resourceVersion of the object.
    pub fn resource_version(&self) -> &str {
        self.object().and_then(|object| object["metadata"]["resourceVersion"].as_str()).unwrap_or_default()
    }
}
