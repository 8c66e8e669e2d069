//! Units per buyer go `buyer_retention` after their SKU closed, and a buyer of whom nothing is left goes with them:
//! one shard of buyers per tick, in turn. History is told where such a buyer's orders end.
//!
//! If a SKU sells again after that, a buyer's count begins at zero; an older order that is cancelled then takes off no
//! more than what has been counted since.

use super::Inventory;
use super::entry::EntryContext;
use super::records::{Bought, Buyer};
use crate::{BuyerHash, EventKind, SkuId};

impl Inventory {
    pub(super) fn forget_buyers(&mut self, cx: &mut EntryContext) {
        let changed = self.judge_buyers(cx);
        // Carry out.
        for (hash, buyer) in changed {
            if buyer.is_forgettable() {
                self.buyers.remove(hash);
                cx.tell(EventKind::BuyerForgotten { buyer: hash, latest: buyer.latest.order() });
            } else {
                self.buyers.insert(hash, buyer);
            }
        }
        self.buyer_cursor = (self.buyer_cursor + 1) % self.buyers.shards();
    }

    /// Buyers of the next shard that lose something, in the order of their hashes.
    fn judge_buyers(&self, cx: &EntryContext) -> Vec<(BuyerHash, Buyer)> {
        let kept = |bought: &Bought| !self.is_long_closed(cx, bought.sku);
        let shard = self.buyers.sorted_shard(self.buyer_cursor);
        let loses = |buyer: &Buyer| buyer.is_forgettable() || !buyer.bought().all(kept);
        let losing = shard.into_iter().filter(|(_, buyer)| loses(buyer));
        losing
            .map(|(hash, buyer)| {
                let mut buyer = buyer.clone();
                buyer.keep(kept);
                (hash, buyer)
            })
            .collect()
    }

    fn is_long_closed(&self, cx: &EntryContext, sku: SkuId) -> bool {
        let closed = self.skus.get(sku).and_then(|sku| sku.closed_since(cx.clock));
        closed.is_some_and(|closed| closed + self.params().buyer_retention <= cx.clock)
    }
}
