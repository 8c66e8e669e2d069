//! A new request: shed, refused early, or placed.

use crate::desk::pending::Pending;
use crate::desk::place::Placement;
use crate::desk::{Answer, Ask, ClusterTime, Desk, Effect, Records};
use crate::planted::{self, Planted};
use crate::{BuyerHash, Line, Moment, Refusal, Request, SaleState, SkuView, Stamp};

impl<W> Desk<W> {
    /// A buyer's request. `waiter` is answered exactly once, now or later.
    pub fn admit(&mut self, now: Moment, time: ClusterTime, ask: Ask, waiter: W, records: &impl Records, out: &mut Vec<Effect<W>>) {
        self.begin(records);
        if self.is_draining() {
            out.push(Effect::Answer(waiter, Answer::Draining));
            return;
        }
        if ask.key.is_some_and(|key| !self.keys.insert(key)) {
            out.push(Effect::Answer(waiter, Answer::KeyInProgress));
            return;
        }
        let pending = Pending::new(now, time, self.config.request_ttl, ask, waiter);
        if let Some(refusal) = self.screen(now, time, &pending, records) {
            self.refuse_early(now, pending, refusal, records, out);
            return;
        }
        match self.judge(now, &pending, records) {
            Placement::Refuse(refusal) => self.refuse_early(now, pending, refusal, records, out),
            // Also here the key is looked up first: a retry must not hear "no effect" about an order that it owns.
            _ if self.is_full() || pending.deadline <= now => self.give_up(now, pending, records, out),
            placement => self.put(now, pending, placement, out),
        }
        self.launch(now, out);
    }

    pub(super) fn is_full(&self) -> bool {
        self.queued() >= self.config.max_waiting && !planted::is(Planted::QueueWithoutBound)
    }

    /// A refusal that rests on a proof: answered at once, and the proof renewed before it ends, so that the refusals
    /// of a sold-out sale never wait.
    fn refuse_early(&mut self, now: Moment, pending: Pending<W>, refusal: Refusal, records: &impl Records, out: &mut Vec<Effect<W>>) {
        if self.proofs.is_ageing(now, self.config.fresh_for) {
            self.probe(now, out);
        }
        let at = self.true_at(&refusal, records);
        self.refuse(pending, refusal, at, records, out);
    }

    /// Refusals that need no look at the units. Without a fresh proof there are none: apply decides, as settings and a buyer's units may
    /// have changed meanwhile.
    fn screen(&mut self, now: Moment, time: ClusterTime, pending: &Pending<W>, records: &impl Records) -> Option<Refusal> {
        if !self.is_fresh(now) {
            return None;
        }
        self.line_refusal((time.earliest(), time.now + time.error), pending, records)
    }

    /// What the state as it is here says against an order, with units in hand. By its own clock, which is behind: a sale may be over by
    /// that, and never be called not open yet.
    pub(super) fn foreseen(&mut self, pending: &Pending<W>, records: &impl Records) -> Option<Refusal> {
        if !pending.is_order() {
            return None;
        }
        let between = (records.applied().1, Stamp(u64::MAX));
        records.has_room(pending.ask.buyer).err().or_else(|| self.line_refusal(between, pending, records))
    }

    /// What speaks against the lines of an order but their units; of several lines' the refusal that apply would tell.
    fn line_refusal(&mut self, between: (Stamp, Stamp), pending: &Pending<W>, records: &impl Records) -> Option<Refusal> {
        let Request::Order(order) = &pending.ask.request else { return None };
        let refusals = order.lines.iter().filter_map(|line| match self.shelves.load(line.sku, self.generation, records) {
            None => Some(Refusal::UnknownSku { sku: line.sku }),
            Some(shelf) => sale_refusal(&shelf.view, between).or_else(|| limit_refusal(&shelf.view, *line, pending.ask.buyer, records)),
        });
        // Of equal ones the first.
        refusals.min_by_key(Refusal::precedence)
    }
}

/// Not open, or closed, whatever the leader's clock says between the two.
fn sale_refusal(view: &SkuView, (earliest, latest): (Stamp, Stamp)) -> Option<Refusal> {
    match (view.sale_state(earliest), view.sale_state(latest)) {
        (SaleState::NotOpen { .. }, SaleState::NotOpen { opens_at }) => Some(Refusal::NotOpen { sku: view.sku, opens_at }),
        (SaleState::Closed, SaleState::Closed) => Some(Refusal::Closed { sku: view.sku }),
        _ => None,
    }
}

fn limit_refusal(view: &SkuView, line: Line, buyer: Option<BuyerHash>, records: &impl Records) -> Option<Refusal> {
    let (limit, bought) = (view.per_buyer_limit?, records.buyer_units(buyer?, line.sku));
    if bought.saturating_add(line.units) <= limit {
        return None;
    }
    // The units are those of the state, which may be ahead of the shelf: so must the limit be that is told with them.
    let limit = records.view(line.sku)?.per_buyer_limit?;
    (bought.saturating_add(line.units) > limit).then_some(Refusal::BuyerLimit { sku: line.sku, limit, bought })
}
