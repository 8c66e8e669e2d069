//! History: what the order log keeps and the change feed tells.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Order, OrderRef, SkuId, Stamp, Status};

/// One thing that happened in an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Position among the entry's events, from 0 without gaps; an accepted order's position is its identity.
    pub position: u16,
    /// What happened.
    pub kind: EventKind,
}

/// What happened. The variant order is the format: append only.
// Nearly every event is an acceptance: an order in a block of its own would cost more than the room that other events leave free.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// An order was accepted.
    Accepted {
        /// Its content; `order.at` is this entry and position.
        order: Order,
        /// Held or confirmed.
        status: Status,
    },
    /// An order's status changed.
    Changed {
        /// Which order.
        order: OrderRef,
        /// The status from here on.
        status: Status,
        /// Its content, when it was at hand.
        content: Option<Arc<Order>>,
    },
    /// Stock was adjusted.
    Adjusted {
        /// Of which SKU.
        sku: SkuId,
        /// Units, negative if taken.
        delta: i64,
        /// Stock after it.
        stock: u64,
        /// Why.
        reason: Box<str>,
        /// The operator's own reference.
        reference: Option<Box<str>>,
    },
    /// Pool and slices of a SKU came to zero.
    SoldOut {
        /// Of which SKU.
        sku: SkuId,
    },
    /// Pool and slices of a sold-out SKU are above zero again.
    BackInStock {
        /// Of which SKU.
        sku: SkuId,
    },
    /// The state forgot a buyer's units: where that buyer's orders end in the log, so that they can still be listed.
    BuyerForgotten {
        /// Which buyer, hashed.
        buyer: crate::BuyerHash,
        /// The buyer's latest order.
        latest: OrderRef,
    },
}

/// The status of an order after an event, with the stamp of that event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusAt {
    /// What it is.
    pub status: Status,
    /// Since when.
    pub since: Stamp,
}
