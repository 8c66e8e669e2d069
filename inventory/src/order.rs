//! An order's content, which never changes, and its status, which does.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{KeyHash, NodeId, OrderRef, SkuId, Stamp};

/// One SKU and how many units of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Line {
    /// What.
    pub sku: SkuId,
    /// How many; 1 or more. Lines of equal SKUs are summed before they get here.
    pub units: u32,
}

/// The lines of an order, each SKU once, in the buyer's order. One line, the usual case, needs no allocation.
pub type Lines = SmallVec<[Line; 2]>;

/// What was bought, by whom and when: fixed at acceptance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its place in history, and its identity.
    pub at: OrderRef,
    /// Who bought.
    pub buyer: Box<str>,
    /// What was bought.
    #[serde(deserialize_with = "crate::cautious::list")]
    pub lines: Lines,
    /// Stamp of the accepting entry.
    pub created: Stamp,
    /// Node that admitted it.
    pub node: NodeId,
    /// Its idempotency key, hashed.
    pub key: KeyHash,
    /// The same buyer's order before this one: what lists a buyer's orders without an index.
    pub previous: Option<OrderRef>,
}

/// Where an order is in its life: `held → confirmed | released | expired`, `confirmed → cancelled`,
/// and by a late confirm `expired → confirmed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Units are kept for the buyer until the stamp reaches `until`.
    Held {
        /// First stamp at which the hold has expired.
        until: Stamp,
        /// A hold may be extended once.
        extended: bool,
    },
    /// Sold.
    Confirmed,
    /// Given back by the buyer before confirming.
    Released,
    /// Given back because its time ran out.
    Expired,
    /// Given back after it was sold.
    Cancelled,
}

impl Status {
    /// The word of the HTTP contract.
    pub fn word(self) -> &'static str {
        match self {
            Status::Held { .. } => "held",
            Status::Confirmed => "confirmed",
            Status::Released => "released",
            Status::Expired => "expired",
            Status::Cancelled => "cancelled",
        }
    }

    /// Whether the order's units are counted as held or confirmed.
    pub fn is_live(self) -> bool {
        matches!(self, Status::Held { .. } | Status::Confirmed)
    }
}
