//! Holds whose time is over: their units go back to the pool. A bounded number per entry, oldest first; a step on an
//! order that waits for its turn expires it at once.

use super::Inventory;
use super::entry::EntryContext;
use super::pages::Packed;
use super::records::Phase;
use crate::planted::{self, Planted};

impl Inventory {
    pub(super) fn expire_holds(&mut self, cx: &mut EntryContext, most: u32) {
        let clock = if planted::is(Planted::ExpireByWallClock) { planted::wall() } else { cx.clock };
        for _ in 0..most {
            let Some(at) = self.hold_deadlines.pop_due(clock) else { return };
            // Looked at again: it may be finished, or extended, and then its later deadline stands elsewhere.
            if self.held.get(at).is_some_and(|held| self.hold_deadlines.is_due(held.until, clock)) {
                self.expire(cx, at);
            }
        }
    }

    pub(super) fn expire(&mut self, cx: &mut EntryContext, at: Packed) {
        self.end_hold(cx, at, Phase::Expired);
    }
}
