//! The oracle of `holdfast-client`, which judges chaos and bench, on a simulated run: by what buyers heard and by what the log
//! tells, and by nothing else.
//!
//! It judges where a run is at rest for the first time after its faults. What it takes for granted not every run gives: settings
//! that stay, keys that outlast the history, and cluster time that passes as time does. The verdict and the account of the
//! simulator judge every run, at every step.

use holdfast_client::api::{OrderStatus, ProblemType};
use holdfast_client::oracle::{
    Asked, Call, Change, Entry, Heard, History, Judgement, Ledger, LedgerOrder, Line, Name, Names, Step, Terms, judge,
};
use holdfast_inventory::{Answer, Event, EventKind, Lines, LogIndex, Moment, Order, OrderRef, Refusal, SkuId, Stamp, Status};

use super::World;
use super::history::{Attempt, Wish};
use super::tally::{Fault, Operation, Seen};
use super::violation::Invariant;

/// What the oracle is told beside the history of the run.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// What the log has told so far, as the change feed would.
    pub(super) feed: Vec<(LogIndex, Stamp, Vec<Event>)>,
    /// What operators asked for: when, of which SKU, how many units, under which reference.
    pub(super) adjustments: Vec<(Moment, SkuId, i64, String)>,
    /// Nobody else judges.
    pub(super) judges_alone: bool,
}

impl World {
    /// Whether this run is one that the oracle can judge.
    pub(super) fn suits_the_oracle(&self) -> bool {
        let bends_time = [Fault::ClockJump, Fault::TimeSkip];
        !self.plan.operations.contains(&Operation::Settings)
            && !self.plan.drift
            && !bends_time.iter().any(|fault| self.plan.faults.contains(fault))
            && self.ledger.forgotten.is_empty()
    }

    /// Has the oracle judge the run so far.
    pub(super) fn ask_oracle(&mut self) {
        if !self.suits_the_oracle() {
            return;
        }
        self.tally.saw(Seen::JudgedByOracle);
        let judgement = self.judged_by_oracle();
        if let Some(violation) = judgement.violations.first() {
            self.fail(Invariant::Oracle, format!("{:?}: {}", violation.invariant, violation.told));
        }
    }

    /// What the oracle says of the run so far.
    pub(super) fn judged_by_oracle(&self) -> Judgement {
        let mut history = History::default();
        for attempt in &self.history.attempts {
            let call = self.call(attempt, &mut history);
            history.record(call);
        }
        for (at, sku, delta, reference) in &self.record.adjustments {
            let (sku, reference) = (sku_name(*sku, &mut history.names), history.names.number(reference));
            let asked = Asked::Adjust { sku, delta: *delta, reference };
            history.record(Call { began_us: at.0, ended_us: self.now.0, node: 0, asked, heard: Heard::Nothing });
        }
        let ledger = ledger_of(&self.record.feed, &mut history.names);
        let founded = self.plan.skus.iter().zip(0..).map(|(sku, at)| Terms {
            sku: sku_name(SkuId(at), &mut history.names),
            stock: sku.stock,
            per_buyer_limit: sku.settings.per_buyer_limit.flatten(),
            hold_ttl_ms: sku.settings.hold_ttl.map_or(self.plan.params.default_hold_ttl.0, |ttl| ttl.0),
            // Operators stop sales; the verdict judges whether what is called closed is.
            is_always_open: false,
        });
        let terms: Vec<Terms> = founded.collect();
        judge(&history, &ledger, &terms, None)
    }

    fn call(&self, attempt: &Attempt, history: &mut History) -> Call {
        let asked = match &attempt.wish {
            Wish::Order { key, buyer, lines, confirm } => {
                let key = history.names.number(&format!("{:?}", self.history.key(buyer, key)));
                let (buyer, lines) = (history.names.number(buyer), lines_of(lines, &mut history.names));
                Asked::Order { key, body: history.body(buyer, &lines, *confirm), apply_before: Some(attempt.apply_before.0) }
            }
            Wish::Step { step, order } => {
                let step = match step {
                    Operation::Release => Step::Release,
                    Operation::Cancel => Step::Cancel,
                    Operation::Extend => Step::Extend,
                    _ => Step::Confirm,
                };
                Asked::Step { order: order_name(*order, &mut history.names), step }
            }
        };
        let ended_us = attempt.answer.map_or(self.now.0, |(at, _)| at.0);
        let heard = attempt.answer.map_or(Heard::Nothing, |(_, answer)| self.heard(answer, &mut history.names));
        Call { began_us: attempt.invoked.0, ended_us, node: node(attempt.node), asked, heard }
    }

