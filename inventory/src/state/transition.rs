//! What the steps in an order's life share: `held → confirmed | released | expired`, `confirmed → cancelled`, and by a
//! late confirm `expired → confirmed`. Every step goes through [`Inventory::set_phase`], which asserts that arrow.

use std::sync::Arc;

use super::Inventory;
use super::entry::EntryContext;
use super::hashing;
use super::pages::Packed;
use super::records::{Buyer, HeldOrder, OrderRecord, Phase, key_kept_until};
use super::sku::Taken;
use crate::planted::{self, Planted};
use crate::{Content, EventKind, KeyHash, Line, Order, OrderRef, Outcome, Refusal, Stamp, Status, Transition, Transitioned};

/// The order that a step is about, as this entry finds it.
pub(super) struct Found {
    pub(super) at: Packed,
    pub(super) record: OrderRecord,
    /// Its content: while it is held, and in the entry that expired it.
    pub(super) held: Option<HeldOrder>,
}

/// What a change of phase needs to know of an order.
#[derive(Clone, Copy)]
pub(super) struct Ended<'a> {
    pub(super) buyer: &'a str,
    pub(super) lines: &'a [Line],
    pub(super) created: Stamp,
}

impl<'a> From<&'a Order> for Ended<'a> {
    fn from(order: &'a Order) -> Self {
        Self { buyer: &order.buyer, lines: &order.lines, created: order.created }
    }
}

impl<'a> From<&'a Content<'_>> for Ended<'a> {
    fn from(content: &'a Content<'_>) -> Self {
        Self { buyer: &content.buyer, lines: &content.lines, created: content.created }
    }
}

impl Inventory {
    /// Finds the order of a step. A hold whose time is over is expired first, swept or not, whatever the step then
    /// hears.
    pub(super) fn find_for_step(&mut self, cx: &mut EntryContext, step: &Transition<'_>) -> Result<Found, Refusal> {
        if cx.clock >= step.apply_before {
            return Err(Refusal::TooLate);
        }
        let at = Packed::try_new(step.order).ok_or(Refusal::UnknownOrder)?;
        let held = self.held.get(at).cloned();
        if let Some(held) = &held
            && held.until <= cx.clock
            && !planted::is(Planted::ConfirmPastDeadline)
        {
            self.expire(cx, at);
        }
        let record = *self.orders.get(at).ok_or(Refusal::UnknownOrder)?;
        Ok(Found { at, record, held })
    }

    /// The content that a step brings, if it is that of the order.
    pub(super) fn checked_content<'a>(&self, record: &OrderRecord, step: &'a Transition<'_>) -> Option<&'a Content<'a>> {
        step.content.as_ref().filter(|content| hashing::content_fingerprint(self.secret(), content) == record.content)
    }

    /// Ends a hold: its units become sold or come back to the pool, and its buyer's count follows.
    pub(super) fn end_hold(&mut self, cx: &mut EntryContext, at: Packed, phase: Phase) {
        let Some(held) = self.held.remove(at) else { return };
        let order = held.order;
        for line in &order.lines {
            let units = u64::from(line.units);
            self.touch(cx, line.sku, |sku| match phase {
                Phase::Confirmed => sku.confirm(units),
                _ => sku.put_back(units, Taken::Held),
            });
        }
        if phase != Phase::Confirmed {
            self.uncount(&order.buyer, &order.lines);
        }
        self.set_phase(cx, at, phase, Ended::from(&*order));
        self.push_key_deadline(at, order.key);
        self.tell_change(cx, at, Some(order));
    }

    /// Moves an order along one arrow of its life and decides anew how long its key is kept.
    ///
    /// # Panics
    /// If there is no such arrow: units would be returned twice.
    pub(super) fn set_phase(&mut self, cx: &EntryContext, at: Packed, phase: Phase, order: Ended<'_>) {
        let founding = Arc::clone(&self.founding);
        self.orders.update(at, |record| {
            let arrow = (record.phase, phase);
            let legal = matches!(
                arrow,
                (Phase::Held, Phase::Confirmed | Phase::Released | Phase::Expired)
                    | (Phase::Confirmed, Phase::Cancelled)
                    | (Phase::Expired, Phase::Confirmed)
            );
            assert!(legal || planted::is(Planted::CancelTwice), "no order goes {arrow:?}");
            record.phase = phase;
            record.since = cx.clock;
            record.keep_key_until(key_kept_until(&founding.params, phase, order.created, cx.clock));
        });
    }

    /// Takes an order's units off its buyer's count.
    pub(super) fn uncount(&mut self, buyer: &str, lines: &[Line]) {
        let hash = self.buyer_hash(buyer);
        self.buyers.update(hash, |buyer| {
            for line in lines {
                buyer.subtract(line.sku, line.units);
            }
        });
    }

    /// Adds an order's units to its buyer's count.
    pub(super) fn count(&mut self, buyer: &str, order: Packed, lines: &[Line]) {
        let hash = self.buyer_hash(buyer);
        let mut buyer = self.buyers.get(hash).cloned().unwrap_or_else(|| Buyer::new(order));
        for line in lines {
            buyer.add(line.sku, line.units);
        }
        self.buyers.insert(hash, buyer);
    }

    /// Tells history the status that an order has now.
    pub(super) fn tell_change(&self, cx: &mut EntryContext, at: Packed, content: Option<Arc<Order>>) {
        let Some(status) = self.status_of(at) else { return };
        cx.tell(EventKind::Changed { order: at.order(), status, content });
    }

    fn status_of(&self, at: Packed) -> Option<Status> {
        self.orders.get(at)?.status().or_else(|| self.held.get(at).map(HeldOrder::status))
    }

    fn push_key_deadline(&mut self, at: Packed, key: KeyHash) {
        if let Some(record) = self.orders.get(at) {
            self.key_deadlines.push(record.key_until(), key);
        }
    }
}

/// The order is in the asked-for status.
pub(super) fn transitioned(order: OrderRef, status: Status, changed: bool) -> Outcome {
    Outcome::Transitioned(Transitioned { order, status, changed })
}

/// The order's status does not allow the step. A held order allows every step but a cancel.
pub(super) fn wrong_state(found: &Found) -> Refusal {
    let held = found.held.as_ref().map(HeldOrder::status);
    found.record.status().or(held).map_or(Refusal::UnknownOrder, |status| Refusal::OrderState { status })
}
