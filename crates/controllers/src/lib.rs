//! Per controller: how to observe, which plan to ask for, how to act.
//!
//! Deliberately absent: holds no `if` about what should happen.
