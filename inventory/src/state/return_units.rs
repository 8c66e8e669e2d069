//! `Return`: units of the session's own slice back to the pool. What the slice does not hold is not returned.

use super::Inventory;
use super::batch::Proposer;
use super::entry::EntryContext;
use crate::{Outcome, SkuId};

impl Inventory {
    pub(super) fn return_units(&mut self, cx: &mut EntryContext, proposer: Proposer, id: SkuId, units: u64) -> Outcome {
        let slice = self.skus.get(id).map_or(0, |sku| sku.slice(proposer.session));
        let units = units.min(slice);
        // Carry out.
        if units > 0 {
            self.touch(cx, id, |sku| sku.give_back(proposer.session, units));
            self.sessions.note_slice(proposer.session, id, units < slice);
        }
        Outcome::Returned { sku: id, units }
    }
}
