//! What a Desk is told when it is made.

use crate::desk::limits;
use crate::{Incarnation, Millis, NodeId};

/// Identity, bounds and times of one node's Desk. Nothing here reaches `apply`.
#[derive(Clone, Copy, Debug)]
pub struct DeskConfig {
    /// This node.
    pub node: NodeId,
    /// This start of its process.
    pub incarnation: Incarnation,
    /// Most requests that wait, for units, a session, a proof or the next batch; more are shed.
    pub max_waiting: usize,
    /// Most requests in one batch. [`bound_batches`](crate::desk::Desk::bound_batches) tells the replicated bound.
    pub max_batch_requests: usize,
    /// Longest encoded entry; bounded likewise.
    pub max_entry_bytes: usize,
    /// Of those answered just now and already waiting, a batch waits for this many in a hundred.
    pub gather_per_cent: usize,
    /// Longest that a batch gathers requests while none is in flight.
    pub gather: Millis,
    /// First pause before an unanswered batch is proposed again: not below the longest election timeout. Doubles.
    pub resend_after: Millis,
    /// Longest such pause.
    pub resend_at_most: Millis,
    /// Pause after a proposal was refused or its connection lost.
    pub resend_after_refusal: Millis,
    /// How old a proof of freshness may be.
    pub fresh_for: Millis,
    /// Pause before a probe without an answer is repeated.
    pub probe_again: Millis,
    /// How long a buyer waits for units that other nodes have.
    pub refill_wait: Millis,
    /// Pause before a refill request without an effect is repeated.
    pub refill_again: Millis,
    /// Longest that a request is kept, whatever its own deadline says.
    pub request_ttl: Millis,
    /// How long after its deadline a proposed request may still learn its fate.
    pub outcome_grace: Millis,
}

impl DeskConfig {
    /// The defaults of `cluster.toml`.
    pub fn new(node: NodeId, incarnation: Incarnation) -> Self {
        Self {
            node,
            incarnation,
            max_waiting: limits::MAX_WAITING,
            max_batch_requests: limits::MAX_BATCH_REQUESTS,
            max_entry_bytes: limits::MAX_ENTRY_BYTES,
            gather_per_cent: limits::GATHER_PER_CENT,
            gather: Millis(2),
            resend_after: Millis(400),
            resend_at_most: Millis(5_000),
            resend_after_refusal: Millis(20),
            fresh_for: Millis(1_000),
            probe_again: Millis(100),
            refill_wait: Millis(200),
            refill_again: Millis(50),
            request_ttl: Millis(2_000),
            outcome_grace: Millis(200),
        }
    }
}
