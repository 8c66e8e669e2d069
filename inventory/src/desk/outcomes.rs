//! What an applied entry does: only here, and at a snapshot, does a request in flight learn its fate.

use crate::desk::flight::Flight;
use crate::desk::pending::Pending;
use crate::desk::{Answer, Desk, Effect, Records};
use crate::planted::{self, Planted};
use crate::{Applied, BatchApplied, BatchOutcomes, BatchResult, CommandOutcome, Line, LogIndex, Moment, Outcome, Refusal, SkuId, Stamp};

impl<W> Desk<W> {
    /// An entry was applied here. Told for every entry, in order.
    pub fn applied(&mut self, now: Moment, applied: &Applied, records: &impl Records, out: &mut Vec<Effect<W>>) {
        if applied.index > self.applied.0 {
            self.applied = (applied.index, applied.stamp);
        }
        // The numbers first: requests that the outcomes send back are judged by them.
        self.refresh(&applied.touched, records);
        match &applied.outcome {
            CommandOutcome::Batch(batch) => self.batch_applied(now, batch, records, out),
            CommandOutcome::SessionOpened(opened) => self.session_opened(now, opened, records, out),
            CommandOutcome::SessionClosed { session, .. } => self.session_closed(now, *session, out),
            CommandOutcome::Done | CommandOutcome::MembersSet | CommandOutcome::Sku(_) => {}
        }
        if self.proofs.reached(applied.index) {
            self.proven(now, records, out);
        } else if !self.hungry.is_empty() {
            for &sku in &applied.touched {
                if self.hungry.contains(&sku) {
                    self.pump(now, sku, true, records, out);
                }
            }
        }
        self.advance_drain(records);
        self.launch(now, out);
    }

    /// Reads the numbers of changed SKUs that this Desk knows; the others are read when they are asked for.
    fn refresh(&mut self, touched: &[SkuId], records: &impl Records) {
        let read_at = records.applied();
        for &sku in touched {
            let Some(shelf) = self.shelves.get_mut(sku) else { continue };
            if let Some(view) = records.view(sku) {
                shelf.refresh(view, read_at, self.generation);
            }
        }
    }

    fn batch_applied(&mut self, now: Moment, batch: &BatchApplied, records: &impl Records, out: &mut Vec<Effect<W>>) {
        if self.session() != Some(batch.session) {
            return;
        }
        match &batch.result {
            BatchResult::Judged(outcomes) | BatchResult::Repeated(outcomes) => {
                if let Some(flight) = self.flight.take_if(|flight| flight.seq == batch.seq) {
                    self.settle(now, flight, outcomes, records, out);
                }
            }
            // The state says so, at an index applied here: the session is over.
            BatchResult::Closed => self.lose_session(now, out),
            // A late duplicate of an earlier batch: its outcomes were told when it was judged.
            BatchResult::Outdated | BatchResult::Gap => {}
        }
    }

    /// Answers the batch in flight from its outcomes.
    pub(super) fn settle(
        &mut self,
        now: Moment,
        flight: Flight<W>,
        outcomes: &BatchOutcomes,
        records: &impl Records,
        out: &mut Vec<Effect<W>>,
    ) {
        let Flight { items, is_cut, .. } = flight;
        assert_eq!(items.len(), outcomes.outcomes.len(), "a batch has an outcome for each request");
        self.standing.batch_done();
        // Provisional units are dropped on every outcome, and of all requests before any is judged again.
        for (pending, outcome) in items.iter().zip(&outcomes.outcomes) {
            if !(planted::is(Planted::KeepProvisional) && matches!(outcome, Outcome::Refused(_))) {
                self.release_claims(pending);
            }
        }
        let before = out.len();
        for (pending, outcome) in items.into_iter().zip(&outcomes.outcomes) {
            self.settle_one(now, pending, *outcome, outcomes, records, out);
        }
        let answered = out[before..].iter().filter(|effect| matches!(effect, Effect::Answer(..))).count();
        if is_cut {
            // Those left behind are here, and may be the rest of one call: nobody else is waited for.
            self.reset_launch_rule();
        } else {
            self.batch_completed(now, answered);
        }
    }

    fn settle_one(
        &mut self,
        now: Moment,
        mut pending: Pending<W>,
        outcome: Outcome,
        batch: &BatchOutcomes,
        records: &impl Records,
        out: &mut Vec<Effect<W>>,
    ) {
        let (index, stamp) = (self.told_index(batch), batch.stamp);
        let answer = match outcome {
            Outcome::Accepted { order, status } => Answer::Accepted { order, status, index, stamp },
            Outcome::Replayed { order } => Answer::Replayed { order },
            Outcome::Transitioned(step) => Answer::Transitioned { step, index, stamp },
            // Of the Desk's own request, which nobody waits for.
            Outcome::Returned { .. } => Answer::Overloaded,
            Outcome::Refused(Refusal::Refilling { sku }) if pending.waiter.is_some() && pending.may_draw() => {
                pending.draws = true;
                pending.waits_since.get_or_insert(now);
                self.refused_for_units(now, pending, sku, (index, stamp), records, out);
                return;
            }
            // Everything else is true at the entry that judged the request; a key is looked up all the same.
            Outcome::Refused(refusal) => return self.refuse(pending, refusal, (index, stamp), records, out),
        };
        self.finish(pending, answer, out);
    }

    /// The index that acknowledges what a batch did.
    fn told_index(&self, batch: &BatchOutcomes) -> LogIndex {
        let session = self.session().filter(|_| planted::is(Planted::TellIndexOfSession));
        session.map_or(batch.index, |session| LogIndex(session.0))
    }

    /// Apply found the units in other slices. The key is looked up, then the request waits for a refill like a new one.
    fn refused_for_units(
        &mut self,
        now: Moment,
        pending: Pending<W>,
        sku: SkuId,
        at: (LogIndex, Stamp),
        records: &impl Records,
        out: &mut Vec<Effect<W>>,
    ) {
        let is_over = pending.deadline <= now || pending.waits_since.is_some_and(|since| now >= since.after(self.config.refill_wait));
        let has_key_now = super::place::recorded(&pending, records).is_some();
        let asks_for_sku = pending.lines().iter().any(|line: &Line| line.sku == sku);
        if is_over || has_key_now || !asks_for_sku {
            return self.refuse(pending, Refusal::Refilling { sku }, at, records, out);
        }
        self.place_again(now, pending, records, out);
    }
}
