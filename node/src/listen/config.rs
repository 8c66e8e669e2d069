//! What bounds a listener.

use std::time::Duration;

use crate::config::{HttpSection, duration};
use crate::limits::MAX_REFUSALS_IN_FLIGHT;

/// What bounds a listener.
#[derive(Clone, Debug)]
pub struct ListenConfig {
    /// Most connections at once.
    pub max_connections: usize,
    /// Most connections over that which are told so at once; more are closed without a word.
    pub max_refusals: usize,
    /// For the first byte of a connection, and for the rest of a request's head from its first byte.
    pub header_timeout: Duration,
    /// For the whole body of a request, from its head.
    pub body_timeout: Duration,
    /// For a connection without a request.
    pub idle_timeout: Duration,
    /// For a client that takes no byte of its answer.
    pub write_timeout: Duration,
    /// For requests in progress once the listener is told to stop.
    pub drain_timeout: Duration,
    /// Longest body of any request; single handlers may set a lower bound.
    pub max_body_bytes: usize,
    /// Longest head of a request.
    pub max_head_bytes: usize,
}

impl ListenConfig {
    /// The bounds of the api listener.
    pub fn api(http: &HttpSection) -> Self {
        Self {
            max_connections: http.max_connections as usize,
            max_refusals: MAX_REFUSALS_IN_FLIGHT,
            header_timeout: duration(http.header_timeout_ms),
            body_timeout: duration(http.body_timeout_ms),
            idle_timeout: duration(http.idle_timeout_ms),
            write_timeout: duration(http.write_timeout_ms),
            drain_timeout: duration(http.drain_timeout_ms),
            max_body_bytes: http.max_batch_body_bytes as usize,
            max_head_bytes: http.max_head_bytes as usize,
        }
    }

    /// The bounds of the admin listener: fewer connections, so that operators get through.
    pub fn admin(http: &HttpSection) -> Self {
        Self { max_connections: http.max_admin_connections as usize, ..Self::api(http) }
    }
}
