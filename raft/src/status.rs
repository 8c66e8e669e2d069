//! What a node says about itself.

use std::collections::BTreeMap;

use holdfast_inventory::{LogIndex, NodeId};

use crate::PeerNode;

/// Who leads, as this node sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeaderView {
    /// The leader; none between leaders.
    pub leader: Option<NodeId>,
    /// The term in which this is true.
    pub term: u64,
    /// Whether this node leads.
    pub is_self: bool,
}

/// A node's part in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RaftRole {
    /// Receives the log without a vote.
    Learner,
    /// Follows a leader.
    Follower,
    /// Asks for votes.
    Candidate,
    /// Leads.
    Leader,
    /// Has stopped.
    Stopped,
}

impl RaftRole {
    /// The word of the admin contract.
    pub fn word(self) -> &'static str {
        match self {
            RaftRole::Learner => "learner",
            RaftRole::Follower => "follower",
            RaftRole::Candidate => "candidate",
            RaftRole::Leader => "leader",
            RaftRole::Stopped => "stopped",
        }
    }
}

/// A member as the cluster knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberStatus {
    /// Its addresses, disk and weight.
    pub node: PeerNode,
    /// Whether it votes.
    pub voter: bool,
    /// Leader only: the last index that this member is known to hold durably.
    pub matched: Option<LogIndex>,
    /// Leader only: entries between the leader's last index and that.
    pub lag: Option<u64>,
    /// Leader only: milliseconds since this member last answered.
    pub last_heard_ms: Option<u64>,
}

/// Where a node stands. Index 0 is nothing yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RaftStatus {
    /// What it does.
    pub state: RaftRole,
    /// Its term.
    pub term: u64,
    /// Who leads, as far as it knows.
    pub leader: Option<NodeId>,
    /// Last entry of its log.
    pub last_log: LogIndex,
    /// Last entry it knows to be on a quorum.
    pub committed: LogIndex,
    /// Last entry that is in the state.
    pub applied: LogIndex,
    /// Last entry in its newest snapshot.
    pub snapshot_index: LogIndex,
    /// Last entry that is gone from the log.
    pub purged: LogIndex,
    /// The members, by id.
    pub members: BTreeMap<NodeId, MemberStatus>,
    /// Leader only: milliseconds since a quorum last answered.
    pub last_quorum_ack_ms: Option<u64>,
}
