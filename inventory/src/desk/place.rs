//! Where a request goes: the forming batch, the queue of a SKU, the lobby, or out with a refusal.

use crate::desk::pending::Pending;
use crate::desk::{Answer, Desk, Effect, Records};
use crate::{LogIndex, Moment, Refusal, Request, SkuId, SkuView, Stamp};

/// What the mirror says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placement {
    /// Units enough are at hand.
    Fits,
    /// Units exist that are not at hand, or are promised to others whose outcome is awaited.
    WaitForUnits(SkuId),
    /// There seem to be no units, or another reason to refuse, which is not proven.
    WaitForProof(SkuId),
    /// There are no units, or there is another reason: proven.
    Refuse(Refusal),
}

impl<W> Desk<W> {
    /// Judges `pending` by the mirror. A refusal of any line goes before a wait for an earlier one, and of several refusals
    /// goes the one that apply would tell.
    pub(super) fn judge(&mut self, now: Moment, pending: &Pending<W>, records: &impl Records) -> Placement {
        let is_fresh = self.is_fresh(now);
        let patient = pending.waits_since.is_some_and(|since| now.since(since).0 * 2 >= self.config.refill_wait.0);
        let (mut placement, mut refused): (_, Option<Refusal>) = (Placement::Fits, None);
        for line in pending.lines() {
            let units = u64::from(line.units);
            let Some(shelf) = self.shelves.load(line.sku, self.generation, records) else {
                // Refused before the units were looked at, if the state is fresh; one that is behind may not know a SKU
                // that exists: then apply decides.
                return if is_fresh { Placement::Refuse(Refusal::UnknownSku { sku: line.sku }) } else { Placement::Fits };
            };
            if shelf.sellable(patient) >= units {
                continue;
            }
            match shortage(&shelf.view, units) {
                // A late confirm is answered by apply alone: its refusal may ask for a refund.
                Some(_) if !pending.is_order() => return Placement::Fits,
                Some(refusal) if is_fresh => {
                    refused = refused.filter(|first| first.precedence() <= refusal.precedence()).or(Some(refusal));
                }
                Some(_) if placement == Placement::Fits => placement = Placement::WaitForProof(line.sku),
                None if placement == Placement::Fits => placement = Placement::WaitForUnits(line.sku),
                _ => {}
            }
        }
        match (refused, placement) {
            (Some(refusal), _) => Placement::Refuse(refusal),
            // Units are not fetched for who would be refused with them in hand.
            (None, Placement::WaitForUnits(sku)) => match self.foreseen(pending, records) {
                None => placement,
                Some(refusal) if is_fresh => Placement::Refuse(refusal),
                Some(_) => Placement::WaitForProof(sku),
            },
            (None, placement) => placement,
        }
    }

    /// Carries out what [`judge`](Self::judge) said. Without a session everything that is not refused waits.
    pub(super) fn put(&mut self, now: Moment, mut pending: Pending<W>, placement: Placement, out: &mut Vec<Effect<W>>) {
        self.next_expiry = self.next_expiry.min(pending.deadline);
        pending.waits_for_proof = matches!(placement, Placement::WaitForProof(_));
        if pending.waits_for_proof {
            self.proofs.wanted = true;
            self.probe(now, out);
        }
        match placement {
            Placement::WaitForUnits(sku) if self.session().is_some() => {
                pending.waits_since.get_or_insert(now);
                self.queue(now, sku, pending, out);
            }
            Placement::WaitForProof(sku) if self.session().is_some() => self.queue(now, sku, pending, out),
            Placement::Fits if self.session().is_some() => self.take(now, pending, out),
            _ => {
                self.waiting += 1;
                self.lobby.push_back(pending);
            }
        }
    }

    /// Whether a refill can be on its way: a session to grant it to, and a leader to grant it.
    pub(super) fn can_refill(&self) -> bool {
        self.session().is_some() && self.leader.is_some()
    }

    /// Judges and places a request that was admitted before.
    pub(super) fn place_again(&mut self, now: Moment, pending: Pending<W>, records: &impl Records, out: &mut Vec<Effect<W>>) {
        match self.judge(now, &pending, records) {
            Placement::Refuse(refusal) => self.refuse(pending, refusal, self.true_at(&refusal, records), records, out),
            placement => self.put(now, pending, placement, out),
        }
    }

