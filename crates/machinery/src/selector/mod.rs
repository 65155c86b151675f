//! Selectors: which objects a list, a watch or an owner means.

mod field;
mod label;
mod text;

pub use field::{FieldRequirement, FieldSelector, InvalidFieldSelector};
pub use label::{InvalidSelector, LabelSelector, Labels, Operator, Requirement};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::names::label_value_problems;

/// The value itself where it may be a label value, else `hash_<FNV-32a, base64url>_z`.
///
/// Cluster API labels objects with names that may be too long for a label; the same name always gives the same label.
pub fn label_value_or_hash(value: &str) -> String {
    if label_value_problems(value).is_empty() {
        return value.to_owned();
    }
    format!("hash_{}_z", URL_SAFE_NO_PAD.encode(fnv_32a(value.as_bytes()).to_be_bytes()))
}

/// Whether a label that [`label_value_or_hash`] may have made stands for this value.
pub fn label_stands_for(label: &str, value: &str) -> bool {
    label == label_value_or_hash(value)
}

/// The FNV-1a hash of 32 bits.
pub fn fnv_32a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
