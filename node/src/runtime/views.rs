//! The replicated state as the Desk asks for it.

use std::cell::OnceCell;
use std::sync::{RwLock, RwLockReadGuard};

use holdfast_inventory::desk::{NodeRecords, Records, SessionNow};
use holdfast_inventory::{BuyerHash, Inventory, KeyHash, KeyRecord, LogIndex, NodeId, Refusal, SkuId, SkuView, Stamp};

use super::read;

/// The state of one node for one call of the Desk: locked at the first look-up and from there to the end of the call, so
/// that the state stands still; a call that looks nothing up, the usual one, takes no lock.
pub(crate) struct StateRecords<'a> {
    state: &'a RwLock<Inventory>,
    guard: OnceCell<RwLockReadGuard<'a, Inventory>>,
    node: NodeId,
}

impl<'a> StateRecords<'a> {
    pub(crate) fn new(state: &'a RwLock<Inventory>, node: NodeId) -> Self {
        Self { state, guard: OnceCell::new(), node }
    }

    fn look(&self) -> NodeRecords<'_> {
        NodeRecords::new(self.guard.get_or_init(|| read(self.state)), self.node)
    }
}

impl Records for StateRecords<'_> {
    fn find(&self, key: KeyHash) -> Option<KeyRecord> {
        self.look().find(key)
    }

    fn view(&self, sku: SkuId) -> Option<SkuView> {
        self.look().view(sku)
    }

    fn buyer_units(&self, buyer: BuyerHash, sku: SkuId) -> u32 {
        self.look().buyer_units(buyer, sku)
    }

    fn has_room(&self, buyer: Option<BuyerHash>) -> Result<(), Refusal> {
        self.look().has_room(buyer)
    }

    fn applied(&self) -> (LogIndex, Stamp) {
        self.look().applied()
    }

    fn sku_count(&self) -> u32 {
        self.look().sku_count()
    }

    fn session(&self) -> Option<SessionNow> {
        self.look().session()
    }
}
