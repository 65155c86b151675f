//! What a store promises about the disk, and how much of the past it remembers.

/// When a write counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// On disk before it is acknowledged, and before any reader or watcher sees it.
    #[default]
    Acknowledged,
    /// Visible and acknowledged at once, written behind in revision order. A crash loses the newest writes,
    /// never an older one while a newer one survives. For data that can be made again, such as simulated
    /// clusters.
    Relaxed,
}

/// Settings of one store. A database opened with these uses them for every store that names none of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Without a file there is nothing to wait for, and this has no effect.
    pub durability: Durability,
    /// At most this many past events are kept for watches and [`crate::Store::list_at`].
    pub history_events: usize,
    /// At most this many bytes of keys, values and previous values are kept as history. A value that is
    /// shared by two events is counted twice, so that the limit is never exceeded. The newest event is kept
    /// whatever its size.
    pub history_bytes: usize,
}

impl Default for Options {
    /// A management store: acknowledged means on disk; 8192 events, 8 MiB.
    fn default() -> Self {
        Self { durability: Durability::Acknowledged, history_events: 8192, history_bytes: 8 << 20 }
    }
}

impl Options {
    /// One of thousands of small stores: written behind; 256 events, 256 KiB. Idle, it costs well under a
    /// KiB.
    #[must_use]
    pub fn small() -> Self {
        Self { durability: Durability::Relaxed, history_events: 256, history_bytes: 256 << 10 }
    }
}
