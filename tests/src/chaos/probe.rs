//! How soon the cluster sells again when a fault is over.

use std::sync::Arc;
use std::time::Duration;

use holdfast_client::oracle::Heard;
use tokio::time::Instant;

use super::crowd::Crowd;
use super::limits::{PROBE_PAUSE, PROBE_WITHIN};
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
