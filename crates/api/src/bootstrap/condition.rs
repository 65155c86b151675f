//! Condition types and reasons of a KubeadmConfig.

/// The summary: the config is not being deleted, its certificates and its data secret are available.
pub const READY_CONDITION: &str = "Ready";
/// Reason of [`READY_CONDITION`] when true.
pub const READY_REASON: &str = "Ready";
/// Reason of [`READY_CONDITION`] when false.
pub const NOT_READY_REASON: &str = "NotReady";
/// Reason of [`READY_CONDITION`] when it cannot be told.
pub const READY_UNKNOWN_REASON: &str = "ReadyUnknown";

/// The cluster's certificates that the bootstrap data needs exist.
pub const CERTIFICATES_AVAILABLE_CONDITION: &str = "CertificatesAvailable";
/// Reason of [`CERTIFICATES_AVAILABLE_CONDITION`] when true.
pub const CERTIFICATES_AVAILABLE_REASON: &str = "Available";
/// Reason of [`CERTIFICATES_AVAILABLE_CONDITION`] when reading or making certificates failed.
pub const CERTIFICATES_AVAILABLE_INTERNAL_ERROR_REASON: &str = "InternalError";

/// The secret with the bootstrap data exists.
pub const DATA_SECRET_AVAILABLE_CONDITION: &str = "DataSecretAvailable";
/// Reason of [`DATA_SECRET_AVAILABLE_CONDITION`] when true.
pub const DATA_SECRET_AVAILABLE_REASON: &str = "Available";
/// Reason of [`DATA_SECRET_AVAILABLE_CONDITION`] when false.
pub const DATA_SECRET_NOT_AVAILABLE_REASON: &str = "NotAvailable";
