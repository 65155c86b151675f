//! The whole system under virtual time and one seed.
//!
//! Deliberately absent: no real clock, no sockets, no randomness but the seed.
