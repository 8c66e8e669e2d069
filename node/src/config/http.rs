//! `[http]`: limits of the two HTTP listeners.

use holdfast_inventory::Millis;
use serde::{Deserialize, Serialize};

/// Limits of the two HTTP listeners.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSection {
    /// Most connections of the api listener; one more is told `overloaded` and closed.
    pub max_connections: u32,
    /// Most connections of the admin listener.
    pub max_admin_connections: u32,
    /// The whole head of a request must arrive within this time, and the first byte of a connection too.
    pub header_timeout_ms: Millis,
    /// The whole body of a request must arrive within this time.
    pub body_timeout_ms: Millis,
    /// A connection without a request is closed after this time; longer than the load balancer keeps its own.
    pub idle_timeout_ms: Millis,
    /// A client that takes no byte of its answer for this long is cut off.
    pub write_timeout_ms: Millis,
    /// Longest body of a single request.
    pub max_body_bytes: u32,
    /// Longest body of `POST /v1/orders/batch`.
    pub max_batch_body_bytes: u32,
    /// Longest head of a request.
    pub max_head_bytes: u32,
    /// Most event streams at once.
    pub max_event_streams: u32,
    /// A stopping node finishes its requests for at most this long.
    pub drain_timeout_ms: Millis,
}

impl Default for HttpSection {
    fn default() -> Self {
        Self {
            max_connections: 16_384,
            max_admin_connections: 256,
            header_timeout_ms: Millis(5_000),
            body_timeout_ms: Millis(10_000),
            idle_timeout_ms: Millis(75_000),
            write_timeout_ms: Millis(30_000),
            max_body_bytes: 64 << 10,
            max_batch_body_bytes: 16 << 20,
            max_head_bytes: 16 << 10,
            max_event_streams: 1_024,
            drain_timeout_ms: Millis(10_000),
        }
    }
}
