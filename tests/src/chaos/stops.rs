//! A SKU whose sale the operator stops and resumes: nothing of it is sold while it is stopped, and afterwards every node sells it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use holdfast_client::api::{SaleState, Sku};
use holdfast_client::oracle::{Ledger, Name};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use super::limits::{ASKED_WITHIN, BETWEEN_STOPS_MS, OPENED_FOR_GOOD, STOPPED_FOR_MS};
use super::shop::SHUT;
use crate::http::{Call, Connection};
use crate::limits::{ATTEMPT_WITHIN, POLL_EVERY};

/// The sale was stopped behind `after`, and still was at `until`; log indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    after: u64,
    until: u64,
}

/// The operator of that SKU.
#[derive(Debug)]
pub struct Doorkeeper {
    admins: Vec<Connection>,
    /// When an attempt to resume went out that nobody answered: it may still happen.
    doubtful: Option<Instant>,
}

impl Doorkeeper {
    /// With a connection to each node.
    pub fn new(admins: &[SocketAddr]) -> Doorkeeper {
        Doorkeeper { admins: admins.iter().map(|&admin| Connection::to(admin)).collect(), doubtful: None }
    }

    /// Stops and resumes until `stop` says so; it is on sale then. The stops that are certain.
    pub async fn keep(mut self, mut stop: watch::Receiver<bool>) -> Result<Vec<Stop>> {
        let mut stops = Vec::new();
        while !wait(&mut stop, BETWEEN_STOPS_MS).await {
            let is_certain = self.doubtful.is_none_or(|at| at.elapsed() > OPENED_FOR_GOOD);
            if let Some(after) = self.set(SaleState::Closed).await {
                wait(&mut stop, STOPPED_FOR_MS).await;
                let until = self.look().await.filter(|sku| sku.state == SaleState::Closed).map(|sku| sku.index);
                stops.extend(until.filter(|until| is_certain && after < *until).map(|until| Stop { after, until }));
            }
            self.set(SaleState::Open).await;
        }
        // A stop of which nobody heard may come late.
        let until = Instant::now() + OPENED_FOR_GOOD;
        self.set(SaleState::Open).await.context("a sale that was stopped is not resumed")?;
        while Instant::now() < until {
            if self.look().await.is_some_and(|sku| sku.state == SaleState::Closed) {
                self.set(SaleState::Open).await.context("a sale that was stopped is not resumed")?;
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
        Ok(stops)
    }

    /// Stops or resumes the sale; the log index at which a node says that it is so.
    async fn set(&mut self, to: SaleState) -> Option<u64> {
        let call = Call::post(format!("/v1/skus/{}/{}", SHUT.sku, if to == SaleState::Open { "open" } else { "close" }), &json!({}));
        let deadline = Instant::now() + ASKED_WITHIN;
        while Instant::now() < deadline {
            let node = rand::random_range(0..self.admins.len());
            if self.admins[node].ready(ATTEMPT_WITHIN).await.is_ok() {
                let told = self.admins[node].send(&call, ATTEMPT_WITHIN).await.ok().filter(|answer| answer.status == 200);
                if let Some(sku) = told.and_then(|answer| serde_json::from_slice::<Sku>(&answer.body).ok()) {
                    return Some(sku.index);
                }
                if to == SaleState::Open {
                    self.doubtful = Some(Instant::now());
                }
            }
            tokio::time::sleep(POLL_EVERY).await;
        }
        None
    }

    async fn look(&mut self) -> Option<Sku> {
        let node = rand::random_range(0..self.admins.len());
        let answer = self.admins[node].send(&Call::get(format!("/v1/skus/{}", SHUT.sku)), ATTEMPT_WITHIN).await.ok()?;
        serde_json::from_slice(&answer.body).ok()
    }
}

/// Waits for a time drawn from `ms`, or until `stop` says so: then true.
async fn wait(stop: &mut watch::Receiver<bool>, ms: std::ops::Range<u64>) -> bool {
    let pause = Duration::from_millis(rand::random_range(ms));
    tokio::time::timeout(pause, stop.wait_for(|stop| *stop)).await.is_ok()
}

/// Orders of the SKU `shut` that were accepted while its sale was stopped.
pub fn sold_meanwhile(stops: &[Stop], ledger: &Ledger, shut: Name) -> Vec<String> {
    let mut told = Vec::new();
    for order in ledger.orders().iter().filter(|order| order.lines.iter().any(|line| line.sku == shut)) {
        if let Some(stop) = stops.iter().find(|stop| stop.after < order.index && order.index <= stop.until) {
            told.push(format!("sold while the sale was stopped, {stop:?}: {order:?}"));
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use holdfast_client::oracle::{LedgerOrder, Line, Names};

    use super::*;

    #[test]
    fn an_order_behind_a_stop_and_before_its_end_is_told() {
        let (mut names, mut ledger) = (Names::default(), Ledger::default());
        let (id, buyer, sku) = (names.number("o"), names.number("ann"), names.number(SHUT.sku));
        let lines = [Line { sku, units: 1 }];
        ledger.accept(LedgerOrder {
            id,
            index: 7,
            at_ms: 0,
            expires_at_ms: None,
            buyer,
            lines: lines.into(),
            node: 1,
            key: None,
            content: None,
        });
        let told = |after, until| sold_meanwhile(&[Stop { after, until }], &ledger, sku).len();
        assert_eq!([told(7, 9), told(6, 7), told(3, 6)], [0, 1, 0]);
        assert!(sold_meanwhile(&[Stop { after: 6, until: 7 }], &ledger, buyer).is_empty());
    }
}
