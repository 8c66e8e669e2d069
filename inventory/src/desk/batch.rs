//! When a batch leaves, and when it is proposed again.
//!
//! One batch is in flight; the next one forms meanwhile. Launching at the first arrival after a batch completes would
//! fall into lock-step: the first answered buyer launches a batch of one, and all others wait a cycle.

use crate::desk::flight::{self, Flight};
use crate::desk::limits::ENTRY_HEADER_BYTES;
use crate::desk::pending::Pending;
use crate::desk::{Answer, Desk, Effect, Records};
use crate::planted::{self, Planted};
use crate::{LogIndex, Moment, NodeId, OrderRef, Seq, Status};

/// How many requests a batch waits for, and until when.
#[derive(Clone, Copy, Debug)]
pub(super) struct LaunchRule {
    expected: usize,
    gather_until: Moment,
}

impl Default for LaunchRule {
    fn default() -> Self {
        Self { expected: 1, gather_until: Moment(0) }
    }
}

impl LaunchRule {
    /// After a batch completed: those answered just now are expected to come again, and a part of all is waited for.
    fn after_batch(answered: usize, forming: usize, per_cent: usize, gather_until: Moment) -> Self {
        Self { expected: (answered + forming) * per_cent / 100, gather_until }
    }

    fn allows(self, now: Moment, forming: usize) -> bool {
        forming >= self.expected || now >= self.gather_until
    }
}

impl<W> Desk<W> {
    /// Another leader, or none, is known. A batch in flight is proposed to the new one at once: the old one may have
    /// lost it.
    pub fn leader_changed(&mut self, now: Moment, leader: Option<NodeId>, out: &mut Vec<Effect<W>>) {
        self.leader = leader;
        if leader.is_none() {
            return;
        }
        if let Some(flight) = &mut self.flight {
            flight.backoff = self.config.resend_after;
        }
        self.propose_again(now, out);
        // Whatever the old leader was asked may have been lost with it.
        self.proofs.forget_asking();
        self.standing.forget_asking();
        if self.proofs.wanted {
            self.probe(now, out);
        }
        self.open_session(now, out);
        self.launch(now, out);
    }

    /// The last proposal was refused, or the connection it went over was lost. Decides nothing: the batch may still be
    /// in the log, so it is only proposed again soon.
    pub fn proposal_refused(&mut self, now: Moment) {
        let soon = now.after(self.config.resend_after_refusal);
        if let Some(flight) = &mut self.flight {
            flight.resend_at = flight.resend_at.min(soon);
        }
    }

    /// A probe that was asked for at `sent` was answered with this read index, after a quorum confirmed the leader.
    pub fn fresh(&mut self, now: Moment, sent: Moment, read_index: LogIndex, records: &impl Records, out: &mut Vec<Effect<W>>) {
        self.begin(records);
        let sent = if planted::is(Planted::ProofFromItsAnswer) { now } else { sent };
        // What counts is the entry that this Desk was told: its mirror is no younger, even if the state is.
        if self.proofs.answered(sent, read_index, self.applied.0) {
            self.proven(now, records, out);
        }
        self.launch(now, out);
    }

    /// A better proof of freshness came.
    pub(super) fn proven(&mut self, now: Moment, records: &impl Records, out: &mut Vec<Effect<W>>) {
        self.open_session(now, out);
        self.pump_all(now, records, out);
        self.empty_lobby(now, records, out);
    }

    /// Asks for a proof of freshness, if none is under way.
    pub(super) fn probe(&mut self, now: Moment, out: &mut Vec<Effect<W>>) {
        if self.leader.is_some() && self.proofs.ask(now, self.config.probe_again) {
            out.push(Effect::Probe);
        }
    }

