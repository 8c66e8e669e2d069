//! What a connection is doing, told by its requests to its stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// The rest of a request's head; on a new connection its first byte too.
    Head,
    /// The next request.
    NextRequest,
    /// Nothing from this side: a request has the connection, and times for itself.
    Busy,
}

/// Shared by a connection's stream and its requests; all of them run in one task, so relaxed order is enough.
///
/// The number grows with each change and its remainder is the state: two looks that agree saw no change between them.
#[derive(Clone)]
pub(super) struct Phase(Arc<AtomicU64>);

impl Phase {
    /// A new connection.
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(0)))
    }

    /// What the connection waits for, and a number that changes whenever that does.
    pub(super) fn now(&self) -> (Waiting, u64) {
        let count = self.0.load(Ordering::Relaxed);
        let waiting = match count % 3 {
            0 => Waiting::Head,
            1 => Waiting::Busy,
            _ => Waiting::NextRequest,
        };
        (waiting, count)
    }

    /// The first bytes of a head came.
    pub(super) fn head_began(&self) {
        self.advance_from(Waiting::NextRequest);
    }

    /// A head is complete: its request begins.
    pub(super) fn request_began(&self) {
        // Bytes of this head may have been read together with the one before, when the stream saw no new head begin.
        self.advance_from(Waiting::NextRequest);
        self.advance_from(Waiting::Head);
    }

    /// The request's answer is complete.
    pub(super) fn request_ended(&self) {
        self.advance_from(Waiting::Busy);
    }

    fn advance_from(&self, from: Waiting) {
        if self.now().0 == from {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}