    fn queue(&mut self, now: Moment, sku: SkuId, pending: Pending<W>, out: &mut Vec<Effect<W>>) {
        let Some(shelf) = self.shelves.get_mut(sku) else {
            // Judged by this very shelf a moment ago, so never; the lobby loses nobody.
            self.lobby.push_back(pending);
            self.waiting += 1;
            return;
        };
        let is_proof = pending.waits_for_proof;
        shelf.waiting.push_back(pending);
        self.waiting += 1;
        self.hungry.insert(sku);
        self.mark_active(sku);
        if !is_proof {
            self.ask_refill(now, sku, out);
        }
    }

    /// Takes a request into the forming batch; its units are provisional from here to its outcome.
    fn take(&mut self, now: Moment, pending: Pending<W>, out: &mut Vec<Effect<W>>) {
        for line in pending.lines() {
            let Some(shelf) = self.shelves.get_mut(line.sku) else { continue };
            let units = u64::from(line.units);
            shelf.provisional = shelf.provisional.saturating_add(units);
            shelf.rate.add(now, units);
            let (is_low, is_active) = (shelf.is_low(), shelf.active);
            if !is_active {
                self.mark_active(line.sku);
            }
            if is_low {
                self.ask_refill(now, line.sku, out);
            }
        }
        self.forming.push_back(pending);
    }

    fn mark_active(&mut self, sku: SkuId) {
        if let Some(shelf) = self.shelves.get_mut(sku) {
            shelf.active = true;
            self.active.insert(sku);
        }
    }

    /// Judges those who wait for `sku` again, in order. `changed`: only because its numbers changed, which is cheap
    /// while nobody can be served or refused.
    pub(super) fn pump(&mut self, now: Moment, sku: SkuId, changed: bool, records: &impl Records, out: &mut Vec<Effect<W>>) {
        let is_fresh = self.is_fresh(now);
        let Some(shelf) = self.shelves.load(sku, self.generation, records) else { return };
        if changed && shelf.sellable(false) == 0 && (shelf.view.available() > 0 || !is_fresh) {
            return;
        }
        let were_units_needed = shelf.waiting_units(sku) > 0;
        let waiting = shelf.waiting.len();
        self.hungry.remove(&sku);
        let can_refill = self.can_refill();
        // One by one from the front to the back, so that what is asked for meanwhile counts those who are still to be looked at.
        for _ in 0..waiting {
            let Some(mut pending) = self.shelves.get_mut(sku).and_then(|shelf| shelf.waiting.pop_front()) else { break };
            self.waiting -= 1;
            if pending.deadline <= now {
                self.give_up(now, pending, records, out);
                continue;
            }
            if !can_refill {
                // Between leaders and between sessions buyers queue until their deadline: no refill is late that nobody can give.
                pending.waits_since = None;
            }
            match self.judge(now, &pending, records) {
                Placement::WaitForUnits(short) if self.has_waited_enough(now, &pending) => {
                    let refusal = Refusal::Refilling { sku: short };
                    self.refuse(pending, refusal, self.true_at(&refusal, records), records, out);
                }
                Placement::Refuse(refusal) => self.refuse(pending, refusal, self.true_at(&refusal, records), records, out),
                placement => self.put(now, pending, placement, out),
            }
        }
        if were_units_needed {
            self.ask_no_longer(sku, out);
        }
    }

    /// [`pump`](Self::pump) for every SKU that somebody waits for.
    pub(super) fn pump_all(&mut self, now: Moment, records: &impl Records, out: &mut Vec<Effect<W>>) {
        for sku in self.hungry.iter().copied().collect::<Vec<_>>() {
            self.pump(now, sku, false, records, out);
        }
    }

    /// Places those in the lobby, in order: a session was opened, or a proof came.
    pub(super) fn empty_lobby(&mut self, now: Moment, records: &impl Records, out: &mut Vec<Effect<W>>) {
        let lobby = std::mem::take(&mut self.lobby);
        self.waiting -= lobby.len();
        for pending in lobby {
            self.place_again(now, pending, records, out);
        }
    }

