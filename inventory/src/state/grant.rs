//! `Grant`: units from the pool into slices, each checked: a grant to a session that is not open, of a pooled SKU or
//! beyond the pool has no effect. So any policy of a leader is safe, and a late grant is lost without harm.

use super::Inventory;
use super::entry::EntryContext;
use crate::{CommandOutcome, Grant, Mode};

impl Inventory {
    pub(super) fn grant(&mut self, cx: &mut EntryContext, grants: &[Grant]) -> CommandOutcome {
        for grant in grants {
            if self.may_grant(grant) {
                // Carry out.
                self.touch(cx, grant.sku, |sku| sku.grant(grant.session, grant.units));
                self.sessions.note_slice(grant.session, grant.sku, true);
            }
        }
        CommandOutcome::Done
    }

    fn may_grant(&self, grant: &Grant) -> bool {
        let Some(sku) = self.skus.get(grant.sku) else { return false };
        grant.units > 0 && sku.mode == Mode::Sliced && grant.units <= sku.pool && self.sessions.is_open(grant.session)
    }
}
