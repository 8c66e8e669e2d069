//! The five ways in which a call ends without its result.

use holdfast_api::Problem;
use thiserror::Error;

/// Why a call has no result, told by what the caller may conclude from it.
#[derive(Debug, Error)]
pub enum ClientError {
    /// A definite no: nothing was done, by no attempt of the call, and none will be.
    #[error("{0}")]
    Refused(Box<Problem>),
    /// It was sent, and whether it was done is not known. The same call with the same key finds out.
    #[error("the outcome is not known: {detail}")]
    Unknown {
        /// The idempotency key of the request, if it has one.
        key: Option<String>,
        /// Cluster time in milliseconds after which a definite answer to the same request is final; none if the
        /// request has no such time.
        until_ms: Option<u64>,
        /// What was heard last.
        detail: String,
    },
    /// Nothing was done, by no attempt of the call, and none will be; it may be tried again later.
    #[error("nothing was done: {detail}")]
    Unavailable {
        /// What a node said last, if one answered.
        problem: Option<Box<Problem>>,
        /// What was heard last.
        detail: String,
    },
    /// An answer that breaks the contract. A request that changes something may have done so.
    #[error("the answer breaks the contract: {detail}")]
    Protocol {
        /// In what way.
        detail: String,
    },
    /// The call cannot be made as it stands; nothing was sent.
    #[error("{detail}")]
    Usage {
        /// What is wrong with it.
        detail: String,
    },
}

impl ClientError {
    /// What the node said, if the error is one of its answers.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) | Self::Unavailable { problem: Some(problem), .. } => Some(problem),
            _ => None,
        }
    }

    /// Whether the call certainly changed nothing and will change nothing.
    pub fn certainly_no_effect(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Unavailable { .. } | Self::Usage { .. } => true,
            Self::Unknown { .. } | Self::Protocol { .. } => false,
        }
    }
}
