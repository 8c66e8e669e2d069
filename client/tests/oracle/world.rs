//! A history and its ledger, made by hand. Times are milliseconds, of clients and of the cluster alike.

use std::collections::BTreeMap;

use holdfast_client::api::{Audit, Change, Event, Line as ApiLine, Order, OrderStatus, ProblemType, SliceUnits, Time};
use holdfast_client::oracle::{
    Asked, BodyId, Call, Closing, Content, Counters, Heard, History, Invariant, Judgement, Ledger, Line, Name, SkuCounters, Step, Terms,
    judge,
};

/// In the terms of every SKU, unless a test says otherwise: longer than its history, unless it is about time.
pub(crate) const HOLD_MS: u64 = 600_000;

#[derive(Default)]
pub(crate) struct World {
    pub(crate) history: History,
    ledger: Ledger,
    terms: Vec<Terms>,
    position: (u64, u16),
    orders: BTreeMap<String, Order>,
    pub(crate) closing: Option<Closing>,
}

/// What is bought: SKU and units.
pub(crate) type Lines<'a> = &'a [(&'a str, u32)];

impl World {
    /// With a SKU `tee`.
    pub(crate) fn with_tees(stock: u64, limit: Option<u32>) -> World {
        let mut world = World::default();
        world.sku("tee", stock, limit);
        world
    }

    pub(crate) fn sku(&mut self, sku: &str, stock: u64, per_buyer_limit: Option<u32>) {
        let sku = self.name(sku);
        self.terms.push(Terms { sku, stock, per_buyer_limit, hold_ttl_ms: HOLD_MS, is_always_open: true });
    }

    /// The hold in the terms of all SKUs; 0: bought at once.
    pub(crate) fn hold(&mut self, hold_ttl_ms: u64) {
        self.terms.iter_mut().for_each(|terms| terms.hold_ttl_ms = hold_ttl_ms);
    }

    pub(crate) fn name(&mut self, text: &str) -> Name {
        self.history.names.number(text)
    }

    // ---- what the cluster says it did

    /// An order is accepted and held, at `index` and at as many milliseconds.
    pub(crate) fn held(&mut self, index: u64, id: &str, buyer: &str, lines: Lines<'_>) {
        self.held_for(index, id, buyer, lines, HOLD_MS);
    }

    pub(crate) fn held_for(&mut self, index: u64, id: &str, buyer: &str, lines: Lines<'_>, hold_ms: u64) {
        let mut order = new_order(index, id, buyer, lines);
        order.expires_at = Some(Time(index + hold_ms));
        self.orders.insert(id.into(), order.clone());
        self.event(index, index, Change::OrderHeld { order });
    }

    /// An order is accepted and held, at `index` and at that time.
    pub(crate) fn held_at(&mut self, index: u64, at_ms: u64, id: &str, buyer: &str, lines: Lines<'_>) {
        let mut order = new_order(index, id, buyer, lines);
        (order.created_at, order.expires_at) = (Time(at_ms), Some(Time(at_ms + HOLD_MS)));
        self.orders.insert(id.into(), order.clone());
        self.event(index, at_ms, Change::OrderHeld { order });
    }

    /// An order is accepted and bought at once.
    pub(crate) fn bought(&mut self, index: u64, id: &str, buyer: &str, lines: Lines<'_>) {
        let order = Order { status: OrderStatus::Confirmed, ..new_order(index, id, buyer, lines) };
        self.orders.insert(id.into(), order.clone());
        self.event(index, index, Change::OrderConfirmed { order });
    }

    /// An order that is there has another status.
    pub(crate) fn becomes(&mut self, index: u64, id: &str, status: OrderStatus) {
        self.becomes_at(index, index, id, status);
    }

    pub(crate) fn becomes_at(&mut self, index: u64, at_ms: u64, id: &str, status: OrderStatus) {
        let order = Order { status, index, expires_at: None, ..self.orders[id].clone() };
        let change = match status {
            OrderStatus::Held => Change::OrderHeld { order },
            OrderStatus::Confirmed => Change::OrderConfirmed { order },
            OrderStatus::Released => Change::OrderReleased { order },
            OrderStatus::Expired => Change::OrderExpired { order },
            OrderStatus::Cancelled => Change::OrderCancelled { order },
        };
        self.event(index, at_ms, change);
    }

    pub(crate) fn adjusted(&mut self, index: u64, delta: i64, stock: u64, reference: &str) {
        let change =
            Change::StockAdjusted { sku: "tee".into(), delta, stock, reason: "found".into(), reference: Some(reference.to_owned()) };
        self.event(index, index, change);
    }

    pub(crate) fn event(&mut self, index: u64, at_ms: u64, change: Change) {
        let position = if self.position.0 == index { self.position.1 + 1 } else { 0 };
        self.position = (index, position);
        self.ledger.push(&Event { index, position, at: Time(at_ms), change }, &mut self.history.names);
    }

    /// Another node's ledger, in which ann holds one unit in each of these orders.
    pub(crate) fn other_ledger(&mut self, ids: &[&str]) -> Ledger {
        let mut ledger = Ledger::default();
        for (index, id) in (10..).zip(ids) {
            let order = new_order(index, id, "ann", &[("tee", 1)]);
            let event = Event { index, position: 0, at: Time(index), change: Change::OrderHeld { order } };
            ledger.push(&event, &mut self.history.names);
        }
        ledger
    }

    // ---- what the clients saw

    fn body_with(&mut self, buyer: &str, lines: Lines<'_>, confirm: bool) -> BodyId {
        let lines: Vec<Line> = lines.iter().map(|(sku, units)| Line { sku: self.history.names.number(sku), units: *units }).collect();
        let buyer = self.name(buyer);
        self.history.body(buyer, &lines, confirm)
    }

    /// One attempt to place an order, between two moments.
    pub(crate) fn order(&mut self, when: (u64, u64), key: &str, buyer: &str, lines: Lines<'_>, heard: Heard) {
        self.order_before(when, key, buyer, lines, None, heard);
    }

    pub(crate) fn order_before(
        &mut self,
        when: (u64, u64),
        key: &str,
        buyer: &str,
        lines: Lines<'_>,
        apply_before: Option<u64>,
        heard: Heard,
    ) {
        let (key, body) = (self.name(key), self.body_with(buyer, lines, false));
        self.call(when, Asked::Order { key, body, apply_before }, heard);
    }

    /// One attempt to buy at once, without a hold.
    pub(crate) fn order_at_once(&mut self, when: (u64, u64), key: &str, buyer: &str, lines: Lines<'_>, heard: Heard) {
        let (key, body) = (self.name(key), self.body_with(buyer, lines, true));
        self.call(when, Asked::Order { key, body, apply_before: None }, heard);
    }

    pub(crate) fn step(&mut self, when: (u64, u64), id: &str, step: Step, heard: Heard) {
        let order = self.name(id);
        self.call(when, Asked::Step { order, step }, heard);
    }

    pub(crate) fn call(&mut self, when: (u64, u64), asked: Asked, heard: Heard) {
        self.history.record(Call { began_us: when.0 * 1_000, ended_us: when.1 * 1_000, node: 1, asked, heard });
    }

    pub(crate) fn got(&mut self, id: &str, index: u64, status: OrderStatus) -> Heard {
        Heard::Order { id: self.name(id), index, status, replayed: false, content: None }
    }

    /// An order as the ledger has it, but for `change`.
    pub(crate) fn told(&mut self, id: &str, change: impl Fn(&mut Order)) -> Heard {
        let mut order = self.orders[id].clone();
        change(&mut order);
        let (index, status, content) = (order.index, order.status, Some(Content::of(&order)));
        Heard::Order { id: self.name(id), index, status, replayed: false, content }
    }

    pub(crate) fn replay(&mut self, id: &str, index: u64, status: OrderStatus) -> Heard {
        Heard::Order { id: self.name(id), index, status, replayed: true, content: None }
    }

    /// The sale is closed, which may be: the terms of the SKU say so from here on.
    pub(crate) fn closed(&mut self, index: Option<u64>) -> Heard {
        let sku = self.name("tee");
        self.terms.iter_mut().filter(|terms| terms.sku == sku).for_each(|terms| terms.is_always_open = false);
        self.about_tee(ProblemType::Closed, index)
    }

    /// A refusal about `tee`.
    pub(crate) fn about_tee(&mut self, problem: ProblemType, index: Option<u64>) -> Heard {
        Heard::Refused { problem, sku: Some(self.name("tee")), index, available: None, is_final: false }
    }

    pub(crate) fn sold_out(&mut self, index: u64) -> Heard {
        self.about_tee(ProblemType::SoldOut, Some(index))
    }

    // ---- the end

    /// Books and metrics of one node that say what `stock`, `held` and `confirmed` say; all other units are in its slice.
    pub(crate) fn close(&mut self, stock: u64, held: u64, confirmed: u64) -> &mut Closing {
        let available = stock - held - confirmed;
        let slices = vec![SliceUnits { node: 1, session: 5, units: available }];
        let audit =
            Audit { sku: "tee".into(), stock, pool: 0, slices, held, confirmed, conserved: true, index: 999, digest: String::new() };
        let sku = self.name("tee");
        let accepted = self.ledger.orders().len() as u64;
        let counters = Counters { node: 1, accepted, is_whole: true, skus: vec![SkuCounters { sku, stock, available, held, confirmed }] };
        self.closing.insert(Closing { audits: vec![(sku, audit)], sessions: BTreeMap::from([(1, 5)]), counters: vec![counters] })
    }

    pub(crate) fn judge(&self) -> Judgement {
        judge(&self.history, &self.ledger, &self.terms, self.closing.as_ref())
    }

    /// Fails unless this invariant, and no other, is violated, and `told` is in the words.
    #[track_caller]
    pub(crate) fn refused(&self, invariant: Invariant, told: &str) {
        let judgement = self.judge();
        let violated: Vec<Invariant> = judgement.violated.keys().copied().collect();
        assert_eq!(violated, [invariant], "{judgement}");
        assert!(judgement.to_string().contains(told), "{told:?} is not told: {judgement}");
    }

    #[track_caller]
    pub(crate) fn accepted(&self) {
        let judgement = self.judge();
        assert!(judgement.holds(), "{judgement}");
    }
}

fn new_order(index: u64, id: &str, buyer: &str, lines: Lines<'_>) -> Order {
    Order {
        id: id.into(),
        status: OrderStatus::Held,
        buyer: buyer.into(),
        lines: lines.iter().map(|(sku, quantity)| ApiLine { sku: (*sku).into(), quantity: *quantity }).collect(),
        created_at: Time(index),
        expires_at: None,
        node: 1,
        index,
    }
}

/// A refusal without a SKU.
pub(crate) fn refusal(problem: ProblemType, index: Option<u64>) -> Heard {
    Heard::Refused { problem, sku: None, index, available: None, is_final: false }
}

/// A world in which ann holds one of nine, at index 10.
pub(crate) fn held_by_ann() -> World {
    let mut world = World::with_tees(9, None);
    world.held(10, "a", "ann", &[("tee", 1)]);
    let got = world.got("a", 10, OrderStatus::Held);
    world.order((5, 15), "k", "ann", &[("tee", 1)], got);
    world
}
