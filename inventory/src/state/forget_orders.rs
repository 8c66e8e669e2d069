//! Confirmed orders outlive their keys until they can't be cancelled any more; then, cancelled or not, they go.

use super::Inventory;
use super::entry::EntryContext;

impl Inventory {
    pub(super) fn forget_orders(&mut self, cx: &EntryContext, most: u32) {
        for _ in 0..most {
            let Some(at) = self.order_deadlines.pop_due(cx.clock) else { return };
            if self.orders.get(at).is_some_and(|record| !record.keyed) {
                self.orders.remove(at);
                self.keyless -= 1;
            }
        }
    }
}
