//! What kubeadm, cloud-init and etcd expect to be told.
//!
//! Deliberately absent: text in, text out; never asks a cluster anything.
