//! What can go wrong, an enum per operation.

use holdfast_inventory::{LogIndex, NodeId};
use holdfast_storage::OpenError;
use thiserror::Error;

/// Why a node did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// Nothing is in the data directory, and no new cluster was asked for.
    #[error(
        "the data directory is empty: start all members of a new cluster with --bootstrap; to join a running cluster as a new \
         member, under an id that was never used, takes member change, which this version does not have"
    )]
    EmptyDirectory,
    /// The data directory was made for a cluster of another name.
    #[error("the data directory belongs to another cluster than '{0}': give this node its own directory, or correct cluster.name")]
    OtherCluster(String),
    /// Another member refused this disk.
    #[error("refused by node {by}: {reason}")]
    Refused {
        /// Who refused.
        by: NodeId,
        /// Why, and the way out.
        reason: String,
    },
    /// The configuration contradicts itself or the data directory.
    #[error("{0}")]
    Config(String),
    /// The data directory is damaged or not readable.
    #[error(transparent)]
    Storage(OpenError),
    /// The newest snapshot is damaged or gone, and the log no longer goes back to the one before it.
    #[error(
        "no snapshot here goes on to entry {}, where the log begins: copy the newest *.snap of the snapshots/ directory of a node \
         that runs into {dir}, and start again",
        .log_begins_after.0 + 1
    )]
    SnapshotLost {
        /// The last entry that the log has let go.
        log_begins_after: LogIndex,
        /// Where snapshots are.
        dir: String,
    },
    /// The newest snapshot was made by a cluster of other disks: behind it this node's own log would be let go.
    #[error("snapshot {0} is of another cluster: move it away, and start again")]
    ForeignSnapshot(String),
    /// Consensus did not start.
    #[error("consensus did not start: {0}")]
    Raft(String),
}

impl StartError {
    /// Whether the node was refused (exit code 4) rather than broken (exit code 3).
    pub fn refused(&self) -> bool {
        match self {
            StartError::EmptyDirectory
            | StartError::OtherCluster(_)
            | StartError::Refused { .. }
            | StartError::Config(_)
            | StartError::ForeignSnapshot(_) => true,
            StartError::Storage(error) => error.refused(),
            StartError::SnapshotLost { .. } | StartError::Raft(_) => false,
        }
    }
}

/// Why a proposal or a read index was not given.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProposeError {
    /// Not the leader: certainly without effect.
    #[error("not the leader")]
    NotLeader {
        /// Who leads, as far as this node knows; none between leaders and in a minority.
        leader: Option<NodeId>,
    },
    /// Longer than an entry may be: certainly without effect.
    #[error("an entry of {0} bytes is too long")]
    TooLong(usize),
    /// It was proposed, and what became of it is not known.
    #[error("the outcome is not known")]
    Unknown,
    /// The node has stopped: what became of it is not known.
    #[error("the node has stopped")]
    Stopped,
}

/// Why a call to another node has no answer. Only `Unreachable` and `TooLong` say that it was not handled.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CallError {
    /// No connection: it was not sent.
    #[error("no connection to the node")]
    Unreachable,
    /// Too many calls are under way: it was not sent.
    #[error("too many calls to the node are under way")]
    Overloaded,
    /// Longer than a frame may be: it was not sent.
    #[error("a body of {0} bytes is too long")]
    TooLong(usize),
    /// Sent, or being sent, and not answered in time.
    #[error("no answer in time")]
    Timeout,
    /// The connection broke after it was sent.
    #[error("the connection broke before the answer")]
    Broken,
}

/// Why the node must leave; the process exits with [`Fatal::exit_code`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fatal {
    /// A fault of disk, log or state: nothing that this node holds is served any more.
    #[error("{0}")]
    Fault(String),
    /// A member refused this node's disk.
    #[error("{0}")]
    Refused(String),
}

impl Fatal {
    /// 3 for a fault, 4 for a refusal.
    pub fn exit_code(&self) -> u8 {
        match self {
            Fatal::Fault(_) => 3,
            Fatal::Refused(_) => 4,
        }
    }
}
