//! Server-side apply and `managedFields`: who owns which field, and what an applier changes.
//!
//! The rules are those of sigs.k8s.io/structured-merge-diff and k8s.io/apimachinery `managedfields`:
//!
//! ```text
//! applied ──check──> fits the schema?          live + applied ──merge──> merged
//! merged  ──remove─> minus what the manager applied before and nobody owns now
//! live, merged ──compare──> written and removed fields ──update──> conflicts, or new managedFields
//! ```
//!
//! Deliberately absent: conversion between versions. Entries of other versions are taken as they are, which is right for
//! kinds whose versions have one shape. Defaulting and validation are the caller's, after the merge.

mod check;
mod collect;
mod compare;
mod conflict;
mod fieldset;
mod last_applied;
mod managed;
mod merge;
mod reconcile;
mod remove;
mod request;
mod scale;
mod typed;
mod update;
mod would_change;

pub use conflict::Conflict;
pub use fieldset::FieldSet;
pub use last_applied::LAST_APPLIED_ANNOTATION;
pub use managed::{ManagedFieldsEntry, Operation};
pub use request::{ApplyError, ApplyRequest, apply, reset_fields};
pub use scale::{ReplicasPaths, SCALE_API_VERSION, to_parent, to_scale};
pub use update::{Writer, track_update};
pub use would_change::would_change;
