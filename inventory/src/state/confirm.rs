//! `Confirm`: makes a held order final. After the hold ended it is a late confirm: refused, or, where every line's SKU
//! says so, judged like a new order (per-buyer limit and units, not opening hours, not `max_orders`: the order is
//! remembered already) and its units are taken again.

use super::Inventory;
use super::batch::Proposer;
use super::entry::EntryContext;
use super::records::Phase;
use super::sku::Taken;
use super::transition::{Ended, Found, transitioned, wrong_state};
use crate::planted::{self, Planted};
use crate::{LateConfirm, Outcome, Refusal, Status, Transition};

impl Inventory {
    pub(super) fn confirm(&mut self, cx: &mut EntryContext, proposer: Proposer, step: &Transition<'_>) -> Outcome {
        let found = match self.find_for_step(cx, step) {
            Ok(found) => found,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        match found.record.phase {
            Phase::Held => {
                self.end_hold(cx, found.at, Phase::Confirmed);
                transitioned(step.order, Status::Confirmed, true)
            }
            Phase::Confirmed => transitioned(step.order, Status::Confirmed, false),
            Phase::Expired => self.confirm_late(cx, proposer, step, &found),
            Phase::Released | Phase::Cancelled => Outcome::Refused(wrong_state(&found)),
        }
    }

    fn confirm_late(&mut self, cx: &mut EntryContext, proposer: Proposer, step: &Transition<'_>, found: &Found) -> Outcome {
        // The entry that expired the order still has its content; later ones need it brought along.
        let own = found.held.as_ref().map(|held| Ended::from(&*held.order));
        let Some(order) = own.or_else(|| self.checked_content(&found.record, step).map(Ended::from)) else {
            return Outcome::Refused(Refusal::HoldExpired { refund_required: true });
        };
        if let Err(refusal) = self.judge_late(proposer, order) {
            return Outcome::Refused(refusal);
        }
        // Carry out.
        self.take_units(cx, proposer.session, order.lines, Taken::Confirmed);
        if !planted::is(Planted::LateConfirmUncounted) {
            self.count(order.buyer, found.at, order.lines);
        }
        self.set_phase(cx, found.at, Phase::Confirmed, order);
        self.tell_change(cx, found.at, found.held.as_ref().map(|held| held.order.clone()));
        transitioned(step.order, Status::Confirmed, true)
    }

    /// Units that are only in other slices are worth another try; every other no means that the buyer's money goes
    /// back.
    fn judge_late(&self, proposer: Proposer, order: Ended<'_>) -> Result<(), Refusal> {
        let expired = Refusal::HoldExpired { refund_required: true };
        let allowed = |sku: &super::Sku| sku.settings.late_confirm == LateConfirm::Reacquire;
        if !order.lines.iter().all(|line| self.skus.get(line.sku).is_some_and(allowed)) {
            return Err(expired);
        }
        let buyer = self.buyers.get(self.buyer_hash(order.buyer));
        self.judge_lines(None, proposer.session, buyer, order.lines).map_err(|refusal| match refusal {
            Refusal::Refilling { .. } => refusal,
            _ => expired,
        })
    }
}
