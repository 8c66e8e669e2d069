//! Buyers: orders under idempotency keys, repeated at other nodes, and the steps of their lives.

use std::rc::Rc;
use std::time::Duration;

use holdfast_client::oracle::{Asked, BodyId, Heard, Line, Name, Step};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::call::Call;
use crate::limits::{APPLY_WITHIN_MS, ASKED_WITHIN, ATTEMPT_WITHIN, RETRY_PAUSE_MS};
use crate::recorder::{Attempted, Recorder};
use crate::shop::{BRIEF, HELD, HOT, LIMITED, TINY, WARES};

/// One buyer.
pub(crate) struct Buyer {
    recorder: Rc<Recorder>,
    nodes: u64,
    /// The only node that is asked; any, if none.
    only: Option<u64>,
    name: String,
    wishes: u64,
    random: SmallRng,
}

/// An order that a buyer wants, under one key.
struct Wish {
    key: String,
    key_name: Name,
    body: Value,
    body_id: BodyId,
    is_bounded: bool,
}

impl Buyer {
    pub(crate) fn new(recorder: &Rc<Recorder>, nodes: u64, name: String, seed: u64) -> Self {
        Self { recorder: Rc::clone(recorder), nodes, only: None, name, wishes: 0, random: SmallRng::seed_from_u64(seed) }
    }

    /// Asks this node only.
    pub(crate) fn only_at(self, node: u64) -> Self {
        Self { only: Some(node), ..self }
    }

    /// Does one thing after the other until `until`.
    pub(crate) async fn come(mut self, pace_ms: u64, until: Instant) {
        while Instant::now() < until {
            self.live().await;
            let pause = self.random.random_range(0..2 * pace_ms);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    /// Asks until one order is acknowledged; for ever, if none is.
    pub(crate) async fn buy_one(&mut self) {
        loop {
            let wish = self.wish(None, &[(HELD.sku, 1)], false);
            if self.place(&wish).await.is_some() {
                return;
            }
        }
    }

    async fn live(&mut self) {
        let units = self.random.random_range(1..4);
        match self.random.random_range(0..100) {
            0..30 => {
                let wish = self.wish(None, &[(HOT.sku, units)], false);
                self.place(&wish).await;
                if self.random.random_range(0..6) == 0 {
                    // The key once more: the same order, whoever answers.
                    self.place(&wish).await;
                }
            }
            30..55 => self.hold(HELD.sku, units).await,
            55..68 => self.hold(BRIEF.sku, 1).await,
            68..78 => self.limited().await,
            78..90 => self.hold(TINY.sku, 1).await,
            90..95 => {
                let confirm = self.random.random();
                let wish = self.wish(None, &[(HOT.sku, 1), (HELD.sku, 2), (TINY.sku, 1)], confirm);
                self.place(&wish).await;
            }
            _ => {
                let sku = WARES[self.random.random_range(0..WARES.len())].sku;
                let asked = Asked::Look { sku: self.recorder.name(sku) };
                self.ask(&Call::get(format!("/v1/skus/{sku}/availability?consistency=linearizable")), asked).await;
            }
        }
    }

    async fn hold(&mut self, sku: &str, units: u32) {
        let wish = self.wish(None, &[(sku, units)], false);
        let Some(order) = self.place(&wish).await else { return };
        match self.random.random_range(0..10) {
            0..4 => {
                self.step(&order, Step::Confirm).await;
                if self.random.random_range(0..3) == 0 {
                    self.step(&order, Step::Cancel).await;
                }
            }
            4..7 => self.step(&order, Step::Release).await,
            7 => self.step(&order, Step::Extend).await,
            _ => {
                let asked = Asked::Read { order: self.recorder.name(&order) };
                self.ask(&Call::get(format!("/v1/orders/{order}")), asked).await;
            }
        }
    }

    async fn limited(&mut self) {
        let regular = format!("regular-{}", self.random.random_range(0..6));
        let units = self.random.random_range(1..3);
        let wish = self.wish(Some(&regular), &[(LIMITED.sku, units)], false);
        if let Some(order) = self.place(&wish).await
            && self.random.random()
        {
            self.step(&order, Step::Cancel).await;
        }
    }

    fn wish(&mut self, buyer: Option<&str>, lines: &[(&str, u32)], confirm: bool) -> Wish {
        self.wishes += 1;
        let key = format!("{}-{}", self.name, self.wishes);
        let buyer = buyer.unwrap_or(&key);
        let told: Vec<Value> = lines.iter().map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity })).collect();
        let body = json!({ "buyer": buyer, "lines": told, "confirm": confirm });
        let mut history = self.recorder.history.borrow_mut();
        let lines: Vec<Line> = lines.iter().map(|(sku, units)| Line { sku: history.names.number(sku), units: *units }).collect();
        let (key_name, buyer) = (history.names.number(&key), history.names.number(buyer));
        let body_id = history.body(buyer, &lines, confirm);
        Wish { key, key_name, body, body_id, is_bounded: self.random.random() }
    }

    /// Asks for an order until something definite is heard, or patience ends; its id.
    async fn place(&mut self, wish: &Wish) -> Option<String> {
        let deadline = Instant::now() + ASKED_WITHIN;
        while Instant::now() < deadline {
            let apply_before = self.recorder.cluster_ms().filter(|_| wish.is_bounded).map(|now| now + APPLY_WITHIN_MS);
            let mut call = Call::post("/v1/orders", &wish.body).header("idempotency-key", &wish.key);
            if let Some(ms) = apply_before {
                call = call.header("apply-before", ms.to_string());
            }
            let asked = Asked::Order { key: wish.key_name, body: wish.body_id, apply_before };
            let (node, within) = self.turn();
            match self.recorder.attempt(node, asked, &call, within).await {
                Attempted::Heard(Heard::Order { .. }, order) => return order,
                Attempted::Heard(heard, _) if heard.is_final_no() => return None,
                Attempted::Heard(..) | Attempted::NotSent => self.pause().await,
            }
        }
        None
    }

    async fn step(&mut self, order: &str, step: Step) {
        let word = match step {
            Step::Confirm => "confirm",
            Step::Release => "release",
            Step::Cancel => "cancel",
            Step::Extend => "extend",
        };
        let asked = Asked::Step { order: self.recorder.name(order), step };
        self.ask(&Call::post(format!("/v1/orders/{order}/{word}"), &json!({})), asked).await;
    }

    async fn ask(&mut self, call: &Call, asked: Asked) {
        let deadline = Instant::now() + ASKED_WITHIN;
        while Instant::now() < deadline {
            let (node, within) = self.turn();
            match self.recorder.attempt(node, asked, call, within).await {
                Attempted::Heard(Heard::Order { .. } | Heard::Available { .. }, _) => return,
                Attempted::Heard(heard, _) if heard.is_final_no() => return,
                Attempted::Heard(..) | Attempted::NotSent => self.pause().await,
            }
        }
    }

    /// The next node, and how long its answer is waited for: now and then not long.
    fn turn(&mut self) -> (u64, Duration) {
        let drawn = self.random.random_range(1..=self.nodes);
        let node = self.only.unwrap_or(drawn);
        let is_hasty = self.random.random_range(0..12) == 0;
        let hasty = Duration::from_millis(self.random.random_range(2..60));
        (node, if is_hasty { hasty } else { ATTEMPT_WITHIN })
    }

    async fn pause(&mut self) {
        let pause = self.random.random_range(RETRY_PAUSE_MS);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}
