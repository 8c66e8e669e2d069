//! `Release`: gives a held order back; its units go to the pool. An order that expired before is expired, not released.

use super::Inventory;
use super::entry::EntryContext;
use super::records::Phase;
use super::transition::{transitioned, wrong_state};
use crate::{Outcome, Status, Transition};

impl Inventory {
    pub(super) fn release(&mut self, cx: &mut EntryContext, step: &Transition<'_>) -> Outcome {
        let found = match self.find_for_step(cx, step) {
            Ok(found) => found,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        match found.record.phase {
            Phase::Held => {
                self.end_hold(cx, found.at, Phase::Released);
                transitioned(step.order, Status::Released, true)
            }
            Phase::Released => transitioned(step.order, Status::Released, false),
            Phase::Confirmed | Phase::Expired | Phase::Cancelled => Outcome::Refused(wrong_state(&found)),
        }
    }
}
