//! `CloseSession`: reclaim. Fences a node: nothing of the session is ever applied again, and what it had of every SKU
//! is back in the pool, exactly and at once.

use std::sync::Arc;

use super::Inventory;
use super::entry::EntryContext;
use crate::{CommandOutcome, SessionId};

impl Inventory {
    pub(super) fn close_session(&mut self, cx: &mut EntryContext, session: SessionId) -> CommandOutcome {
        let known = self.sessions.get(session).map(|known| (known.node, known.open));
        // Carry out.
        let was_open = matches!(known, Some((_, true)));
        if was_open {
            self.shut(cx, session);
        }
        CommandOutcome::SessionClosed { session, node: known.map(|(node, _)| node), was_open }
    }

    /// Closes an open session and returns its slices.
    pub(super) fn shut(&mut self, cx: &mut EntryContext, id: SessionId) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.open = false;
        let skus = Arc::unwrap_or_clone(std::mem::take(&mut session.skus));
        for sku in skus {
            self.touch(cx, sku, |sku| sku.give_back(id, u64::MAX));
        }
    }
}
