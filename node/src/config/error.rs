//! Why a configuration was refused.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a configuration was refused; one sentence that names file, key and reason.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("{}: cannot be read: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A key is unknown, or its value is not allowed.
    #[error("{}: {key}: {reason}", file.display())]
    Refused {
        /// The file.
        file: PathBuf,
        /// The key, such as `raft.heartbeat_ms` or `members[1].peer`; empty if none can be named.
        key: String,
        /// What is wrong with it and what is allowed.
        reason: String,
    },
}

/// A refused key before the file is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) key: String,
    pub(super) reason: String,
}

impl Flaw {
    pub(super) fn new(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { key: key.into(), reason: reason.into() }
    }

    pub(super) fn in_file(self, file: impl Into<PathBuf>) -> ConfigError {
        ConfigError::Refused { file: file.into(), key: self.key, reason: self.reason }
    }
}
