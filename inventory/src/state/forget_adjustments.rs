//! Keys of adjustments whose time is over.

use super::Inventory;
use super::entry::EntryContext;

impl Inventory {
    pub(super) fn forget_adjustments(&mut self, cx: &EntryContext, most: u32) {
        for _ in 0..most {
            let Some(key) = self.adjustment_deadlines.pop_due(cx.clock) else { return };
            self.adjustments.remove(key);
        }
    }
}
