//! Why a subcommand did not do what it was asked.

use std::borrow::Cow;
use std::io;

use holdfast_client::ClientError;
use holdfast_client::api::{Problem, ProblemType};
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
    /// What was looked at is not as it must be.
    #[error("{0}")]
    Unsound(String),
    #[error("{0}")]
    Usage(String),
    /// A node that was started from here could not run; its exit code is passed on.
    #[error("{sentence}")]
    Node { sentence: String, exit: Exit },
}

impl Failure {
    /// The exit code for it.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Serve(error) => error.exit(),
            Self::Node { exit, .. } => *exit,
            Self::Usage(_) | Self::Client(ClientError::Usage { .. }) => Exit::Usage,
            Self::Config(_) | Self::Client(_) | Self::Io(_) | Self::Failed(_) | Self::Unsound(_) => Exit::Failed,
        }
    }

    /// For standard error: one sentence, or with `json` a problem, the cluster's own if it told one.
    pub(super) fn said(&self, json: bool) -> String {
        match json.then(|| serde_json::to_string(self.problem().unwrap_or(&self.own_problem()))) {
            Some(Ok(problem)) => problem,
            _ => self.sentence(),
        }
    }

    /// What went wrong, without what it means for the call.
    pub(super) fn detail(&self) -> String {
        match self {
            Self::Client(ClientError::Unavailable { detail, .. } | ClientError::Unknown { detail, .. }) => detail.clone(),
            _ => self.to_string(),
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
            (Self::Client(ClientError::Unavailable { detail, .. }), _) => format!("error: {detail}; nothing was done"),
            _ => format!("error: {self}"),
        }
    }

    fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Client(error) => error.problem(),
            _ => None,
        }
    }

    /// A problem for what was found on this side. It has a type of the contract only where that says the same.
    fn own_problem(&self) -> Problem {
        let sentence = self.sentence();
        let detail = sentence.strip_prefix("error: ").unwrap_or(&sentence).to_owned();
        match self {
            Self::Client(ClientError::Unknown { .. }) => Problem::new(ProblemType::OutcomeUnknown, detail),
            _ => Problem { urn: Cow::Borrowed("about:blank"), title: self.title().into(), detail: detail.into(), ..Problem::default() },
        }
    }

    fn title(&self) -> &'static str {
        match self.exit() {
            _ if matches!(self, Self::Unsound(_)) => "What was checked is not sound",
            Exit::Usage => "The command line makes no sense",
            Exit::Disk => "The disk or its data is at fault",
            Exit::DataDirectory => "The data directory was refused",
            Exit::Done | Exit::Failed => "It failed",
        }
    }
}
