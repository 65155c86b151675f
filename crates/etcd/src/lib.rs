//! The slice of etcd's gRPC interface that a control plane needs.
//!
//! Deliberately absent: no storage, no Raft, no Kubernetes.
