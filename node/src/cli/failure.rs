//! Why a subcommand did not do what it was asked.

use std::io;

use holdfast_client::ClientError;
use thiserror::Error;

use crate::config::ConfigError;
use crate::exit::Exit;
use crate::server::ServeError;

/// Why a subcommand did not do what it was asked.
#[derive(Debug, Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{0}")]
    Failed(String),
    #[error("{0}")]
    Usage(String),
}

impl Failure {
    /// The exit code for it.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Serve(error) => error.exit(),
            Self::Usage(_) | Self::Client(ClientError::Usage { .. }) => Exit::Usage,
            Self::Config(_) | Self::Client(_) | Self::Io(_) | Self::Failed(_) => Exit::Failed,
        }
    }

    /// One sentence on standard error, or the cluster's own problem as JSON.
    pub(super) fn tell(&self, json: bool) {
        match self.problem().filter(|_| json).map(serde_json::to_string) {
            Some(Ok(problem)) => eprintln!("{problem}"),
            _ => eprintln!("{}", self.sentence()),
        }
    }

    fn sentence(&self) -> String {
        match (self, self.problem()) {
            (Self::Client(ClientError::Refused(_)), Some(problem)) => {
                let name = problem.urn.rsplit(':').next().unwrap_or_default();
                format!("refused, {name}: {}", problem.detail)
            }
            (Self::Client(ClientError::Unknown { key: Some(key), .. }), _) => {
                format!("error: {self}; ask again with --key {key}, which can't buy twice")
            }
            _ => format!("error: {self}"),
        }
    }

    fn problem(&self) -> Option<&holdfast_client::api::Problem> {
        match self {
            Self::Client(error) => error.problem(),
            _ => None,
        }
    }
}
