//! The business noes. Values, in a fixed order of precedence: the variant order of [`Refusal`].

use serde::{Deserialize, Serialize};

use crate::{SkuId, Stamp, Status, Version};

/// Why a buyer's request was not granted. An earlier variant is found before a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The key belongs to an order that says something else.
    KeyReused,
    /// The stamp is at or past `apply_before`.
    TooLate,
    /// The bound on remembered orders is reached: the buyer's, or the cluster's.
    Capacity {
        /// Whether it is the buyer's bound.
        of_buyer: bool,
    },
    /// No such SKU.
    UnknownSku {
        /// Number that was asked for.
        sku: SkuId,
    },
    /// The sale has not begun.
    NotOpen {
        /// Of which SKU.
        sku: SkuId,
        /// When it begins.
        opens_at: Stamp,
    },
    /// The sale is over or stopped.
    Closed {
        /// Of which SKU.
        sku: SkuId,
    },
    /// The buyer would have more units than one buyer may.
    BuyerLimit {
        /// Of which SKU.
        sku: SkuId,
        /// The limit.
        limit: u32,
        /// Units held and confirmed by the buyer.
        bought: u32,
    },
    /// Enough units exist, but in other nodes' slices: a matter of milliseconds.
    Refilling {
        /// Of which SKU.
        sku: SkuId,
    },
    /// Some units, fewer than asked.
    InsufficientStock {
        /// Of which SKU.
        sku: SkuId,
        /// Units in pool and slices.
        available: u64,
    },
    /// No unit in pool or slices.
    SoldOut {
        /// Of which SKU.
        sku: SkuId,
        /// Whether none is held either, so that none comes back by itself.
        is_final: bool,
    },
    /// No such order, or one too old to change.
    UnknownOrder,
    /// The order's status does not allow it.
    OrderState {
        /// What it is.
        status: Status,
    },
    /// Confirm or extend after the hold ended.
    HoldExpired {
        /// The buyer may have paid: whoever called must pay back.
        refund_required: bool,
    },
}

impl Refusal {
    /// Place in the order of precedence: of several causes the one with the lowest is told.
    pub fn precedence(&self) -> u8 {
        match self {
            Refusal::KeyReused => 0,
            Refusal::TooLate => 1,
            Refusal::Capacity { .. } => 2,
            Refusal::UnknownSku { .. } => 3,
            Refusal::NotOpen { .. } => 4,
            Refusal::Closed { .. } => 5,
            Refusal::BuyerLimit { .. } => 6,
            Refusal::Refilling { .. } => 7,
            Refusal::InsufficientStock { .. } => 8,
            Refusal::SoldOut { .. } => 9,
            Refusal::UnknownOrder => 10,
            Refusal::OrderState { .. } => 11,
            Refusal::HoldExpired { .. } => 12,
        }
    }
}

/// Why an operator's command on a SKU was not carried out. An earlier variant is found before a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SkuRefusal {
    /// No cluster yet: the first command has not been applied.
    NotBootstrapped,
    /// The name is taken.
    Exists,
    /// No such SKU.
    Unknown,
    /// A bound of [`Params`](crate::Params) is reached, or a value is outside its bounds.
    OutOfBounds,
    /// The settings changed since the caller saw them.
    VersionStale {
        /// The version now.
        version: Version,
    },
    /// The key belongs to another adjustment.
    KeyReused,
    /// The pool holds fewer units than should be taken.
    AdjustmentRefused {
        /// Units that could be taken now from the pool.
        takeable: u64,
    },
    /// As many adjustments are remembered as may be.
    Capacity,
}
