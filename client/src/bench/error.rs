//! Why there is nothing to tell.

use thiserror::Error;

use crate::ClientError;

/// Why a run could not begin, or had to end.
#[derive(Debug, Error)]
pub enum BenchError {
    /// A call to the cluster outside of the load failed.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The cluster cannot serve; nothing was sent.
    #[error("the cluster is not ready, and nothing was sent: {0}")]
    NotReady(String),
    /// The generator itself failed.
    #[error("the generator failed: {0}")]
    Generator(String),
}
