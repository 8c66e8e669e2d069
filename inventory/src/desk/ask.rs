//! What goes into a Desk and what comes out of it.

use bytes::Bytes;

use crate::{
    BuyerHash, Fingerprint, KeyHash, LogIndex, Millis, OpenSession, OrderRef, Refusal, Request, SkuId, Stamp, Status, Transitioned,
};

/// A buyer's request, with the hashes that the Desk and the state know it by.
#[derive(Clone, Debug)]
pub struct Ask {
    /// What is asked; the Desk makes [`Request::Return`] by itself and takes none.
    pub request: Request<'static>,
    /// The idempotency key, hashed; an order has one, a transition needs none.
    pub key: Option<KeyHash>,
    /// What the request says; present when `key` is.
    pub fingerprint: Option<Fingerprint>,
    /// Who buys, hashed; used for early refusals of the per-buyer limit.
    pub buyer: Option<BuyerHash>,
}

/// What a waiter hears, exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A new order; durable, and applied here.
    Accepted {
        /// Its identity.
        order: OrderRef,
        /// Held or confirmed.
        status: Status,
        /// Entry that accepted it.
        index: LogIndex,
        /// Stamp of that entry.
        stamp: Stamp,
    },
    /// The key owned this order already.
    Replayed {
        /// The order of the first acceptance; its index is the answer's.
        order: OrderRef,
    },
    /// The order is in the asked-for status.
    Transitioned {
        /// Which, and to what.
        step: Transitioned,
        /// Entry that judged it.
        index: LogIndex,
        /// Stamp of that entry.
        stamp: Stamp,
    },
    /// No, true at `index`.
    Refused {
        /// Why.
        refusal: Refusal,
        /// Applied index at which it is true.
        index: LogIndex,
        /// Stamp of that index.
        stamp: Stamp,
    },
    /// The same key is being worked on here: no word about its fate.
    KeyInProgress,
    /// Shed, or its time ran out before it was proposed. Certainly without effect.
    Overloaded,
    /// This node stops; ask another. Certainly without effect.
    Draining,
    /// Nothing to sell as far as this node knows, but it could not prove that it knows enough. Without effect.
    Stale,
    /// No leader was known until the request's time ran out. Certainly without effect.
    NoLeader,
    /// Proposed, and its fate was not learned in time: repeat with the same key.
    OutcomeUnknown,
}

/// What the Desk wants done. Effects are carried out in order.
#[derive(Clone, Debug)]
pub enum Effect<W> {
    /// Tell this waiter.
    Answer(W, Answer),
    /// Send this encoded [`Command::Batch`](crate::Command::Batch) to whoever leads. A refusal or a lost connection
    /// is told by [`proposal_refused`](super::Desk::proposal_refused); anything else needs no telling.
    Propose(Bytes),
    /// Send this command to whoever leads; the Desk repeats it until it sees it applied.
    OpenSession(OpenSession),
    /// Ask the leader for units of one SKU, in place of what was asked for before.
    AskRefill {
        /// Of which SKU.
        sku: SkuId,
        /// Units that would serve the node for a while, by its sale rate.
        units: u64,
        /// Units without which waiting buyers are not served; at most `units`. None: those for whom it asked before wait no longer.
        needed: u64,
    },
    /// Ask the leader for its read index, confirmed by a quorum, and tell it by [`fresh`](super::Desk::fresh) with
    /// the moment it was asked. The Desk asks again by itself if no answer comes.
    Probe,
}

/// A node's estimate of cluster time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterTime {
    /// Best guess of the stamp that the leader would give now.
    pub now: Stamp,
    /// The guess is at most this far off.
    pub error: Millis,
}

impl ClusterTime {
    /// The lowest stamp that the leader may be giving now: what is told as a time up to which something is known.
    pub fn earliest(self) -> Stamp {
        Stamp(self.now.0.saturating_sub(self.error.0))
    }
}
