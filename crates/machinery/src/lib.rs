//! The rules every Kubernetes API shares.
//!
//! Deliberately absent: no I/O, no async, no kind by name.
