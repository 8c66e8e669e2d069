//! One buyer's order: the same key, at one node after another, until its fate is known.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::http::{Answer, Call, Connection};
use crate::limits::{ATTEMPT_WITHIN, AVOID_DEAD_NODE, ORDER_WITHIN, RETRY_PAUSE_MS};
use crate::report::Fate;

/// What a buyer wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Who.
    pub buyer: String,
    /// Idempotency key.
    pub key: String,
    /// Of what.
    pub sku: String,
    /// How many.
    pub quantity: u64,
}

impl Wanted {
    /// The call that asks for it.
    pub fn call(&self) -> Call {
        let body = json!({ "buyer": self.buyer, "lines": [{ "sku": self.sku, "quantity": self.quantity }] });
        Call::post("/v1/orders", &body).header("idempotency-key", &self.key)
    }
}

/// The nodes as a load balancer knows them: one that did not answer is left alone for a moment.
#[derive(Debug)]
pub struct Nodes {
    apis: Vec<SocketAddr>,
    began: Instant,
    avoid_until_ms: Vec<AtomicU64>,
}

impl Nodes {
    /// All of them good.
    pub fn new(apis: Vec<SocketAddr>) -> Arc<Nodes> {
        let avoid_until_ms = apis.iter().map(|_| AtomicU64::new(0)).collect();
        Arc::new(Nodes { apis, began: Instant::now(), avoid_until_ms })
    }

    /// A random one of the good ones, or of all if none is good.
    pub(crate) fn pick(&self) -> usize {
        let now = self.now_ms();
        let good: Vec<usize> = (0..self.apis.len()).filter(|&n| self.avoid_until_ms[n].load(Ordering::Relaxed) <= now).collect();
        if good.is_empty() { rand::random_range(0..self.apis.len()) } else { good[rand::random_range(0..good.len())] }
    }

    /// Leaves it alone for a moment.
    pub(crate) fn avoid(&self, node: usize) {
        let until = self.now_ms() + u64::try_from(AVOID_DEAD_NODE.as_millis()).unwrap_or(u64::MAX);
        self.avoid_until_ms[node].store(until, Ordering::Relaxed);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// What became of an order, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempted {
    /// What is known at last.
    pub fate: Fate,
    /// Attempts made.
    pub attempts: u32,
    /// Whether an attempt before the last one may have had an effect that nobody told.
    pub ambiguous: bool,
}

/// Buys one order after another, with one connection to each node.
#[derive(Debug)]
pub struct Buyer {
    nodes: Arc<Nodes>,
    connections: Vec<Connection>,
}

impl Buyer {
    /// A buyer without connections yet.
    pub fn new(nodes: &Arc<Nodes>) -> Buyer {
        let connections = nodes.apis.iter().map(|&api| Connection::to(api)).collect();
        Buyer { nodes: Arc::clone(nodes), connections }
    }

    /// Asks for an order until its fate is known or [`ORDER_WITHIN`] has passed.
    pub async fn buy(&mut self, wanted: &Wanted) -> Attempted {
        let (call, began) = (wanted.call(), Instant::now());
        let (mut attempts, mut ambiguous) = (0, false);
        loop {
            attempts += 1;
            match self.attempt(&call).await {
                Heard::Definite(fate) => return Attempted { fate, attempts, ambiguous },
                Heard::Again { why, unknown } => {
                    ambiguous |= unknown;
                    if began.elapsed() >= ORDER_WITHIN {
                        return Attempted { fate: Fate::Unknown(why), attempts, ambiguous };
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(rand::random_range(RETRY_PAUSE_MS))).await;
        }
    }

    async fn attempt(&mut self, call: &Call) -> Heard {
        let node = self.nodes.pick();
        match self.connections[node].send(call, ATTEMPT_WITHIN).await {
            Ok(answer) => hear(&answer),
            Err(e) => {
                self.nodes.avoid(node);
                Heard::Again { why: format!("{e:#}"), unknown: true }
            }
        }
    }
}

/// What one attempt told.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Definite(Fate),
    Again { why: String, unknown: bool },
}

fn hear(answer: &Answer) -> Heard {
    let problem = answer.problem().unwrap_or_else(|| format!("status {}", answer.status));
    match answer.status {
        201 => accepted(answer),
        503 => Heard::Again { unknown: problem == "outcome-unknown", why: problem },
        409 if problem == "key-in-progress" => Heard::Again { why: problem, unknown: false },
        _ => Heard::Definite(Fate::Refused(problem)),
    }
}

fn accepted(answer: &Answer) -> Heard {
    let read = answer.json().ok().and_then(|body| Some((body["id"].as_str()?.to_owned(), body["index"].as_u64()?)));
    match read {
        Some((id, index)) => Heard::Definite(Fate::Acknowledged { id, index }),
        None => Heard::Definite(Fate::Refused("201 without id and index".into())),
    }
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;

    use super::*;

    fn heard(status: u16, body: &str) -> Heard {
        hear(&Answer { status, headers: HeaderMap::new(), body: body.to_owned().into() })
    }

    #[test]
    fn only_an_answer_that_says_so_is_definite() {
        let accepted = Fate::Acknowledged { id: "x".into(), index: 4 };
        assert_eq!(heard(201, r#"{"id":"x","index":4}"#), Heard::Definite(accepted));
        let sold_out = Fate::Refused("sold-out".into());
        assert_eq!(heard(409, r#"{"type":"urn:holdfast:problem:sold-out"}"#), Heard::Definite(sold_out));
        assert!(matches!(heard(409, r#"{"type":"urn:holdfast:problem:key-in-progress"}"#), Heard::Again { unknown: false, .. }));
        assert!(matches!(heard(503, r#"{"type":"urn:holdfast:problem:refilling"}"#), Heard::Again { unknown: false, .. }));
        assert!(matches!(heard(503, r#"{"type":"urn:holdfast:problem:outcome-unknown"}"#), Heard::Again { unknown: true, .. }));
        assert_eq!(heard(500, ""), Heard::Definite(Fate::Refused("status 500".into())));
    }

    #[test]
    fn a_node_that_did_not_answer_is_left_alone_while_another_is_good() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let nodes = Nodes::new(vec![at(1), at(2)]);
        nodes.avoid(0);
        assert!((0..50).all(|_| nodes.pick() == 1));
        nodes.avoid(1);
        let picked: Vec<usize> = (0..200).map(|_| nodes.pick()).collect();
        assert!(picked.contains(&0) && picked.contains(&1));
    }
}
