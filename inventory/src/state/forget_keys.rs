//! Keys whose time is over are forgotten, by the clock of the log, so at the same entry on every node. A released,
//! expired or cancelled order goes with its key; a confirmed one stays until it can't be cancelled any more.

use super::Inventory;
use super::entry::EntryContext;
use super::pages::Packed;
use super::records::{OrderRecord, Phase};
use crate::KeyHash;
use crate::planted::{self, Planted};

impl Inventory {
    pub(super) fn forget_keys(&mut self, cx: &EntryContext, most: u32) {
        for _ in 0..most {
            let Some(key) = self.key_deadlines.pop_due(cx.clock) else { return };
            let Some(entry) = self.keys.get(key).copied() else { continue };
            match self.orders.get(entry.order).copied() {
                // A later step made the key's life longer, or a late confirm is on its way through.
                Some(record) if record.key_until() > cx.clock && !planted::is(Planted::EvictKeysEarly) => {
                    self.key_deadlines.push(record.key_until(), key);
                }
                record => {
                    self.forget_key(key);
                    self.leave_order(cx, entry.order, record);
                }
            }
        }
    }

    fn forget_key(&mut self, key: KeyHash) {
        let Some(entry) = self.keys.remove(key) else { return };
        self.buyers.update(entry.buyer, |buyer| buyer.keys = buyer.keys.saturating_sub(1));
    }

    /// What becomes of an order without its key.
    fn leave_order(&mut self, cx: &EntryContext, at: Packed, record: Option<OrderRecord>) {
        let Some(record) = record else { return };
        let until = record.since + self.params().cancel_window;
        if record.phase != Phase::Confirmed || until <= cx.clock {
            self.orders.remove(at);
            return;
        }
        self.orders.update(at, |record| record.keyed = false);
        self.keyless += 1;
        self.order_deadlines.push(until, at);
    }
}
