//! One buyer's calls: the same key at one node after another until something definite is heard.

use std::sync::Arc;
use std::time::Duration;

use holdfast_client::api::OrderStatus;
use holdfast_client::oracle::{Asked, BodyId, Heard, Line, Name, Step};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::crowd::Crowd;
use super::limits::{APPLY_WITHIN_MS, ASKED_WITHIN, IMPATIENT_MS};
use super::recorder::Attempted;
use crate::http::{Call, Connection};
use crate::limits::{ATTEMPT_WITHIN, RETRY_PAUSE_MS};

/// An order that a buyer wants, under one key.
#[derive(Clone, Debug)]
pub struct Wish {
    key: String,
    key_name: Name,
    body: Value,
    body_id: BodyId,
    /// Whether its attempts carry `Apply-Before`.
    is_bounded: bool,
}

impl Wish {
    /// As one of a batch, with its key.
    fn keyed(&self) -> Value {
        let mut told = self.body.clone();
        told["idempotency_key"] = self.key.as_str().into();
        told
    }
}

/// What a buyer wants an answer to.
#[derive(Clone, Debug)]
pub enum Question {
    /// An order.
    Wish(Wish),
    /// Anything else.
    Call(Call, Asked),
}

/// An order that a buyer has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bought {
    /// Its id.
    pub id: String,
    /// Its status when it was heard.
    pub status: OrderStatus,
}

/// A buyer, with one connection to each node.
#[derive(Debug)]
pub struct Buyer {
    crowd: Arc<Crowd>,
    connections: Vec<Connection>,
    name: String,
    wishes: u64,
    /// Draws what this buyer does.
    pub random: StdRng,
}

impl Buyer {
    /// A buyer who draws from `seed`; no two of a round have one name.
    pub fn new(crowd: &Arc<Crowd>, name: String, seed: u64) -> Buyer {
        let connections = crowd.apis.iter().map(|&api| Connection::to(api)).collect();
        Buyer { crowd: Arc::clone(crowd), connections, name, wishes: 0, random: StdRng::seed_from_u64(seed) }
    }

    /// A new wish; by a buyer of its own unless `buyer` names one, so that an order of which nobody heard is still known.
    pub fn wish(&mut self, buyer: Option<&str>, lines: &[(&str, u32)], confirm: bool) -> Wish {
        self.wishes += 1;
        let key = format!("{}-{}", self.name, self.wishes);
        let is_bounded = self.random.random();
        self.wish_with(&key.clone(), buyer.unwrap_or(&key), lines, confirm, is_bounded)
    }

    /// The same key, asking for something else.
    pub fn other_wish(&mut self, wish: &Wish, lines: &[(&str, u32)]) -> Wish {
        let buyer = wish.body["buyer"].as_str().unwrap_or_default().to_owned();
        self.wish_with(&wish.key, &buyer, lines, false, wish.is_bounded)
    }

