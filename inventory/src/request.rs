//! What a node asks in a batch, on behalf of buyers or for itself.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{Lines, NodeId, OrderRef, Seq, SessionId, SkuId, Stamp};

/// Requests of one session, judged in order, in one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch<'a> {
    /// The session that proposes.
    pub session: SessionId,
    /// The next number of that session.
    pub seq: Seq,
    /// What is asked.
    #[serde(borrow)]
    pub requests: Vec<Request<'a>>,
}

/// One request of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request<'a> {
    /// Buy, or hold for buying.
    #[serde(borrow)]
    Order(OrderRequest<'a>),
    /// Make a held order final; `content` lets apply take an expired order's units again.
    Confirm(Transition<'a>),
    /// Give a held order back.
    Release(Transition<'a>),
    /// Give a confirmed order back; `content` is needed.
    Cancel(Transition<'a>),
    /// Hold longer, once.
    Extend(Transition<'a>),
    /// Give units of the session's own slice back to the pool.
    Return {
        /// Of which SKU.
        sku: SkuId,
        /// How many; what the slice does not hold is not returned.
        units: u64,
    },
}

/// An order as a buyer asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRequest<'a> {
    /// Key id of the caller, empty for an anonymous one: part of the scope of `key`.
    #[serde(borrow)]
    pub caller: Cow<'a, str>,
    /// Idempotency key.
    #[serde(borrow)]
    pub key: Cow<'a, str>,
    /// Who buys.
    #[serde(borrow)]
    pub buyer: Cow<'a, str>,
    /// What; every SKU once.
    #[serde(deserialize_with = "crate::cautious::list")]
    pub lines: Lines,
    /// Buy at once instead of holding.
    pub confirm: bool,
    /// At this stamp and later the request is refused without effect.
    pub apply_before: Stamp,
}

/// A step in an order's life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition<'a> {
    /// Which order.
    pub order: OrderRef,
    /// The order's content as the node read it from its order log, when the state no longer holds it. Checked
    /// against the kept fingerprint.
    #[serde(borrow)]
    pub content: Option<Content<'a>>,
    /// At this stamp and later the request is refused without effect.
    pub apply_before: Stamp,
}

/// The content of a finished order, carried by a command because apply reads no disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content<'a> {
    /// Who bought.
    #[serde(borrow)]
    pub buyer: Cow<'a, str>,
    /// What was bought.
    #[serde(deserialize_with = "crate::cautious::list")]
    pub lines: Lines,
    /// Stamp of acceptance.
    pub created: Stamp,
    /// Node that admitted it.
    pub node: NodeId,
}
