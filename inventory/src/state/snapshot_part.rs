//! The pieces that a snapshot is made of, each encoded by itself behind its length.
//!
//! A snapshot is `MAGIC`, the format version, and then: one head; SKUs; shards of keys, buyers and adjustments, each
//! sorted; pages of orders and holds; chunks of deadlines; one end. All in fixed order, so that equal logs give equal
//! bytes. Shards, pages and chunks are written as they are cut: how they are cut is state, since it decides what later
//! entries do to the bytes of later snapshots.

use serde::{Deserialize, Serialize};

use super::pages::Packed;
use super::records::{Adjustment, Buyer, HeldOrder, KeyEntry, OrderRecord};
use super::{Session, Sku};
use crate::{BuyerHash, Epoch, KeyHash, LogIndex, NodeId, Params, Secret, Stamp};

/// First bytes of every snapshot.
pub(super) const MAGIC: [u8; 4] = *b"HFIS";

/// Version of the format. Version 1 had smaller shards.
pub(super) const VERSION: u16 = 2;

/// A piece; the variant order is the format.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Part {
    Head(Box<Head>),
    Skus(Vec<Sku>),
    Keys(Vec<(KeyHash, KeyEntry)>),
    Buyers(Vec<(BuyerHash, Buyer)>),
    Adjustments(Vec<(KeyHash, Adjustment)>),
    Orders(Packed, Vec<(Packed, OrderRecord)>),
    Held(Packed, Vec<(Packed, HeldOrder)>),
    HoldsDue(u64, Vec<Packed>),
    KeysDue(u64, Vec<KeyHash>),
    OrdersDue(u64, Vec<Packed>),
    AdjustmentsDue(u64, Vec<KeyHash>),
    End(Sums),
}

/// What there is one of.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) last_index: LogIndex,
    pub(super) clock: Stamp,
    pub(super) digest: u128,
    pub(super) epoch: Epoch,
    pub(super) is_bootstrapped: bool,
    pub(super) params: Params,
    pub(super) secret: Secret,
    pub(super) members: Vec<NodeId>,
    pub(super) sessions: Vec<Session>,
    pub(super) keyless: u64,
    pub(super) buyer_cursor: usize,
}

/// Sums of keyed hashes over what was written: what was read must come to the same.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sums {
    pub(super) skus: u64,
    pub(super) keys: u128,
    pub(super) buyers: u128,
    pub(super) adjustments: u128,
    pub(super) orders: u128,
    pub(super) held: u128,
    pub(super) deadlines: u64,
}
