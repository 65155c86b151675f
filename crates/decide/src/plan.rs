//! What a decision looks like: a [`Plan`] of actions, a status, and when to look again.
