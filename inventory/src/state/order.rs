//! `Order`: buy, or hold for buying; all lines or none.
//!
//! Precedence is the variant order of [`Refusal`]: the key first (a replay or its reuse), then `apply_before`, the
//! bounds on remembered orders, and then the lines; among lines the earlier variant wins, and of equal ones the
//! earlier line. A request without a shape (no line, too many, one SKU twice, a quantity out of bounds) is let through
//! by no front door: it is refused like a line about no SKU.

use std::sync::Arc;

use super::Inventory;
use super::batch::{AskHashes, Proposer};
use super::entry::EntryContext;
use super::hashing;
use super::pages::Packed;
use super::records::{Buyer, HeldOrder, KeyEntry, OrderRecord, Phase, key_kept_until};
use super::sku::{Sku, Taken};
use crate::planted::{self, Planted};
use crate::{
    BuyerHash, EventKind, Fingerprint, KeyHash, Line, Millis, Order, OrderRef, OrderRequest, Outcome, Refusal, SaleState, SessionId, SkuId,
    Stamp, Status,
};

/// What a judged order will become.
struct Plan {
    key: KeyHash,
    fingerprint: Fingerprint,
    buyer: BuyerHash,
    previous: Option<OrderRef>,
    /// None: bought at once.
    hold: Option<Millis>,
}

/// A SKU number that no SKU has: what a request without a shape is about.
const NO_SKU: SkuId = SkuId(u32::MAX);

impl Inventory {
    pub(super) fn place_order(&mut self, cx: &mut EntryContext, proposer: Proposer, ask: &OrderRequest<'_>, hashes: AskHashes) -> Outcome {
        match self.judge_order(cx.clock, proposer, ask, hashes) {
            Ok(plan) => self.carry_out_order(cx, proposer, ask, &plan),
            Err(outcome) => outcome,
        }
    }

    fn judge_order(&self, clock: Stamp, proposer: Proposer, ask: &OrderRequest<'_>, hashes: AskHashes) -> Result<Plan, Outcome> {
        let AskHashes { key, buyer: hash } = hashes;
        let fingerprint = self.fingerprint(&ask.buyer, &ask.lines, ask.confirm);
        if let Some(known) = self.keys.get(key) {
            let same = known.fingerprint == fingerprint;
            return Err(if same { Outcome::Replayed { order: known.order.order() } } else { Outcome::Refused(Refusal::KeyReused) });
        }
        if clock >= ask.apply_before && !planted::is(Planted::ApplyTooLate) {
            return Err(Outcome::Refused(Refusal::TooLate));
        }
        let buyer = self.buyers.get(hash);
        self.judge_capacity(buyer).map_err(Outcome::Refused)?;
        self.judge_shape(&ask.lines).map_err(Outcome::Refused)?;
        self.judge_lines(Some(clock), proposer.session, buyer, &ask.lines).map_err(Outcome::Refused)?;
        let hold = if ask.confirm { None } else { self.shortest_hold(&ask.lines) };
        Ok(Plan { key, fingerprint, buyer: hash, previous: buyer.map(|buyer| buyer.latest.order()), hold })
    }

    pub(super) fn judge_capacity(&self, buyer: Option<&Buyer>) -> Result<(), Refusal> {
        if buyer.is_some_and(|buyer| buyer.keys >= self.params().max_orders_per_buyer) {
            return Err(Refusal::Capacity { of_buyer: true });
        }
        if self.keys.len() as u64 + self.keyless >= self.params().max_orders {
            return Err(Refusal::Capacity { of_buyer: false });
        }
        Ok(())
    }

    fn judge_shape(&self, lines: &[Line]) -> Result<(), Refusal> {
        if lines.is_empty() || lines.len() > usize::from(self.params().max_lines) {
            return Err(Refusal::UnknownSku { sku: NO_SKU });
        }
        let most = self.params().max_line_units;
        let misshapen = |(at, line): (usize, &Line)| {
            let repeated = lines[..at].iter().any(|earlier| earlier.sku == line.sku);
            (repeated || line.units == 0 || line.units > most).then_some(line.sku)
        };
        match lines.iter().enumerate().find_map(misshapen) {
            Some(sku) => Err(Refusal::UnknownSku { sku }),
            None => Ok(()),
        }
    }

    /// Whether every line can be had; `hours` is the stamp at which the sale must be open, if it must.
    pub(super) fn judge_lines(
        &self,
        hours: Option<Stamp>,
        session: SessionId,
        buyer: Option<&Buyer>,
        lines: &[Line],
    ) -> Result<(), Refusal> {
        let mut first: Option<Refusal> = None;
        for &line in lines {
            let Err(refusal) = self.judge_line(hours, session, buyer, line) else { continue };
            if first.is_none_or(|first| refusal.precedence() < first.precedence()) {
                first = Some(refusal);
            }
        }
        first.map_or(Ok(()), Err)
    }

