//! Bootstrap objects: what turns a server into a node.

use super::{Contract, Field};

/// Whether the Secret with bootstrap data has been made.
pub const fn data_secret_created(contract: Contract) -> Field<bool> {
    match contract {
        Contract::V1Beta1 => Field::at(&["status", "ready"]),
        Contract::V1Beta2 => Field::at(&["status", "initialization", "dataSecretCreated"]),
    }
}

/// The name of that Secret.
pub const DATA_SECRET_NAME: Field<String> = Field::at(&["status", "dataSecretName"]);
/// A fault that does not pass by itself, as a word; only of providers of the older contract.
pub const FAILURE_REASON: Field<String> = Field::at(&["status", "failureReason"]);
/// A fault that does not pass by itself, as a sentence; only of providers of the older contract.
pub const FAILURE_MESSAGE: Field<String> = Field::at(&["status", "failureMessage"]);
