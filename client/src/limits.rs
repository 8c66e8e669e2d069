//! Bounds of the client that are not worth a setting.

use std::time::Duration;

/// Longest answer that is read, in bytes. A full batch of orders stays below it.
pub const MAX_ANSWER_BYTES: usize = 16 << 20;
/// Longest line of the change feed, in bytes.
pub const MAX_FEED_LINE_BYTES: usize = 1 << 20;
/// Cluster time is asked for again when the last answer is older than this.
pub const TIME_KEPT: Duration = Duration::from_secs(30);
/// Cluster time that an answer cast doubt on is asked for again, but not more often than this.
pub const TIME_DOUBTED: Duration = Duration::from_secs(1);
/// Longest that a node lets an order request live, in milliseconds of cluster time: what bounds a request that
/// another process sent with the same key.
pub const FOREIGN_REQUEST_MS: u64 = 2_000;
/// Idle connections kept for each node.
pub const IDLE_CONNECTIONS: usize = 64;
/// Longest that an idle connection is kept.
pub const IDLE_KEPT: Duration = Duration::from_secs(30);
/// Longest that the change feed may be silent before another node is asked; a node sends a comment more often.
pub const FEED_SILENCE: Duration = Duration::from_mins(1);
