//! The timers. The Desk has no other sense of time passing.

use crate::desk::limits::EXPIRY_GRAIN;
use crate::desk::{Answer, Desk, Effect, Records};
use crate::{Moment, SkuId};

impl<W> Desk<W> {
    /// Time passed. Early or repeated calls do no harm.
    pub fn wake(&mut self, now: Moment, records: &impl Records, out: &mut Vec<Effect<W>>) {
        self.begin(records);
        if now >= self.next_expiry {
            self.expire(now, records, out);
        }
        if self.resend_at().is_some_and(|at| now >= at) {
            self.propose_again(now, out);
        }
        self.open_session(now, out);
        if self.proofs.wanted {
            self.probe(now, out);
        }
        if !self.hungry.is_empty() && now >= self.next_pump {
            self.next_pump = now.after(EXPIRY_GRAIN);
            self.pump_all(now, records, out);
            // Who waits for a proof needs none.
            let needs_units = |sku: &SkuId| self.shelves.get(*sku).is_some_and(|shelf| shelf.waiting_units(*sku) > 0);
            for sku in self.hungry.iter().copied().filter(needs_units).collect::<Vec<_>>() {
                self.ask_refill(now, sku, out);
            }
        }
        self.advance_drain(records);
        self.launch(now, out);
    }

    /// When [`wake`](Self::wake) should be called; none if only events can change anything.
    pub fn wake_at(&self) -> Option<Moment> {
        let expiry = (self.next_expiry < Moment(u64::MAX)).then_some(self.next_expiry);
        let pump = (!self.hungry.is_empty()).then_some(self.next_pump);
        let probe = (self.proofs.wanted && self.leader.is_some()).then(|| self.proofs.ask_at(self.config.probe_again));
        [expiry, pump, probe, self.launch_at(), self.resend_at(), self.open_at()].into_iter().flatten().min()
    }

    /// Answers those whose time is over, in the lobby, the forming batch and in flight; those who wait for units are
    /// looked at by the pump.
    fn expire(&mut self, now: Moment, records: &impl Records, out: &mut Vec<Effect<W>>) {
        let mut next = Moment(u64::MAX);
        let lobby = std::mem::take(&mut self.lobby);
        for pending in lobby {
            if pending.deadline > now {
                next = next.min(pending.deadline);
                self.lobby.push_back(pending);
                continue;
            }
            self.waiting -= 1;
            self.give_up(now, pending, records, out);
        }
        let forming = std::mem::take(&mut self.forming);
        for pending in forming {
            if pending.deadline > now {
                next = next.min(pending.deadline);
                self.forming.push_back(pending);
                continue;
            }
            self.release_claims(&pending);
            self.give_up(now, pending, records, out);
        }
        next = next.min(self.expire_in_flight(now, out));
        for sku in &self.hungry {
            let deadlines = self.shelves.get(*sku).into_iter().flat_map(|shelf| shelf.waiting.iter().map(|pending| pending.deadline));
            next = deadlines.fold(next, Moment::min);
        }
        // Deadlines lie microseconds apart: they are looked at in groups.
        self.next_expiry = if next == Moment(u64::MAX) { next } else { next.max(now.after(EXPIRY_GRAIN)) };
    }

    /// A request in flight may still take effect: its waiter is told that nobody knows, the batch stays.
    fn expire_in_flight(&mut self, now: Moment, out: &mut Vec<Effect<W>>) -> Moment {
        let grace = self.config.outcome_grace;
        let mut next = Moment(u64::MAX);
        let Some(flight) = &mut self.flight else { return next };
        for pending in &mut flight.items {
            let until = pending.deadline.after(grace);
            if until > now {
                next = if pending.waiter.is_some() { next.min(until) } else { next };
            } else if let Some(waiter) = pending.waiter.take() {
                out.push(Effect::Answer(waiter, Answer::OutcomeUnknown));
            }
        }
        next
    }
}
