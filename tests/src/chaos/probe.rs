//! How soon the cluster, and each of its nodes, sells again when a fault is over.

use std::sync::Arc;
use std::time::Duration;

use holdfast_client::oracle::Heard;
use tokio::time::Instant;

use super::crowd::Crowd;
use super::limits::{PROBE_PAUSE, PROBE_WITHIN, SERVES_WITHIN};
use super::recorder::Attempted;
use super::shop::HOT;
use crate::limits::READY_WITHIN;

/// Places new orders at one node after another until one is acknowledged; how long after `healed` that was. None after
/// [`READY_WITHIN`].
pub async fn live_again(crowd: &Arc<Crowd>, number: u64, healed: Instant) -> Option<Duration> {
    let mut buyer = crowd.buyer(format!("p{number}"), u64::MAX - number);
    let mut node = 0;
    while healed.elapsed() < READY_WITHIN {
        let wish = buyer.wish(None, &[(HOT.sku, 1)], false);
        if let Attempted::Heard(Heard::Order { .. }, _) = buyer.place_within(node, &wish, PROBE_WITHIN).await {
            return Some(healed.elapsed());
        }
        node = (node + 1) % crowd.apis.len();
        tokio::time::sleep(PROBE_PAUSE).await;
    }
    None
}

/// Places new orders at the node in place `node`, which says that it is ready, until one is acknowledged; else what it answered
/// at last.
pub async fn serves(crowd: &Arc<Crowd>, number: u64, node: usize) -> Result<(), String> {
    let mut buyer = crowd.buyer(format!("p{number}-{}", node + 1), u64::MAX / 2 - 8 * number - node as u64);
    let until = Instant::now() + SERVES_WITHIN;
    loop {
        let wish = buyer.wish(None, &[(HOT.sku, 1)], false);
        let heard = buyer.place_within(node, &wish, PROBE_WITHIN).await;
        if let Attempted::Heard(Heard::Order { .. }, _) = heard {
            return Ok(());
        }
        if Instant::now() >= until {
            return Err(format!("node {} says that it is ready and sells nothing for {SERVES_WITHIN:?}, at last {heard:?}", node + 1));
        }
        tokio::time::sleep(PROBE_PAUSE).await;
    }
}
