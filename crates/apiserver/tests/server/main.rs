//! The server as its clients see it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod apply;
mod connect;
mod frame;
mod namespaces;
mod patch;
mod scale;
mod verbs;
