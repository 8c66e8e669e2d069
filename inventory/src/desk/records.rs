//! What the Desk asks the replicated state for.

use std::sync::Arc;

use crate::{
    Attempt, BatchOutcomes, BuyerHash, Incarnation, Inventory, KeyHash, KeyRecord, LogIndex, NodeId, Refusal, Seq, SessionId, SkuId,
    SkuView, Stamp,
};

/// The state of this node, as far as it is applied.
///
/// May be ahead of the entry that the Desk was told last, never behind it: entries are told after they are applied.
/// During one call of the Desk it stands still, so that what is read together is true together.
pub trait Records {
    /// What the state remembers of a key.
    fn find(&self, key: KeyHash) -> Option<KeyRecord>;
    /// The numbers of a SKU; `slice` is that of this node's open session, zero without one.
    fn view(&self, sku: SkuId) -> Option<SkuView>;
    /// Units held and confirmed by a buyer.
    fn buyer_units(&self, buyer: BuyerHash, sku: SkuId) -> u32;
    /// Whether one more order of a buyer can be remembered; else [`Refusal::Capacity`].
    fn has_room(&self, buyer: Option<BuyerHash>) -> Result<(), Refusal>;
    /// The last applied index and the cluster clock there.
    fn applied(&self) -> (LogIndex, Stamp);
    /// How many SKUs there are: their numbers are `0..sku_count`.
    fn sku_count(&self) -> u32;
    /// The latest session of this node, open or closed.
    fn session(&self) -> Option<SessionNow>;
}

/// The latest session of a node, as the state has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionNow {
    /// Its id.
    pub session: SessionId,
    /// Start of the process that asked for it.
    pub incarnation: Incarnation,
    /// Which session of that process.
    pub attempt: Attempt,
    /// Whether it still is open.
    pub open: bool,
    /// Number of its last batch; zero before the first.
    pub last_seq: Seq,
    /// What that batch was answered.
    pub last: Option<Arc<BatchOutcomes>>,
}

/// The state as one node's Desk reads it.
#[derive(Clone, Copy)]
pub struct NodeRecords<'a> {
    inventory: &'a Inventory,
    node: NodeId,
}

impl<'a> NodeRecords<'a> {
    /// `inventory` as `node` sees it.
    pub fn new(inventory: &'a Inventory, node: NodeId) -> Self {
        Self { inventory, node }
    }
}

impl Records for NodeRecords<'_> {
    fn find(&self, key: KeyHash) -> Option<KeyRecord> {
        self.inventory.find_key(key)
    }

    fn view(&self, sku: SkuId) -> Option<SkuView> {
        let session = self.inventory.session_of(self.node).filter(|session| session.open);
        self.inventory.view(sku, session.map(|session| session.id))
    }

    fn buyer_units(&self, buyer: BuyerHash, sku: SkuId) -> u32 {
        self.inventory.buyer_units(buyer, sku)
    }

    fn has_room(&self, buyer: Option<BuyerHash>) -> Result<(), Refusal> {
        self.inventory.has_room(buyer)
    }

    fn applied(&self) -> (LogIndex, Stamp) {
        (self.inventory.last_index(), self.inventory.clock())
    }

    fn sku_count(&self) -> u32 {
        u32::try_from(self.inventory.gauges().skus).unwrap_or(u32::MAX)
    }

    fn session(&self) -> Option<SessionNow> {
        self.inventory.session_of(self.node).map(|session| SessionNow {
            session: session.id,
            incarnation: session.incarnation,
            attempt: session.attempt,
            open: session.open,
            last_seq: session.last_seq,
            last: session.last_batch.clone(),
        })
    }
}
