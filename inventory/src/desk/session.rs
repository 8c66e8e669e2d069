//! The node's right to propose: asked for, opened, lost, or jumped over by a snapshot.

use crate::desk::pending::Pending;
use crate::desk::{Answer, Desk, Effect, Records, SessionNow};
use crate::planted::{self, Planted};
use crate::{Attempt, Moment, OpenSession, Seq, SessionId, SessionOpened};

/// Whether this node may propose.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// The session and the number of its next batch.
    open: Option<(SessionId, Seq)>,
    /// Which session of this process it is, or the next will be.
    attempt: Attempt,
    /// Since when there is no session: only a proof younger than this shows that the node has caught up.
    lost_at: Moment,
    /// When the attempt was last asked for.
    asked: Option<Moment>,
}

impl Standing {
    pub(super) fn new() -> Self {
        Self { open: None, attempt: Attempt(1), lost_at: Moment(0), asked: None }
    }

    pub(super) fn session(&self) -> Option<SessionId> {
        self.open.map(|(session, _)| session)
    }

    pub(super) fn attempt(&self) -> Attempt {
        self.attempt
    }

    pub(super) fn next_batch(&self) -> Option<(SessionId, Seq)> {
        self.open
    }

    pub(super) fn batch_done(&mut self) {
        if let Some((_, seq)) = &mut self.open {
            seq.0 += 1 + u64::from(planted::is(Planted::AcceptGap));
        }
    }

    /// A new leader may not have heard of the attempt.
    pub(super) fn forget_asking(&mut self) {
        self.asked = None;
    }

    /// The attempt came to a session that is closed: only a next one can be open.
    fn next_attempt(&mut self, now: Moment) {
        self.open = None;
        self.attempt.0 += 1;
        self.lost_at = now;
        self.asked = None;
    }
}

impl<W> Desk<W> {
    /// A snapshot was installed: entries were jumped over, and what they did is known only as far as the state tells.
    pub fn snapshot_installed(&mut self, now: Moment, records: &impl Records, out: &mut Vec<Effect<W>>) {
        self.applied = records.applied();
        self.generation += 1;
        let latest = records.session();
        match (self.session(), latest) {
            (Some(ours), Some(latest)) if latest.session == ours && latest.open => self.jumped_within_session(now, &latest, records, out),
            (Some(_), _) => self.jumped_over_session(now, records, out),
            (None, Some(latest)) => self.adopt_after_jump(now, &latest, records, out),
            (None, None) => {}
        }
        if self.proofs.reached(self.applied.0) {
            self.proven(now, records, out);
        } else {
            self.pump_all(now, records, out);
        }
        self.propose_again(now, out);
        self.launch(now, out);
    }

    fn jumped_within_session(&mut self, now: Moment, latest: &SessionNow, records: &impl Records, out: &mut Vec<Effect<W>>) {
        let Some(flight) = self.flight.take_if(|flight| flight.seq <= latest.last_seq) else { return };
        assert_eq!(flight.seq, latest.last_seq, "one batch is in flight, so none follows it in the log");
        if let Some(outcomes) = &latest.last {
            self.settle(now, flight, outcomes, records, out);
        } else {
            // The state keeps the outcomes of an open session's last batch; without them its fate is not known.
            self.abandon(flight.items, records, out);
            self.standing.batch_done();
        }
    }

    /// The session ended somewhere in the jump, before or after the batch in flight was judged.
    fn jumped_over_session(&mut self, now: Moment, records: &impl Records, out: &mut Vec<Effect<W>>) {
        if let Some(flight) = self.flight.take() {
            self.abandon(flight.items, records, out);
        }
        self.lose_session(now, out);
    }

    /// Requests whose outcomes cannot be learned: the key tells if it was an acceptance, else nobody can.
    fn abandon(&mut self, items: Vec<Pending<W>>, records: &impl Records, out: &mut Vec<Effect<W>>) {
        for pending in items {
            self.release_claims(&pending);
            let answer = match super::place::recorded(&pending, records) {
                Some(Answer::Replayed { order }) => Answer::Replayed { order },
                _ => Answer::OutcomeUnknown,
            };
            self.finish(pending, answer, out);
        }
    }

