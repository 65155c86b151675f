//! Infrastructure objects behind one Machine.

use super::{Contract, Field};
use crate::core::common::MachineAddress;

/// Whether the server has been provisioned once.
pub const fn provisioned(contract: Contract) -> Field<bool> {
    match contract {
        Contract::V1Beta1 => Field::at(&["status", "ready"]),
        Contract::V1Beta2 => Field::at(&["status", "initialization", "provisioned"]),
    }
}

/// How the provider calls the server.
pub const PROVIDER_ID: Field<String> = Field::at(&["spec", "providerID"]);
/// Addresses of the server.
pub const ADDRESSES: Field<Vec<MachineAddress>> = Field::at(&["status", "addresses"]);
/// The failure domain the server was placed in.
pub const FAILURE_DOMAIN: Field<String> = Field::at(&["status", "failureDomain"]);
/// Where older providers say which failure domain the server was placed in.
pub const FAILURE_DOMAIN_IN_SPEC: Field<String> = Field::at(&["spec", "failureDomain"]);
/// A fault that does not pass by itself, as a word; only of providers of the older contract.
pub const FAILURE_REASON: Field<String> = Field::at(&["status", "failureReason"]);
/// A fault that does not pass by itself, as a sentence; only of providers of the older contract.
pub const FAILURE_MESSAGE: Field<String> = Field::at(&["status", "failureMessage"]);