    fn has_waited_enough(&self, now: Moment, pending: &Pending<W>) -> bool {
        pending.waits_since.is_some_and(|since| now >= since.after(self.config.refill_wait))
    }

    /// An index at which a refusal by the mirror is true: the mirror of its SKU may be ahead of what the Desk was told.
    pub(super) fn true_at(&self, refusal: &Refusal, records: &impl Records) -> (LogIndex, Stamp) {
        let read_at = match *refusal {
            Refusal::NotOpen { sku, .. }
            | Refusal::Closed { sku }
            | Refusal::InsufficientStock { sku, .. }
            | Refusal::SoldOut { sku, .. }
            | Refusal::Refilling { sku } => self.shelves.get(sku).map(|shelf| shelf.read_at),
            // The buyer's units and the room are read when they are refused.
            Refusal::BuyerLimit { .. } | Refusal::Capacity { .. } => Some(records.applied()),
            _ => None,
        };
        read_at.map_or(self.applied, |read_at| read_at.max(self.applied))
    }

    /// Answers with a refusal that is true at `at`, unless the key owns an order: that is looked up before every
    /// refusal, so that a retry does not hear "sold out" about an order it owns.
    pub(super) fn refuse(
        &mut self,
        pending: Pending<W>,
        refusal: Refusal,
        at: (LogIndex, Stamp),
        records: &impl Records,
        out: &mut Vec<Effect<W>>,
    ) {
        let answer = recorded(&pending, records).unwrap_or(Answer::Refused { refusal, index: at.0, stamp: at.1 });
        self.finish(pending, answer, out);
    }

    /// A request that was not proposed will not be: its time is over, or there are too many.
    pub(super) fn give_up(&mut self, now: Moment, pending: Pending<W>, records: &impl Records, out: &mut Vec<Effect<W>>) {
        // A leader that was not heard of for as long as a request lasts is none.
        let has_leader = self.leader.is_some() && self.proofs.is_fresh(now, self.config.request_ttl);
        let answer = match recorded(&pending, records) {
            Some(answer) => answer,
            None if pending.waits_for_proof => Answer::Stale,
            None if !has_leader && !self.is_full() => Answer::NoLeader,
            None => Answer::Overloaded,
        };
        self.finish(pending, answer, out);
    }

    /// Ends a request: its key is free, its waiter is answered.
    pub(super) fn finish(&mut self, pending: Pending<W>, answer: Answer, out: &mut Vec<Effect<W>>) {
        if let Some(key) = pending.ask.key {
            self.keys.remove(key);
        }
        if let Some(waiter) = pending.waiter {
            out.push(Effect::Answer(waiter, answer));
        }
    }

    /// Units are promised no longer.
    pub(super) fn release_claims(&mut self, pending: &Pending<W>) {
        pending.for_each_claim(|sku, units| {
            if let Some(shelf) = self.shelves.get_mut(sku) {
                shelf.provisional = shelf.provisional.saturating_sub(units);
            }
        });
    }
}

/// What the state remembers of the request's key. Only orders make records.
pub(super) fn recorded<W>(pending: &Pending<W>, records: &impl Records) -> Option<Answer> {
    let Request::Order(_) = pending.ask.request else { return None };
    let record = records.find(pending.ask.key?)?;
    if Some(record.fingerprint) == pending.ask.fingerprint {
        return Some(Answer::Replayed { order: record.order });
    }
    // Where the record was read: the Desk may not have been told of that entry yet.
    let (index, stamp) = records.applied();
    Some(Answer::Refused { refusal: Refusal::KeyReused, index, stamp })
}

/// The refusal that the numbers call for, if pool and slices together hold too few.
fn shortage(view: &SkuView, units: u64) -> Option<Refusal> {
    match view.available() {
        0 => Some(Refusal::SoldOut { sku: view.sku, is_final: view.held == 0 }),
        available if available < units => Some(Refusal::InsufficientStock { sku: view.sku, available }),
        _ => None,
    }
}
