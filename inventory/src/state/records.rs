//! What the state remembers of keys, orders, buyers and adjustments.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::gradual_map::{HashedKey, Told};
use super::hashing::Keyed;
use super::pages::Packed;
use crate::{BuyerHash, Fingerprint, KeyHash, Line, LogIndex, Millis, Order, Params, SkuDone, SkuId, Stamp, Status};

impl HashedKey for KeyHash {
    fn bits(self) -> u128 {
        self.0
    }
}

impl HashedKey for BuyerHash {
    fn bits(self) -> u128 {
        self.0
    }
}

/// An idempotency key that owns an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeyEntry {
    pub(super) order: Packed,
    pub(super) fingerprint: Fingerprint,
    /// Whose bound on key records it counts towards.
    pub(super) buyer: BuyerHash,
}

impl Told for KeyEntry {
    fn tell(&self, hash: &mut Keyed) {
        hash.u64(self.order.0).u64(self.fingerprint.0).u128(self.buyer.0);
    }
}

/// The status of an order in a byte. A hold's deadline is in its [`HeldOrder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    Held,
    Confirmed,
    Released,
    Expired,
    Cancelled,
}

/// A status and a fingerprint per remembered order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct OrderRecord {
    pub(super) since: Stamp,
    /// Of its content: what a command brings back is checked against it.
    pub(super) content: u64,
    /// Minute, counted from 1970, at which its key may be forgotten; means nothing while it is held.
    pub(super) key_until_minute: u32,
    pub(super) phase: Phase,
    /// Whether its key is still remembered.
    pub(super) keyed: bool,
}

const MINUTE_MS: u64 = 60_000;

impl OrderRecord {
    /// First stamp at which the key may go: the whole minute at or after `stamp`, so never early.
    pub(super) fn keep_key_until(&mut self, stamp: Stamp) {
        self.key_until_minute = u32::try_from(stamp.0.div_ceil(MINUTE_MS)).unwrap_or(u32::MAX);
    }

    pub(super) fn key_until(&self) -> Stamp {
        match self.key_until_minute {
            u32::MAX => Stamp(u64::MAX),
            minute => Stamp(u64::from(minute) * MINUTE_MS),
        }
    }

    /// Phase and whether its key is remembered, in a byte.
    pub(super) fn flags(&self) -> u8 {
        (self.phase as u8) << 1 | u8::from(self.keyed)
    }

    pub(super) fn status(&self) -> Option<Status> {
        match self.phase {
            Phase::Held => None,
            Phase::Confirmed => Some(Status::Confirmed),
            Phase::Released => Some(Status::Released),
            Phase::Expired => Some(Status::Expired),
            Phase::Cancelled => Some(Status::Cancelled),
        }
    }
}

impl Told for OrderRecord {
    fn tell(&self, hash: &mut Keyed) {
        hash.u64(self.since.0).u64(self.content).u64(u64::from(self.key_until_minute) << 32 | u64::from(self.flags()));
    }
}

/// An order whose units are kept for its buyer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HeldOrder {
    pub(super) order: Arc<Order>,
    pub(super) until: Stamp,
    pub(super) extended: bool,
}

impl HeldOrder {
    pub(super) fn status(&self) -> Status {
        Status::Held { until: self.until, extended: self.extended }
    }
}

impl Told for HeldOrder {
    /// The content is in the order's own record, as a fingerprint.
    fn tell(&self, hash: &mut Keyed) {
        hash.u64(self.until.0).u64(u64::from(self.extended));
    }
}

/// When a key may be forgotten: `idempotency_ttl` after acceptance and never before `idempotency_after_end` after the
/// order ended or was confirmed; the latter alone for a released or expired order.
pub(super) fn key_kept_until(params: &Params, phase: Phase, created: Stamp, since: Stamp) -> Stamp {
    let after_end = since + params.idempotency_after_end;
    match phase {
        Phase::Held => Stamp(u64::MAX),
        Phase::Released | Phase::Expired => after_end,
        Phase::Confirmed | Phase::Cancelled => after_end.max(created + params.idempotency_ttl),
    }
}