    fn wish_with(&self, key: &str, buyer: &str, lines: &[(&str, u32)], confirm: bool, is_bounded: bool) -> Wish {
        let told: Vec<Value> = lines.iter().map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity })).collect();
        let mut body = json!({ "buyer": buyer, "lines": told });
        if confirm {
            body["confirm"] = true.into();
        }
        let mut book = self.crowd.recorder.book();
        let lines: Vec<Line> = lines.iter().map(|(sku, units)| Line { sku: book.history.names.number(sku), units: *units }).collect();
        let (key_name, buyer) = (book.history.names.number(key), book.history.names.number(buyer));
        let body_id = book.history.body(buyer, &lines, confirm);
        Wish { key: key.to_owned(), key_name, body, body_id, is_bounded }
    }

    /// Asks for an order until something definite is heard, or patience ends; none: refused, or nobody knows.
    pub async fn place(&mut self, wish: &Wish) -> Option<Bought> {
        let began = Instant::now();
        let deadline = began + ASKED_WITHIN;
        while Instant::now() < deadline {
            let node = self.crowd.nodes.pick();
            match self.place_at(node, wish).await {
                Attempted::Heard(Heard::Order { status, .. }, Some(id)) => return Some(Bought { id, status }),
                Attempted::Heard(heard, _) if heard.is_final_no() => return None,
                Attempted::Heard(Heard::Nothing, _) | Attempted::NotSent => self.crowd.nodes.avoid(node),
                Attempted::Heard(..) => {}
            }
            self.pause().await;
        }
        self.crowd.give_up(Question::Wish(wish.clone()), began);
        None
    }

    /// Asks for what was given up once more.
    pub async fn ask_again(&mut self, question: &Question) {
        match question {
            Question::Wish(wish) => drop(self.place(wish).await),
            Question::Call(call, asked) => drop(self.ask(call, *asked).await),
        }
    }

    /// One attempt at one node, by its place.
    async fn place_at(&mut self, node: usize, wish: &Wish) -> Attempted {
        let within = self.patience();
        self.place_within(node, wish, within).await
    }

    /// One attempt at one node, given up after `within`.
    pub async fn place_within(&mut self, node: usize, wish: &Wish, within: Duration) -> Attempted {
        let (call, asked) = self.asking(wish);
        self.crowd.recorder.attempt(&mut self.connections[node], node as u64 + 1, asked, &call, within).await
    }

    /// Many wishes in one call, sometimes `twice`; what was not answered definitely is asked for one by one.
    pub async fn place_batch(&mut self, wishes: &[Wish], twice: bool) {
        let told: Vec<Value> = wishes.iter().map(Wish::keyed).collect();
        let call = Call::post("/v1/orders/batch", &json!({ "orders": told }));
        let asked: Vec<Asked> =
            wishes.iter().map(|wish| Asked::Order { key: wish.key_name, body: wish.body_id, apply_before: None }).collect();
        let mut heard = vec![Heard::Nothing; wishes.len()];
        for is_repetition in [false, true].into_iter().take(1 + usize::from(twice)) {
            let node = self.crowd.nodes.pick();
            let recorder = &self.crowd.recorder;
            match recorder.attempt_batch(&mut self.connections[node], node as u64 + 1, (&asked, &call), is_repetition).await {
                Some(answers) => heard = answers,
                None => self.crowd.nodes.avoid(node),
            }
        }
        for (wish, heard) in wishes.iter().zip(heard) {
            if !heard.is_final_no() && !matches!(heard, Heard::Order { .. }) {
                self.place(wish).await;
            }
        }
    }

    /// The same wish at two nodes at once.
    pub async fn place_twice(&mut self, wish: &Wish) {
        let (call, asked) = self.asking(wish);
        let within = self.patience();
        let (one, rest) = self.connections.split_at_mut(1);
        let (Some(one), Some(two)) = (one.first_mut(), rest.first_mut()) else { return };
        let recorder = &self.crowd.recorder;
        tokio::join!(recorder.attempt(one, 1, asked, &call, within), recorder.attempt(two, 2, asked, &call, within));
    }

    fn asking(&self, wish: &Wish) -> (Call, Asked) {
        let mut call = Call::post("/v1/orders", &wish.body).header("idempotency-key", &wish.key);
        let apply_before = self.crowd.recorder.cluster_ms().filter(|_| wish.is_bounded).map(|now| now + APPLY_WITHIN_MS);
        if let Some(ms) = apply_before {
            call = call.header("apply-before", ms.to_string());
        }
        (call, Asked::Order { key: wish.key_name, body: wish.body_id, apply_before })
    }

    /// Takes a step in an order's life; what was heard at last.
    pub async fn step(&mut self, order: &Bought, step: Step) -> Option<OrderStatus> {
        let word = match step {
            Step::Confirm => "confirm",
            Step::Release => "release",
            Step::Cancel => "cancel",
            Step::Extend => "extend",
        };
        let asked = Asked::Step { order: self.crowd.recorder.name(&order.id), step };
        self.ask(&Call::post(format!("/v1/orders/{}/{word}", order.id), &json!({})), asked).await
    }

    /// Reads an order at any node.
    pub async fn read(&mut self, order: &Bought) -> Option<OrderStatus> {
        let asked = Asked::Read { order: self.crowd.recorder.name(&order.id) };
        self.ask(&Call::get(format!("/v1/orders/{}", order.id)), asked).await
    }

    /// Looks at what a SKU has left, linearizable.
    pub async fn look(&mut self, sku: &str) {
        let asked = Asked::Look { sku: self.crowd.recorder.name(sku) };
        self.ask(&Call::get(format!("/v1/skus/{sku}/availability?consistency=linearizable")), asked).await;
    }

    async fn ask(&mut self, call: &Call, asked: Asked) -> Option<OrderStatus> {
        let began = Instant::now();
        let deadline = began + ASKED_WITHIN;
        while Instant::now() < deadline {
            let (node, within) = (self.crowd.nodes.pick(), self.patience());
            let connection = &mut self.connections[node];
            match self.crowd.recorder.attempt(connection, node as u64 + 1, asked, call, within).await {
                Attempted::Heard(Heard::Order { status, .. }, _) => return Some(status),
                Attempted::Heard(Heard::Available { .. }, _) => return None,
                Attempted::Heard(heard, _) if heard.is_final_no() => return None,
                Attempted::Heard(Heard::Nothing, _) | Attempted::NotSent => self.crowd.nodes.avoid(node),
                Attempted::Heard(..) => {}
            }
            self.pause().await;
        }
        self.crowd.give_up(Question::Call(call.clone(), asked), began);
        None
    }

    /// How long this attempt is waited for.
    fn patience(&mut self) -> Duration {
        if self.crowd.is_impatient() && self.random.random_range(0..4) == 0 {
            Duration::from_millis(self.random.random_range(IMPATIENT_MS))
        } else {
            ATTEMPT_WITHIN
        }
    }

    async fn pause(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.random.random_range(RETRY_PAUSE_MS))).await;
    }
}
