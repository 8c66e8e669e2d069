//! `OpenSession`: gives a node the right to propose. The session's id is the log index, so ids only grow.
//!
//! An equal (incarnation, attempt) is a repeated command: the same session, even if it is closed by now. A lower one
//! comes from the past: nothing changes. A higher one closes what the node had before.

use std::sync::Arc;

use super::entry::EntryContext;
use super::{Inventory, Session};
use crate::planted::{self, Planted};
use crate::{OpenSession, Seq, SessionId, SessionOpened};

impl Inventory {
    pub(super) fn open_session(&mut self, cx: &mut EntryContext, ask: OpenSession) -> SessionOpened {
        if self.members.binary_search(&ask.node).is_err() {
            return SessionOpened::NotMember;
        }
        let asked = (ask.incarnation, ask.attempt);
        let earlier = self.sessions.of(ask.node).map(|session| ((session.incarnation, session.attempt), session.id, session.open));
        let replaced = match earlier {
            Some((known, _, _)) if asked < known => return SessionOpened::Outdated,
            Some((known, session, open)) if asked == known => return answer(ask, session, false, open),
            Some((_, session, open)) => open.then_some(session),
            None => None,
        };
        // Carry out.
        if let Some(session) = replaced {
            if let Some(stranded) = self.sessions.get_mut(session).filter(|_| planted::is(Planted::StrandSlices)) {
                stranded.open = false;
            } else {
                self.shut(cx, session);
            }
        }
        let id = SessionId(cx.index.0);
        self.sessions.insert(Session {
            id,
            node: ask.node,
            incarnation: ask.incarnation,
            attempt: ask.attempt,
            open: true,
            last_seq: Seq(0),
            last_batch: None,
            skus: Arc::default(),
        });
        answer(ask, id, true, true)
    }
}

fn answer(ask: OpenSession, session: SessionId, fresh: bool, open: bool) -> SessionOpened {
    SessionOpened::Opened { node: ask.node, incarnation: ask.incarnation, attempt: ask.attempt, session, fresh, open }
}
