//! The Kubernetes API over a store.
//!
//! Deliberately absent: knows no Cluster API kind by name.
