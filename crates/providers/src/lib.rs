//! Infrastructure kinds and their controllers.
//!
//! Deliberately absent: core never names a provider.
