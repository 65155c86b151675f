//! Tests of the whole provider, without anything but memory beneath it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod cloud;
mod controllers;
mod world;
