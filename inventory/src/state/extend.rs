//! `Extend`: holds longer, once: by the shortest non-zero `hold_ttl` that the lines' SKUs have now (the default, if
//! none holds any more), counted from the deadline, so that asking early loses nothing.

use super::Inventory;
use super::entry::EntryContext;
use super::records::{HeldOrder, Phase};
use super::transition::{Found, transitioned, wrong_state};
use crate::{Outcome, Refusal, Transition};

impl Inventory {
    pub(super) fn extend(&mut self, cx: &mut EntryContext, step: &Transition<'_>) -> Outcome {
        let found = match self.find_for_step(cx, step) {
            Ok(found) => found,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        match (found.record.phase, &found.held) {
            (Phase::Held, Some(held)) if held.extended => transitioned(step.order, held.status(), false),
            (Phase::Held, Some(held)) => self.extend_hold(cx, step, &found, held),
            (Phase::Expired, _) => Outcome::Refused(Refusal::HoldExpired { refund_required: false }),
            _ => Outcome::Refused(wrong_state(&found)),
        }
    }

    fn extend_hold(&mut self, cx: &mut EntryContext, step: &Transition<'_>, found: &Found, held: &HeldOrder) -> Outcome {
        let more = self.shortest_hold(&held.order.lines).unwrap_or(self.params().default_hold_ttl);
        let extended = HeldOrder { until: held.until + more, extended: true, order: held.order.clone() };
        let status = extended.status();
        // Carry out. The earlier deadline stays where it is: whoever sweeps it sees that it is not the order's any more.
        self.hold_deadlines.push(extended.until, found.at);
        self.held.update(found.at, |held| *held = extended);
        self.tell_change(cx, found.at, Some(held.order.clone()));
        transitioned(step.order, status, true)
    }
}
