//! `[raft]`: consensus timing and the length of its log.

use holdfast_inventory::Millis;
use serde::{Deserialize, Serialize};

/// Consensus timing and the length of its log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RaftSection {
    /// How often a leader says that it is there.
    pub heartbeat_ms: Millis,
    /// A follower that heard nothing for a random time from here …
    pub election_timeout_min_ms: Millis,
    /// … to here asks to be elected.
    pub election_timeout_max_ms: Millis,
    /// A snapshot is taken every so many log entries, or sooner if they are large.
    pub snapshot_every_entries: u64,
    /// So many entries stay in the log behind a snapshot, for nodes that lag a little.
    pub log_keep_entries: u64,
    /// Above it a snapshot is made, and the log behind it removed. While no snapshot is being sent, what the newest one holds of the log
    /// is removed above half of its bytes, 512 MiB at the least.
    pub log_keep_bytes: u64,
}

impl Default for RaftSection {
    fn default() -> Self {
        Self {
            heartbeat_ms: Millis(50),
            election_timeout_min_ms: Millis(150),
            election_timeout_max_ms: Millis(300),
            snapshot_every_entries: 20_000,
            log_keep_entries: 10_000,
            log_keep_bytes: 4 << 30,
        }
    }
}
