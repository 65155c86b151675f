//! Key to bytes with revisions, history and compaction, durable or in memory.
//!
//! Deliberately absent: bytes only: no JSON, no kinds, no network.
