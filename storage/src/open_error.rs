//! Why a data directory was not opened, and what the operator does about it.

use std::io;
use std::path::PathBuf;

use holdfast_inventory::NodeId;
use thiserror::Error;

/// What becomes of a member whose disk may not come back, as messages say it.
pub const MEMBER_LOST: &str = "leave this node stopped, the others go on without it; to remove the member and join again under a new \
                               id takes member change, which this version does not have";

/// Why a data directory, or a part of it, was not opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process holds the lock.
    #[error("data directory {0} is in use by another process: stop that one first, or choose another directory")]
    InUse(PathBuf),
    /// The directory must exist, and does not.
    #[error("data directory {0} does not exist: check the path")]
    Absent(PathBuf),
    /// The directory holds files that are not a node's.
    #[error("directory {0} is not empty and is no data directory: choose an empty one")]
    Foreign(PathBuf),
    /// The directory holds nothing of a node.
    #[error("{0} holds no node's data: check the path")]
    NoData(PathBuf),
    /// A part that every member's directory has is not there.
    #[error("{0} is gone, though this node is a member of a cluster")]
    PartGone(PathBuf),
    /// The directory was made for another node.
    #[error("data directory {path} belongs to node {owner}, not to node {asked}: give this node its own directory, or correct its id")]
    OtherNode {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        owner: NodeId,
        /// Who asked for it.
        asked: NodeId,
    },
    /// A version of the format that this build does not read.
    #[error("{path} has format version {version}, which this build does not read: start the build that wrote it")]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u8,
    },
    /// A small file (identity, peers) does not read back.
    #[error("{path} is damaged ({reason}): {MEMBER_LOST}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The Raft log does not read back: a node that forgot what it acknowledged must not vote again.
    #[error("Raft log {path} is damaged ({reason}): {MEMBER_LOST}")]
    LogDamaged {
        /// The log's directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A snapshot is not damaged and holds nothing that this build reads.
    #[error("snapshot {path} was not read: {source}; start the build that wrote it, or move the file away, for the one before it")]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// What was found in it; of a version that this build does not read [`io::ErrorKind::Unsupported`].
        source: io::Error,
    },
    /// The operating system said no.
    #[error("cannot use {path}: {source}; check permissions and space, then start again")]
    Io {
        /// What was being used.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl OpenError {
    /// Whether the directory is whole but not for this use (exit code 4); otherwise it is damaged or unusable (exit code 3).
    pub fn refused(&self) -> bool {
        match self {
            OpenError::InUse(_)
            | OpenError::Absent(_)
            | OpenError::Foreign(_)
            | OpenError::NoData(_)
            | OpenError::OtherNode { .. }
            | OpenError::Version { .. } => true,
            OpenError::Snapshot { source, .. } => source.kind() == io::ErrorKind::Unsupported,
            OpenError::PartGone(_) | OpenError::Damaged { .. } | OpenError::LogDamaged { .. } | OpenError::Io { .. } => false,
        }
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> OpenError {
        let path = path.into();
        move |source| OpenError::Io { path, source }
    }
}
