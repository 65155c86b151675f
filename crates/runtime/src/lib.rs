//! What every controller stands on.
//!
//! Deliberately absent: knows no Cluster API kind by name.