    fn adopt_after_jump(&mut self, now: Moment, latest: &SessionNow, records: &impl Records, out: &mut Vec<Effect<W>>) {
        let is_ours = latest.incarnation == self.config.incarnation && latest.attempt == self.standing.attempt;
        match (is_ours, latest.open) {
            (true, true) => self.adopt(now, latest.session, Seq(latest.last_seq.0 + 1), records, out),
            (true, false) => self.standing.next_attempt(now),
            (false, _) => {}
        }
    }

    pub(super) fn session_opened(&mut self, now: Moment, opened: &SessionOpened, records: &impl Records, out: &mut Vec<Effect<W>>) {
        let SessionOpened::Opened { node, incarnation, attempt, session, open, fresh } = *opened else { return };
        if node != self.config.node || self.session() == Some(session) {
            return;
        }
        if fresh && self.session().is_some() {
            // Another session of this node is open, so ours is closed, whoever asked.
            self.lose_session(now, out);
        }
        let is_awaited = self.session().is_none() && incarnation == self.config.incarnation && attempt == self.standing.attempt;
        match (is_awaited, open) {
            (true, true) => self.adopt(now, session, Seq(1), records, out),
            (true, false) => self.standing.next_attempt(now),
            (false, _) => {}
        }
    }

    pub(super) fn session_closed(&mut self, now: Moment, session: SessionId, out: &mut Vec<Effect<W>>) {
        if self.session() == Some(session) {
            self.lose_session(now, out);
        }
    }

    /// The session is this Desk's: those who waited for it are placed, in order.
    fn adopt(&mut self, now: Moment, session: SessionId, next: Seq, records: &impl Records, out: &mut Vec<Effect<W>>) {
        self.standing.open = Some((session, next));
        self.generation += 1;
        self.empty_lobby(now, records, out);
        self.pump_all(now, records, out);
    }

    /// This node's own apply has closed the session. What was in flight can take effect no more: a batch that was
    /// judged was answered before this. So everything is admitted again under the next session, with its original
    /// deadline and in its order; returns are dropped, as the units went back with the slice.
    pub(super) fn lose_session(&mut self, now: Moment, out: &mut Vec<Effect<W>>) {
        self.standing.next_attempt(now);
        self.generation += 1;
        for shelf in self.shelves.iter_mut() {
            shelf.provisional = 0;
            (shelf.refill_asked, shelf.told_needed) = (None, 0);
        }
        let flying = self.flight.take().map(|flight| flight.items).unwrap_or_default();
        let mut forming = std::mem::take(&mut self.forming);
        if planted::is(Planted::ForgetWaitersOfSession) {
            forming.clear();
        }
        for mut pending in flying.into_iter().chain(forming) {
            if pending.waiter.is_none() {
                // A return, or a request whose waiter has been told that its outcome is not known.
                self.finish(pending, Answer::OutcomeUnknown, out);
                continue;
            }
            pending.waits_since = None;
            self.next_expiry = self.next_expiry.min(pending.deadline);
            self.waiting += 1;
            self.lobby.push_back(pending);
        }
        self.reset_launch_rule();
        self.probe(now, out);
    }

    /// Asks for the session, if there is none and the node has caught up.
    pub(super) fn open_session(&mut self, now: Moment, out: &mut Vec<Effect<W>>) {
        if self.session().is_some() || self.leader.is_none() || self.is_done_draining() {
            return;
        }
        if !self.proofs.is_proven_since(self.standing.lost_at) {
            return self.probe(now, out);
        }
        if self.standing.asked.is_none_or(|asked| now >= asked.after(self.config.resend_after)) {
            self.standing.asked = Some(now);
            let (node, incarnation) = (self.config.node, self.config.incarnation);
            out.push(Effect::OpenSession(OpenSession { node, incarnation, attempt: self.standing.attempt }));
        }
    }

    /// When the session, or the proof before it, is asked for again.
    pub(super) fn open_at(&self) -> Option<Moment> {
        if self.session().is_some() || self.leader.is_none() || self.is_done_draining() {
            return None;
        }
        if self.proofs.is_proven_since(self.standing.lost_at) {
            return Some(self.standing.asked.map_or(Moment(0), |asked| asked.after(self.config.resend_after)));
        }
        Some(self.proofs.ask_at(self.config.probe_again))
    }
}
