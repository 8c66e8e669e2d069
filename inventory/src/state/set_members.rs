//! The members from an entry on: learners included, ascending. A node that is no member any more loses its session,
//! and its slices go back to the pool.

use super::Inventory;
use super::entry::EntryContext;
use crate::{NodeId, SessionId};

impl Inventory {
    pub(super) fn set_members(&mut self, cx: &mut EntryContext, members: &[NodeId]) {
        let mut sorted = members.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let gone: Vec<SessionId> = self
            .sessions
            .iter()
            .filter(|session| session.open && sorted.binary_search(&session.node).is_err())
            .map(|session| session.id)
            .collect();
        // Carry out.
        for session in gone {
            self.shut(cx, session);
        }
        self.members = sorted.into();
    }
}
