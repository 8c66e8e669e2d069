//! Questions to the state. None changes it, each is a look-up.

use std::sync::Arc;

use super::hashing::{self, Domain, Keyed};
use super::pages::Packed;
use super::{Inventory, Session, Sku};
use crate::{
    BuyerHash, Epoch, Fingerprint, KeyHash, KeyRecord, Line, LogIndex, Millis, NodeId, Order, OrderRef, Params, Refusal, Secret, SessionId,
    SkuId, SkuView, Stamp, Status, StatusAt,
};

/// An order as it is now.
#[derive(Clone, Copy, Debug)]
pub struct OrderNow<'a> {
    /// Its status, by the clock of the last entry: a hold past its deadline is expired, swept or not.
    pub status: StatusAt,
    /// Its content, while the state holds it: as long as it is held or not yet swept. Else it is in the order log.
    pub content: Option<&'a Arc<Order>>,
}

/// How much of everything there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauges {
    /// SKUs.
    pub skus: u64,
    /// Key records.
    pub keys: u64,
    /// Orders with a status: held, or finished and remembered.
    pub orders: u64,
    /// Held orders.
    pub held_orders: u64,
    /// Remembered orders whose key is forgotten. With `keys`, what [`Params::max_orders`] bounds.
    pub keyless_orders: u64,
    /// Buyers with a record.
    pub buyers: u64,
    /// Adjustments whose key is remembered.
    pub adjustments: u64,
    /// Open sessions.
    pub open_sessions: u64,
}

impl Inventory {
    /// Last applied entry.
    pub fn last_index(&self) -> LogIndex {
        self.last_index
    }

    /// The cluster clock: the highest stamp applied.
    pub fn clock(&self) -> Stamp {
        self.clock
    }

    /// Rolling hash of all that was applied: equal on all nodes at an equal index.
    pub fn digest(&self) -> u128 {
        self.digest
    }

    /// Whether a bootstrap was applied.
    pub fn is_bootstrapped(&self) -> bool {
        self.is_bootstrapped
    }

    /// The replicated parameters; before the bootstrap the defaults.
    pub fn params(&self) -> &Params {
        &self.founding.params
    }

    /// The replicated secret; before the bootstrap all zero.
    pub fn secret(&self) -> &Secret {
        &self.founding.secret
    }

    /// Life of the cluster between restores.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Members, ascending.
    pub fn members(&self) -> &[NodeId] {
        &self.members
    }

    /// Number of the SKU of this name.
    pub fn sku_id(&self, name: &str) -> Option<SkuId> {
        self.skus.id(name)
    }

    /// A SKU by number.
    pub fn sku(&self, id: SkuId) -> Option<&Sku> {
        self.skus.get(id)
    }

    /// All SKUs by number.
    pub fn skus(&self) -> impl Iterator<Item = &Sku> {
        self.skus.iter()
    }

    /// The numbers of a SKU as one session sees them.
    pub fn view(&self, sku: SkuId, session: Option<SessionId>) -> Option<SkuView> {
        self.skus.get(sku).map(|sku| sku.view(session))
    }

    /// A node's latest session, open or closed.
    pub fn session_of(&self, node: NodeId) -> Option<&Session> {
        self.sessions.of(node)
    }

    /// A session by id, if it is its node's latest.
    pub fn session(&self, id: SessionId) -> Option<&Session> {
        self.sessions.get(id)
    }

    /// The latest session of each node, by node.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.iter()
    }

    /// Hash of an idempotency key in the scope of its caller and buyer.
    pub fn key_hash(&self, caller: &str, buyer: &str, key: &str) -> KeyHash {
        hashing::key_hash(self.secret(), caller, buyer, key)
    }

    /// Hash of a buyer's name.
    pub fn buyer_hash(&self, buyer: &str) -> BuyerHash {
        BuyerHash(Keyed::new(self.secret(), Domain::Buyer).bytes(buyer.as_bytes()).wide())
    }

    /// Hash of what an order request says.
    pub fn fingerprint(&self, buyer: &str, lines: &[Line], confirm: bool) -> Fingerprint {
        hashing::request_fingerprint(self.secret(), buyer, lines, confirm)
    }

    /// The order that a key owns.
    pub fn find_key(&self, key: KeyHash) -> Option<KeyRecord> {
        self.keys.get(key).map(|entry| KeyRecord { order: entry.order.order(), fingerprint: entry.fingerprint })
    }

    /// An order as it is now; none if it never was, or is forgotten: then its last status is in the order log.
    pub fn order(&self, order: OrderRef) -> Option<OrderNow<'_>> {
        let at = Packed::try_new(order)?;
        let record = self.orders.get(at)?;
        let Some(status) = record.status() else {
            let held = self.held.get(at)?;
            let now = if held.until <= self.clock {
                StatusAt { status: Status::Expired, since: held.until }
            } else {
                StatusAt { status: held.status(), since: record.since }
            };
            return Some(OrderNow { status: now, content: Some(&held.order) });
        };
        Some(OrderNow { status: StatusAt { status, since: record.since }, content: None })
    }

    /// All orders with a status, held and finished, oldest first.
    pub fn orders(&self) -> impl Iterator<Item = OrderRef> {
        let pages = self.orders.page_keys().filter_map(|first| self.orders.page(first));
        pages.flat_map(|page| page.iter().map(|(at, _)| at.order()))
    }

    /// The buyer's latest order: from there [`Order::previous`] leads on.
    pub fn buyer_latest(&self, buyer: &str) -> Option<OrderRef> {
        self.buyers.get(self.buyer_hash(buyer)).map(|record| record.latest.order())
    }

    /// Units of a SKU that a buyer has, held and confirmed.
    pub fn buyer_units(&self, buyer: BuyerHash, sku: SkuId) -> u32 {
        self.buyers.get(buyer).map_or(0, |record| record.units(sku))
    }

    /// Whether one more order of this buyer can be remembered: the bounds on all orders and on a buyer's.
    ///
    /// # Errors
    ///
    /// [`Refusal::Capacity`].
    pub fn has_room(&self, buyer: Option<BuyerHash>) -> Result<(), Refusal> {
        self.judge_capacity(buyer.and_then(|buyer| self.buyers.get(buyer)))
    }

    /// How long the oldest hold that should have been swept has been past its deadline, at most; zero while sweeping
    /// keeps up.
    pub fn expiry_lag(&self) -> Millis {
        self.hold_deadlines.lag(self.clock)
    }

    /// First stamp at which an entry would sweep a hold.
    pub fn next_deadline(&self) -> Option<Stamp> {
        self.hold_deadlines.next()
    }

    /// How much of everything there is.
    pub fn gauges(&self) -> Gauges {
        Gauges {
            skus: self.skus.len() as u64,
            keys: self.keys.len() as u64,
            orders: self.orders.len() as u64,
            held_orders: self.held.len() as u64,
            keyless_orders: self.keyless,
            buyers: self.buyers.len() as u64,
            adjustments: self.adjustments.len() as u64,
            open_sessions: self.sessions.iter().filter(|session| session.open).count() as u64,
        }
    }
}