/// Units of one SKU that a buyer has, held and confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bought {
    pub(super) sku: SkuId,
    pub(super) units: u32,
}

/// What is known of a buyer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Buyer {
    /// Key records of this buyer.
    pub(super) keys: u32,
    /// Head of the chain of this buyer's orders.
    pub(super) latest: Packed,
    /// The first SKU, which is the only one of most buyers.
    pub(super) first: Option<Bought>,
    /// Further SKUs, ascending; boxed so that the usual record stays small.
    #[allow(clippy::box_collection)]
    pub(super) more: Option<Box<Vec<Bought>>>,
}

impl Buyer {
    pub(super) fn new(latest: Packed) -> Self {
        Self { keys: 0, latest, first: None, more: None }
    }

    /// A new buyer with a first order.
    pub(super) fn bought_first(order: Packed, lines: &[Line]) -> Self {
        let mut buyer = Self::new(order);
        buyer.note(order, lines);
        buyer
    }

    /// Notes a new order and its key.
    pub(super) fn note(&mut self, order: Packed, lines: &[Line]) {
        self.keys += 1;
        self.latest = order;
        for line in lines {
            self.add(line.sku, line.units);
        }
    }

    pub(super) fn units(&self, sku: SkuId) -> u32 {
        self.bought().find(|bought| bought.sku == sku).map_or(0, |bought| bought.units)
    }

    pub(super) fn bought(&self) -> impl Iterator<Item = &Bought> {
        self.first.iter().chain(self.more.iter().flat_map(|more| more.iter()))
    }

    pub(super) fn add(&mut self, sku: SkuId, units: u32) {
        if let Some(bought) = self.slot(sku) {
            bought.units = bought.units.saturating_add(units);
        } else if self.first.is_none() {
            self.first = Some(Bought { sku, units });
        } else {
            let more = self.more.get_or_insert_default();
            let at = more.partition_point(|bought| bought.sku < sku);
            more.insert(at, Bought { sku, units });
        }
    }

    /// Takes units off; what was forgotten meanwhile can't be taken off again.
    pub(super) fn subtract(&mut self, sku: SkuId, units: u32) {
        if let Some(bought) = self.slot(sku) {
            bought.units = bought.units.saturating_sub(units);
        }
        self.keep(|bought| bought.units > 0);
    }

    /// Drops what does not satisfy `wanted`.
    pub(super) fn keep(&mut self, wanted: impl Fn(&Bought) -> bool) {
        self.first = self.first.filter(&wanted);
        if let Some(more) = &mut self.more {
            more.retain(|bought| wanted(bought));
            if more.is_empty() {
                self.more = None;
            }
        }
    }

    /// Written in the one way in which each buyer is.
    pub(super) fn is_normal(&self) -> bool {
        self.more.as_ref().is_none_or(|more| !more.is_empty())
    }

    /// Nothing left that anybody could ask for but the chain's head.
    pub(super) fn is_forgettable(&self) -> bool {
        self.keys == 0 && self.first.is_none() && self.more.is_none()
    }

    fn slot(&mut self, sku: SkuId) -> Option<&mut Bought> {
        self.first.iter_mut().chain(self.more.iter_mut().flat_map(|more| more.iter_mut())).find(|bought| bought.sku == sku)
    }
}

impl Told for Buyer {
    fn tell(&self, hash: &mut Keyed) {
        hash.u64(u64::from(self.keys)).u64(self.latest.0);
        for bought in self.bought() {
            hash.u64(u64::from(bought.sku.0) << 32 | u64::from(bought.units));
        }
    }
}

/// An adjustment that its key remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Adjustment {
    pub(super) fingerprint: Fingerprint,
    pub(super) done: SkuDone,
    pub(super) made: Stamp,
}

impl Adjustment {
    pub(super) fn kept_until(&self, ttl: Millis) -> Stamp {
        self.made + ttl
    }
}

impl Told for Adjustment {
    fn tell(&self, hash: &mut Keyed) {
        let LogIndex(index) = self.done.index;
        hash.u64(self.fingerprint.0).u64(index).u64(self.made.0);
    }
}
