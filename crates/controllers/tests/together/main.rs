//! Controllers over a real API server in the same process, under virtual time. What nobody here does, such as to provision
//! machines, the tests say themselves.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod bench;
mod bootstrap;
mod workers;
