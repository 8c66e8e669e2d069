//! Fencing nodes that do not follow: their sessions are closed, their slices go back to the pool.

use std::collections::{BTreeMap, VecDeque};

use crate::reconcile::{Action, Reconciler, Stock};
use crate::{Command, LogIndex, Millis, Moment, SessionId};

/// Parts of `reclaim_after` between two samples of the committed index.
const SAMPLES: u64 = 20;

/// What was committed when, as far back as `reclaim_after`.
#[derive(Debug, Default)]
pub(super) struct Horizon {
    samples: VecDeque<(Moment, LogIndex)>,
    /// When each open session was first seen: its node is given as long to report it.
    seen: BTreeMap<SessionId, Moment>,
    /// When the closing of a session was last proposed.
    closing: BTreeMap<SessionId, Moment>,
    last_look: Option<Moment>,
}

impl Horizon {
    /// Notes what is committed now; returns what was committed `reclaim_after` ago, once that long is known.
    fn advance(&mut self, now: Moment, committed: LogIndex, reclaim_after: Millis) -> Option<LogIndex> {
        let pause = Millis(reclaim_after.0 / 2);
        if self.last_look.is_some_and(|last| now > last.after(pause)) {
            // This process itself stood still: the others' reports wait unread, so nobody is judged by them.
            *self = Self::default();
        }
        self.last_look = Some(now);
        let step = Millis(reclaim_after.0 / SAMPLES);
        if self.samples.back().is_none_or(|(at, _)| now >= at.after(step)) {
            self.samples.push_back((now, committed));
        }
        while self.samples.get(1).is_some_and(|(at, _)| at.after(reclaim_after) <= now) {
            self.samples.pop_front();
        }
        self.samples.front().filter(|(at, _)| at.after(reclaim_after) <= now).map(|(_, committed)| *committed)
    }

    fn is_due(&mut self, now: Moment, session: SessionId, reclaim_after: Millis, again_after: Millis) -> bool {
        let seen = *self.seen.entry(session).or_insert(now);
        let is_closing = self.closing.get(&session).is_some_and(|at| now < at.after(again_after));
        now >= seen.after(reclaim_after) && !is_closing
    }
}

impl Reconciler {
    /// Closes the sessions of nodes that have not reported applying what was committed `reclaim_after` ago, or have reported
    /// nothing since: where nothing is committed, the dead have applied it all.
    pub(super) fn reclaim(&mut self, now: Moment, committed: LogIndex, stock: &impl Stock, actions: &mut Vec<Action>) {
        let (reclaim_after, again_after) = (self.config.reclaim_after, self.config.again_after);
        let due = self.horizon.advance(now, committed, reclaim_after);
        let open = stock.open_sessions();
        self.horizon.seen.retain(|session, _| open.iter().any(|(_, id)| id == session));
        self.horizon.closing.retain(|session, _| open.iter().any(|(_, id)| id == session));
        for (node, session) in open {
            let may_close = self.horizon.is_due(now, session, reclaim_after, again_after);
            let follows = due.is_none_or(|due| {
                self.reports.get(&node).is_some_and(|last| last.report.applied >= due && now <= last.at.after(reclaim_after))
            });
            if may_close && !follows {
                self.horizon.closing.insert(session, now);
                actions.push(Action::Propose(Command::CloseSession { session }));
            }
        }
    }
}
