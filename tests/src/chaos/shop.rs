//! What is on sale in a round, and the operator who sees to it that some of it never runs out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use holdfast_client::oracle::{Asked, Heard, Terms};
use serde_json::json;
use tokio::sync::watch;

use super::limits::{ASKED_WITHIN, BRIEF_HOLD_MS};
use super::recorder::{Attempted, Recorder};
use crate::cluster::Cluster;
use crate::http::{self, Call, Connection};
use crate::limits::{ATTEMPT_WITHIN, POLL_EVERY};
use crate::operator;

/// A SKU of the round.
#[derive(Clone, Copy, Debug)]
pub struct Ware {
    /// Its name.
    pub sku: &'static str,
    /// Units it begins with.
    pub stock: u64,
    /// How long it is held; 0: bought at once.
    hold_ttl_ms: u64,
    /// Most units of one buyer.
    limit: Option<u32>,
    /// Whether stock is added when half is gone.
    pub is_kept: bool,
}

const fn ware(sku: &'static str, stock: u64, hold_ttl_ms: u64, is_kept: bool) -> Ware {
    Ware { sku, stock, hold_ttl_ms, limit: None, is_kept }
}

/// Sold at once, and never out.
pub const HOT: Ware = ware("hot", 20_000, 0, true);
/// Held for long, and never out.
pub const HELD: Ware = ware("held", 20_000, 600_000, true);
/// Held briefly, may be confirmed late, and never out.
pub const BRIEF: Ware = ware("brief", 4_000, BRIEF_HOLD_MS, true);
/// Two for each buyer, and never out.
pub const LIMITED: Ware = Ware { limit: Some(2), ..ware("limited", 4_000, 0, true) };
/// Sold at once, never out, and stopped now and then.
pub const SHUT: Ware = ware("shut", 4_000, 0, true);
/// Next to nothing: sold out, given back, sold out.
pub const TINY: [Ware; 4] = [
    ware("tiny-0", 0, BRIEF_HOLD_MS, false),
    ware("tiny-1", 1, BRIEF_HOLD_MS, false),
    ware("tiny-2", 2, BRIEF_HOLD_MS, false),
    ware("tiny-3", 3, BRIEF_HOLD_MS, false),
];

/// A few for each node: sliced, and bought out in the end.
pub const SMALL: Ware = ware("small", 150, BRIEF_HOLD_MS, false);

/// All of it.
pub fn wares() -> Vec<Ware> {
    [HOT, HELD, BRIEF, LIMITED, SHUT, SMALL].into_iter().chain(TINY).collect()
}

/// What is bought out in the end.
pub fn small() -> Vec<Ware> {
    [SMALL].into_iter().chain(TINY).collect()
}

/// Puts everything on sale.
pub async fn open(cluster: &Cluster) -> Result<()> {
    for ware in wares() {
        let mut body = json!({ "sku": ware.sku, "stock": ware.stock, "hold_ttl_ms": ware.hold_ttl_ms });
        if let Some(limit) = ware.limit {
            body["per_buyer_limit"] = limit.into();
        }
        if ware.sku == BRIEF.sku {
            body["late_confirm"] = "reacquire".into();
        }
        operator::create_sku_with(cluster.admin(1), &body).await?;
    }
    Ok(())
}

/// What the oracle must know of it.
pub fn terms(recorder: &Recorder) -> Vec<Terms> {
    let terms = |ware: Ware| Terms {
        sku: recorder.name(ware.sku),
        stock: ware.stock,
        per_buyer_limit: ware.limit,
        hold_ttl_ms: ware.hold_ttl_ms,
        is_always_open: ware.sku != SHUT.sku,
    };
    wares().into_iter().map(terms).collect()
}

/// The operator. Ends when `stop` says so, after the adjustment that is under way.
pub async fn keep(recorder: Arc<Recorder>, admins: Vec<SocketAddr>, mut stop: watch::Receiver<bool>) {
    let mut connections: Vec<Connection> = admins.iter().map(|&admin| Connection::to(admin)).collect();
    for number in 0.. {
        if *stop.borrow() {
            return;
        }
        for ware in wares().into_iter().filter(|ware| ware.is_kept) {
            let node = rand::random_range(0..admins.len());
            if available(admins[node], ware.sku).await.is_some_and(|available| available < ware.stock / 2) {
                let delta = i64::try_from(ware.stock).unwrap_or(i64::MAX);
                adjust(&recorder, &mut connections, ware.sku, delta, &format!("more-{}-{number}", ware.sku)).await;
            }
        }
        // A pace, and no wait for anything: stock lasts longer.
        drop(tokio::time::timeout(Duration::from_millis(100), stop.wait_for(|stop| *stop)).await);
    }
}

async fn available(admin: SocketAddr, sku: &str) -> Option<u64> {
    let call = Call::get(format!("/v1/skus/{sku}"));
    let answer = tokio::time::timeout(ATTEMPT_WITHIN, http::call(admin, &call)).await.ok()?.ok()?;
    answer.expect(200).ok()?["available"].as_u64()
}

/// Adds stock, once, with the same key at one node after another; whether it is known to have been done.
pub async fn adjust(recorder: &Recorder, admins: &mut [Connection], sku: &str, delta: i64, reference: &str) -> bool {
    let body = json!({ "delta": delta, "reason": "delivery", "reference": reference });
    let call = Call::post(format!("/v1/skus/{sku}/adjustments"), &body).header("idempotency-key", reference);
    let asked = Asked::Adjust { sku: recorder.name(sku), delta, reference: recorder.name(reference) };
    let deadline = tokio::time::Instant::now() + ASKED_WITHIN;
    while tokio::time::Instant::now() < deadline {
        let node = rand::random_range(0..admins.len());
        let attempt = recorder.attempt(&mut admins[node], node as u64 + 1, asked, &call, ATTEMPT_WITHIN).await;
        if let Attempted::Heard(Heard::Adjusted { .. }, _) = attempt {
            return true;
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
    false
}
