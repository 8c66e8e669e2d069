//! What a node is started with.

use std::collections::BTreeMap;

use holdfast_inventory::{NodeId, Params};

use crate::limits;
use crate::net::PeerListener;

/// Where a member is reached, and on which disk it lives. Part of the membership entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerNode {
    /// `host:port` of its peer listener.
    pub peer: String,
    /// `host:port` of its HTTP listener.
    pub api: String,
    /// `host:port` of its admin listener.
    pub admin: String,
    /// Its disk id; 0 in a configuration, set when the cluster is made.
    pub disk: u128,
    /// Share of the slices it is given, relative to the other members.
    pub weight: u32,
}

impl PeerNode {
    /// This member with the disk that votes for it.
    pub(crate) fn on_disk(&self, disk: u128) -> Self {
        Self { disk, ..self.clone() }
    }
}

/// Everything that [`RaftNode::start`](crate::RaftNode::start) needs but the data directory.
#[derive(Debug)]
pub struct RaftConfig {
    /// Which member this is.
    pub node: NodeId,
    /// The configured members, this one included. Addresses are taken from here; who belongs to the cluster is read
    /// from its log once it has one.
    pub members: BTreeMap<NodeId, PeerNode>,
    /// The peer listener, bound already.
    pub listener: PeerListener,
    /// Make a new cluster if the data directory is empty; without effect otherwise.
    pub bootstrap: bool,
    /// Parameters of a new cluster.
    pub params: Params,
    /// The cluster's name; part of its id, and nodes of another name are not spoken to.
    pub cluster_name: String,
    /// Authenticates every peer connection; the same on all members.
    pub cluster_secret: String,
    /// Times.
    pub timing: Timing,
    /// When snapshots are made, and how much of the log stays behind them.
    pub snapshots: SnapshotPolicy,
}

/// Times of the protocol, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The leader's heartbeat.
    pub heartbeat_ms: u64,
    /// Shortest election timeout; at least ten times a log sync.
    pub election_min_ms: u64,
    /// Longest election timeout.
    pub election_max_ms: u64,
}

/// What openraft is told, in milliseconds, so that a follower stands for election within the configured times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ElectionWait {
    /// Shortest random wait.
    pub(crate) min_ms: u64,
    /// Longest random wait, and the lease before it.
    pub(crate) max_ms: u64,
}

impl Timing {
    /// A follower of openraft waits for the leader's lease, which is as long as its longest election timeout, and only then
    /// for a random one. Half of our longest timeout is the lease, so that both together end within it; each is longer than
    /// a heartbeat.
    pub(crate) fn election_wait(&self) -> ElectionWait {
        let lease = self.election_max_ms / 2;
        let min_ms = self.election_min_ms.saturating_sub(lease).max(self.heartbeat_ms * 5 / 4 + 1);
        ElectionWait { min_ms, max_ms: lease.max(min_ms + 1) }
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self { heartbeat_ms: 50, election_min_ms: 150, election_max_ms: 300 }
    }
}

/// When snapshots are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotPolicy {
    /// After so many entries; behind a snapshot that is not [small](limits::SNAPSHOT_SMALL_BYTES), if they are that part of its bytes too.
    pub every_entries: u64,
    /// After so many bytes of log, or a [part](limits::SNAPSHOT_TAIL_PART) of the newest snapshot's bytes if that is more.
    pub tail_bytes: u64,
    /// Entries that stay in the log behind a snapshot, for members that lag a little.
    pub keep_entries: u64,
    /// Bytes of log above which a snapshot is made and what it holds is purged; less is kept behind a
    /// [small snapshot](limits::LOG_KEEP_SMALL_BYTES).
    pub keep_bytes: u64,
    /// A new member that lags no more than this has caught up; above `every_entries`.
    pub lag_entries: u64,
}

impl Default for SnapshotPolicy {
    fn default() -> Self {
        Self {
            every_entries: limits::SNAPSHOT_EVERY_ENTRIES,
            tail_bytes: limits::SNAPSHOT_TAIL_BYTES,
            keep_entries: limits::LOG_KEEP_ENTRIES,
            keep_bytes: limits::LOG_KEEP_BYTES,
            lag_entries: 2 * limits::SNAPSHOT_EVERY_ENTRIES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follower_stands_for_election_within_the_configured_times() {
        let times = [(50, 150, 300), (50, 300, 600), (10, 100, 1_000), (100, 500, 600), (50, 100, 150), (5, 10, 16), (100, 200, 300)];
        for (heartbeat_ms, election_min_ms, election_max_ms) in times {
            let wait = Timing { heartbeat_ms, election_min_ms, election_max_ms }.election_wait();
            assert!(wait.max_ms + wait.min_ms >= election_min_ms, "{wait:?}");
            assert!(2 * wait.max_ms <= election_max_ms, "{wait:?}");
            assert!(heartbeat_ms < wait.min_ms && wait.min_ms < wait.max_ms, "{wait:?}");
        }
    }

    #[test]
    fn times_narrower_than_a_configuration_may_have_are_still_taken_by_consensus() {
        let wait = Timing { heartbeat_ms: 50, election_min_ms: 100, election_max_ms: 101 }.election_wait();
        assert_eq!(wait, ElectionWait { min_ms: 63, max_ms: 64 });
    }
}
