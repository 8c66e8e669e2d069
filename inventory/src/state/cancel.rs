//! `Cancel`: gives a confirmed order back, for `cancel_window` after it was confirmed; its units go to the pool. The
//! state does not hold a confirmed order's content, so the command brings it, and the kept fingerprint tells whether
//! it is the right one: without it there is no order to cancel.

use super::Inventory;
use super::entry::EntryContext;
use super::records::Phase;
use super::sku::Taken;
use super::transition::{Ended, Found, transitioned, wrong_state};
use crate::planted::{self, Planted};
use crate::{Outcome, Refusal, Status, Transition};

impl Inventory {
    pub(super) fn cancel(&mut self, cx: &mut EntryContext, step: &Transition<'_>) -> Outcome {
        let found = match self.find_for_step(cx, step) {
            Ok(found) => found,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        match found.record.phase {
            Phase::Confirmed => self.cancel_confirmed(cx, step, &found),
            Phase::Cancelled if planted::is(Planted::CancelTwice) => self.cancel_confirmed(cx, step, &found),
            Phase::Cancelled => transitioned(step.order, Status::Cancelled, false),
            Phase::Held | Phase::Released | Phase::Expired => Outcome::Refused(wrong_state(&found)),
        }
    }

    fn cancel_confirmed(&mut self, cx: &mut EntryContext, step: &Transition<'_>, found: &Found) -> Outcome {
        let too_old = cx.clock >= found.record.since + self.params().cancel_window;
        let Some(order) = self.checked_content(&found.record, step).filter(|_| !too_old).map(Ended::from) else {
            return Outcome::Refused(Refusal::UnknownOrder);
        };
        // Carry out.
        for line in order.lines {
            self.touch(cx, line.sku, |sku| sku.put_back(u64::from(line.units), Taken::Confirmed));
        }
        self.uncount(order.buyer, order.lines);
        self.set_phase(cx, found.at, Phase::Cancelled, order);
        self.tell_change(cx, found.at, None);
        transitioned(step.order, Status::Cancelled, true)
    }
}
