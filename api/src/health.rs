//! Small answers about a node: cluster time and whether it can serve.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer to `GET /v1/time`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServerTime {
    /// Cluster time in milliseconds since 1970-01-01 UTC.
    pub now_ms: u64,
    /// Furthest that it may be wrong, either way.
    pub error_bound_ms: u64,
}

/// Answer to `GET /livez` and, with status 200 or 503, `GET /readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Whether the node can serve an order now; `/livez` says whether the process answers at all.
    pub ready: bool,
    /// Why it cannot, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