    fn heard(&self, answer: Answer, names: &mut Names) -> Heard {
        let of = |order: OrderRef, index: LogIndex, status, replayed, names: &mut Names| Heard::Order {
            id: order_name(order, names),
            index: index.0,
            status,
            replayed,
            content: None,
        };
        match answer {
            Answer::Accepted { order, status, index, .. } => of(order, index, word(status), false, names),
            Answer::Transitioned { step, index, .. } => of(step.order, index, word(step.status), false, names),
            Answer::Replayed { order } => {
                // The Desk tells the order, and its node reads the status.
                let status = self.ledger.orders.get(&order).map_or(OrderStatus::Held, |sold| word(sold.status()));
                of(order, order.index, status, true, names)
            }
            Answer::Refused { refusal, index, .. } => refused(refusal, index, names),
            Answer::KeyInProgress => problem(ProblemType::KeyInProgress),
            Answer::Overloaded => problem(ProblemType::Overloaded),
            Answer::Draining => problem(ProblemType::Draining),
            Answer::Stale => problem(ProblemType::Stale),
            Answer::NoLeader => problem(ProblemType::NoLeader),
            Answer::OutcomeUnknown => problem(ProblemType::OutcomeUnknown),
        }
    }
}

fn problem(problem: ProblemType) -> Heard {
    Heard::Refused { problem, sku: None, index: None, available: None, is_final: false }
}

fn refused(refusal: Refusal, at: LogIndex, names: &mut Names) -> Heard {
    let (problem, about) = match refusal {
        Refusal::KeyReused => (ProblemType::IdempotencyKeyReused, None),
        Refusal::TooLate => (ProblemType::Overloaded, None),
        Refusal::Capacity { .. } => (ProblemType::Capacity, None),
        Refusal::UnknownSku { sku } => (ProblemType::UnknownSku, Some(sku)),
        Refusal::NotOpen { sku, .. } => (ProblemType::NotOpen, Some(sku)),
        Refusal::Closed { sku } => (ProblemType::Closed, Some(sku)),
        Refusal::BuyerLimit { sku, .. } => (ProblemType::BuyerLimit, Some(sku)),
        Refusal::Refilling { sku } => (ProblemType::Refilling, Some(sku)),
        Refusal::InsufficientStock { sku, .. } => (ProblemType::InsufficientStock, Some(sku)),
        Refusal::SoldOut { sku, .. } => (ProblemType::SoldOut, Some(sku)),
        Refusal::UnknownOrder => (ProblemType::UnknownOrder, None),
        Refusal::HoldExpired { .. } => (ProblemType::HoldExpired, None),
        Refusal::OrderState { .. } => (ProblemType::OrderState, None),
    };
    let sku = about.map(|sku| sku_name(sku, names));
    let available = if let Refusal::InsufficientStock { available, .. } = refusal { Some(available) } else { None };
    Heard::Refused { problem, sku, index: Some(at.0), available, is_final: matches!(refusal, Refusal::SoldOut { is_final: true, .. }) }
}

fn ledger_of(feed: &[(LogIndex, Stamp, Vec<Event>)], names: &mut Names) -> Ledger {
    let mut ledger = Ledger::default();
    for (index, stamp, events) in feed {
        for event in events {
            let change = match &event.kind {
                EventKind::Accepted { order, status } => {
                    Change::Order(ledger.accept(accepted(order, *index, *stamp, *status, names)), word(*status))
                }
                // Holding an order longer is no event of the feed, and the others say nothing that the oracle asks for.
                EventKind::Changed { status: Status::Held { .. }, .. }
                | EventKind::BackInStock { .. }
                | EventKind::BuyerForgotten { .. } => continue,
                EventKind::Changed { order, status, .. } => {
                    let Some(number) = ledger.number(order_name(*order, names)) else { continue };
                    Change::Order(number, word(*status))
                }
                EventKind::Adjusted { sku, delta, stock, reference, .. } => Change::Adjusted {
                    sku: sku_name(*sku, names),
                    delta: *delta,
                    stock: *stock,
                    reference: reference.as_ref().map(|reference| names.number(reference)),
                },
                EventKind::SoldOut { sku } => Change::SoldOut(sku_name(*sku, names)),
            };
            ledger.enter(Entry { place: (index.0, event.position), at_ms: stamp.0, change });
        }
    }
    ledger
}

fn accepted(order: &Order, index: LogIndex, stamp: Stamp, status: Status, names: &mut Names) -> LedgerOrder {
    LedgerOrder {
        id: order_name(order.at, names),
        index: index.0,
        at_ms: stamp.0,
        expires_at_ms: if let Status::Held { until, .. } = status { Some(until.0) } else { None },
        buyer: names.number(&order.buyer),
        lines: lines_of(&order.lines, names).into(),
        node: order.node.0,
        key: Some(names.number(&format!("{:?}", order.key))),
        content: None,
    }
}

fn word(status: Status) -> OrderStatus {
    match status {
        Status::Held { .. } => OrderStatus::Held,
        Status::Confirmed => OrderStatus::Confirmed,
        Status::Released => OrderStatus::Released,
        Status::Expired => OrderStatus::Expired,
        Status::Cancelled => OrderStatus::Cancelled,
    }
}

fn node(at: usize) -> u64 {
    at as u64 + 1
}

fn sku_name(sku: SkuId, names: &mut Names) -> Name {
    names.number(&format!("SKU {sku}"))
}

fn order_name(order: OrderRef, names: &mut Names) -> Name {
    names.number(&format!("order {order}"))
}

fn lines_of(lines: &Lines, names: &mut Names) -> Vec<Line> {
    lines.iter().map(|line| Line { sku: sku_name(line.sku, names), units: line.units }).collect()
}