    fn judge_line(&self, hours: Option<Stamp>, session: SessionId, buyer: Option<&Buyer>, line: Line) -> Result<(), Refusal> {
        let Some(sku) = self.skus.get(line.sku) else { return Err(Refusal::UnknownSku { sku: line.sku }) };
        if let Some(clock) = hours {
            match sku.view(None).sale_state(clock) {
                SaleState::Open => {}
                SaleState::NotOpen { opens_at } => return Err(Refusal::NotOpen { sku: sku.id, opens_at }),
                SaleState::Closed => return Err(Refusal::Closed { sku: sku.id }),
            }
        }
        if let Some(limit) = sku.settings.per_buyer_limit {
            let bought = buyer.map_or(0, |buyer| buyer.units(sku.id));
            let most = (limit + u32::from(planted::is(Planted::LimitOffByOne))) - u32::from(planted::is(Planted::LimitTooStrict));
            if bought.saturating_add(line.units) > most {
                return Err(Refusal::BuyerLimit { sku: sku.id, limit, bought });
            }
        }
        judge_units(sku, session, u64::from(line.units))
    }

    /// The shortest hold of those that hold at all.
    pub(super) fn shortest_hold(&self, lines: &[Line]) -> Option<Millis> {
        let holds = lines.iter().filter_map(|line| self.skus.get(line.sku)).map(|sku| sku.settings.hold_ttl);
        holds.filter(|&ttl| ttl > Millis(0)).min()
    }

    fn carry_out_order(&mut self, cx: &mut EntryContext, proposer: Proposer, ask: &OrderRequest<'_>, plan: &Plan) -> Outcome {
        let index = if planted::is(Planted::IdOfTheEntryBefore) { self.last_index } else { cx.index };
        let order = Order {
            at: OrderRef { index, position: cx.next_position() },
            buyer: Box::from(&*ask.buyer),
            lines: ask.lines.clone(),
            created: cx.clock,
            node: proposer.node,
            key: plan.key,
            previous: plan.previous,
        };
        let taken = if plan.hold.is_some() { Taken::Held } else { Taken::Confirmed };
        self.take_units(cx, proposer.session, &order.lines, taken);
        let status = self.remember(cx, &order, plan);
        let at = order.at;
        cx.tell(EventKind::Accepted { order, status });
        Outcome::Accepted { order: at, status }
    }

    /// Takes the units of judged lines.
    pub(super) fn take_units(&mut self, cx: &mut EntryContext, session: SessionId, lines: &[Line], taken: Taken) {
        for line in lines {
            let had_slice = self.touch(cx, line.sku, |sku| {
                let had = sku.slice(session) > 0;
                sku.take(session, u64::from(line.units), taken);
                had && sku.slice(session) == 0
            });
            if had_slice == Some(true) {
                self.sessions.note_slice(session, line.sku, false);
            }
        }
    }

    /// Writes the records of a new order.
    fn remember(&mut self, cx: &EntryContext, order: &Order, plan: &Plan) -> Status {
        let at = packed(order.at);
        let phase = if plan.hold.is_some() { Phase::Held } else { Phase::Confirmed };
        let content = hashing::order_fingerprint(self.secret(), order);
        let mut record = OrderRecord { since: cx.clock, content, key_until_minute: u32::MAX, phase, keyed: true };
        let status = if let Some(ttl) = plan.hold {
            let held = HeldOrder { order: Arc::new(order.clone()), until: cx.clock + ttl, extended: false };
            let status = held.status();
            self.hold_deadlines.push(held.until, at);
            self.held.push(at, held);
            status
        } else {
            record.keep_key_until(key_kept_until(self.params(), phase, cx.clock, cx.clock));
            self.key_deadlines.push(record.key_until(), plan.key);
            Status::Confirmed
        };
        self.orders.push(at, record);
        self.keys.add(plan.key, KeyEntry { order: at, fingerprint: plan.fingerprint, buyer: plan.buyer });
        if plan.previous.is_none() {
            self.buyers.add(plan.buyer, Buyer::bought_first(at, &order.lines));
        } else {
            self.buyers.update(plan.buyer, |buyer| buyer.note(at, &order.lines));
        }
        status
    }
}

/// Whether the units are there: in the session's slice and the pool, or else in other slices, or at all.
fn judge_units(sku: &Sku, session: SessionId, units: u64) -> Result<(), Refusal> {
    if sku.pool.saturating_add(sku.slice(session)) >= units || planted::is(Planted::SellWhatIsNotThere) {
        return Ok(());
    }
    match sku.available() {
        available if available >= units => Err(Refusal::Refilling { sku: sku.id }),
        0 => Err(Refusal::SoldOut { sku: sku.id, is_final: sku.held == 0 }),
        available => Err(Refusal::InsufficientStock { sku: sku.id, available }),
    }
}

/// An accepted order's place is packed once its entry is in the log.
#[allow(clippy::expect_used)]
pub(super) fn packed(order: OrderRef) -> Packed {
    Packed::try_new(order).expect("a log index fits 48 bits")
}
