//! Units that come and go between this node and the leader: refill, return, drain.

use crate::desk::pending::Pending;
use crate::desk::{Desk, Effect, Records};
use crate::{Moment, SkuId};

/// How far a graceful stop has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drain {
    /// The Desk serves.
    No,
    /// Nothing is admitted; what was is finished, then slices are returned.
    Going,
    /// Nothing waits and no slice is left.
    Done,
}

impl<W> Desk<W> {
    /// Asks the leader for units of `sku`: one request at a time.
    pub(super) fn ask_refill(&mut self, now: Moment, sku: SkuId, out: &mut Vec<Effect<W>>) {
        if !self.can_refill() {
            return;
        }
        let again_after = self.config.refill_again;
        let Some(shelf) = self.shelves.get_mut(sku) else { return };
        let is_asked = shelf.refill_asked.is_some_and(|asked| now < asked.after(again_after));
        if is_asked || !shelf.may_refill() {
            return;
        }
        shelf.refill_asked = Some(now);
        let needed = shelf.waiting_units(sku).saturating_sub(shelf.unpromised());
        shelf.told_needed = needed;
        let units = shelf.appetite().max(needed).max(1);
        out.push(Effect::AskRefill { sku, units, needed });
    }

    /// Tells the leader that nobody waits any more for what was asked for, so that it goes to who waits elsewhere.
    pub(super) fn ask_no_longer(&mut self, sku: SkuId, out: &mut Vec<Effect<W>>) {
        let can_refill = self.can_refill();
        let Some(shelf) = self.shelves.get_mut(sku) else { return };
        if shelf.waiting_units(sku) > 0 || shelf.told_needed == 0 {
            return;
        }
        (shelf.refill_asked, shelf.told_needed) = (None, 0);
        if can_refill {
            out.push(Effect::AskRefill { sku, units: shelf.appetite(), needed: 0 });
        }
    }

    /// The leader asks for up to `units` of a SKU back. What the sale here needs for a moment stays, unless all that is here is
    /// asked for; the slice is lowered at once, the pool gets the units when the return is applied.
    pub fn give_back(&mut self, now: Moment, sku: SkuId, units: u64, records: &impl Records, out: &mut Vec<Effect<W>>) {
        if self.session().is_none() {
            return;
        }
        let Some(shelf) = self.shelves.load(sku, self.generation, records) else { return };
        shelf.rate.per_second(now);
        let unpromised = shelf.unpromised();
        // All is asked for a buyer who waits, or for stock that is taken off sale: were half kept, and half of that the next time, the
        // last units would come too late for him. A leader who knows less may ask so for comfort, which costs this node a refill.
        // Otherwise who goes on asking gets everything in the end.
        let kept = if units >= unpromised { 0 } else { (shelf.appetite() / 4).min(unpromised / 2) };
        let units = units.min(unpromised - kept);
        self.push_return(sku, units);
        self.launch(now, out);
    }

    fn push_return(&mut self, sku: SkuId, units: u64) {
        let Some(shelf) = self.shelves.get_mut(sku) else { return };
        if units > 0 {
            shelf.provisional = shelf.provisional.saturating_add(units);
            // So that the next report tells it: they are not asked for again.
            shelf.active = true;
            self.active.insert(sku);
            self.forming.push_back(Pending::give_back(sku, units));
        }
    }

    /// Stops admitting, finishes what waits, then returns every slice.
    pub fn drain(&mut self, now: Moment, records: &impl Records, out: &mut Vec<Effect<W>>) {
        if self.drain == Drain::No {
            self.drain = Drain::Going;
        }
        self.advance_drain(records);
        self.launch(now, out);
    }

    /// Whether [`drain`](Self::drain) has come to its end.
    pub fn is_drained(&self) -> bool {
        self.drain == Drain::Done
    }

    pub(super) fn is_draining(&self) -> bool {
        self.drain != Drain::No
    }

    /// Whether no session is needed any more.
    pub(super) fn is_done_draining(&self) -> bool {
        self.is_draining() && self.queued() == 0
    }

    /// Returns slices once nothing waits; done when there are none, or when they went with the session.
    pub(super) fn advance_drain(&mut self, records: &impl Records) {
        if self.drain != Drain::Going || self.queued() > 0 || self.flight.is_some() {
            return;
        }
        if self.session().is_some() {
            for sku in (0..records.sku_count()).map(SkuId) {
                let left = self.shelves.load(sku, self.generation, records).map_or(0, |shelf| shelf.unpromised());
                self.push_return(sku, left);
            }
        }
        if self.forming.is_empty() {
            self.drain = Drain::Done;
        }
    }
}