    /// Sends the forming batch off if none is in flight and it need not wait for more.
    pub(super) fn launch(&mut self, now: Moment, out: &mut Vec<Effect<W>>) {
        let Some((session, seq)) = self.standing.next_batch() else { return };
        if self.flight.is_some() || self.leader.is_none() || self.forming.is_empty() {
            return;
        }
        let is_full = self.forming.len() >= self.config.max_batch_requests;
        if !is_full && !self.launch_rule.allows(now, self.forming.len()) {
            return;
        }
        let mut items: Vec<_> = self.forming.drain(..self.cut()).collect();
        let bytes = flight::encode(session, seq, &items);
        out.push(Effect::Propose(bytes.clone()));
        if planted::is(Planted::AcceptGap) {
            out.push(Effect::Propose(flight::encode::<W>(session, Seq(seq.0 + 1), &[])));
        }
        if planted::is(Planted::AcknowledgeBeforeCommit) {
            self.acknowledge_early(&mut items, out);
        }
        let backoff = self.config.resend_after;
        let is_cut = !self.forming.is_empty();
        self.flight = Some(Flight { seq, bytes, items, is_cut, resend_at: now.after(backoff), backoff });
    }

    /// A planted bug: the order will surely be the first of the next entry.
    fn acknowledge_early(&self, items: &mut [Pending<W>], out: &mut Vec<Effect<W>>) {
        let (index, stamp) = (LogIndex(self.applied.0.0 + 1), self.applied.1);
        for (position, item) in (0..).zip(items.iter_mut().filter(|item| item.is_order())) {
            if let Some(waiter) = item.waiter.take() {
                let order = OrderRef { index, position };
                out.push(Effect::Answer(waiter, Answer::Accepted { order, status: Status::Confirmed, index, stamp }));
            }
        }
    }

    /// How many of the forming requests fit one entry. One always does: names, keys and lines have bounds.
    pub(super) fn cut(&self) -> usize {
        let mut room = self.config.max_entry_bytes.saturating_sub(ENTRY_HEADER_BYTES);
        let fitting = self.forming.iter().take(self.config.max_batch_requests).take_while(|pending| {
            let bytes = flight::most_bytes(&pending.ask.request);
            let fits = bytes <= room;
            room = room.saturating_sub(bytes);
            fits
        });
        fitting.count().max(1)
    }

    /// Proposes the batch in flight once more, byte for byte.
    pub(super) fn propose_again(&mut self, now: Moment, out: &mut Vec<Effect<W>>) {
        let Some(flight) = &mut self.flight else { return };
        flight.resend_at = now.after(flight.backoff);
        flight.backoff.0 = (flight.backoff.0 * 2).min(self.config.resend_at_most.0);
        out.push(Effect::Propose(flight.bytes.clone()));
    }

    /// The batch in flight was answered to `answered` waiters.
    pub(super) fn batch_completed(&mut self, now: Moment, answered: usize) {
        self.launch_rule =
            LaunchRule::after_batch(answered, self.forming.len(), self.config.gather_per_cent, now.after(self.config.gather));
    }

    /// The bounds of a batch in the state, whose apply refuses what is over them. Smaller ones of its own a Desk keeps.
    pub fn bound_batches(&mut self, requests: usize, entry_bytes: usize) {
        self.config.max_batch_requests = self.config.max_batch_requests.min(requests);
        self.config.max_entry_bytes = self.config.max_entry_bytes.min(entry_bytes);
    }

    /// Forgets whom the last batch answered.
    pub(super) fn reset_launch_rule(&mut self) {
        self.launch_rule = LaunchRule::default();
    }

    /// When the forming batch leaves whoever is missing.
    pub(super) fn launch_at(&self) -> Option<Moment> {
        let waits = self.flight.is_none() && !self.forming.is_empty() && self.leader.is_some() && self.session().is_some();
        waits.then_some(self.launch_rule.gather_until)
    }

    /// When the batch in flight is proposed again.
    pub(super) fn resend_at(&self) -> Option<Moment> {
        self.leader?;
        self.flight.as_ref().map(|flight| flight.resend_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_those_answered_and_waiting_is_waited_for() {
        let rule = LaunchRule::after_batch(60, 40, 50, Moment(1_000));
        assert!(!rule.allows(Moment(999), 49));
        assert!(rule.allows(Moment(0), 50));
        assert!(rule.allows(Moment(1_000), 1), "but not for longer than it may gather");
    }

    #[test]
    fn one_or_two_buyers_wait_for_nobody() {
        for answered in 0..=2 {
            assert!(LaunchRule::after_batch(answered, 0, 50, Moment(1_000)).allows(Moment(0), 1), "{answered}");
        }
    }
}
