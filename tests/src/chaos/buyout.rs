//! The last units of a round: whatever is left of a small SKU can be bought, and then every node says that it is sold out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context, Result};
use holdfast_client::api::ProblemType;
use holdfast_client::oracle::Heard;
use rand::RngExt;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::crowd::Crowd;
use super::limits::{BOUGHT_OUT_WITHIN, SERVES_WITHIN};
use super::recorder::Attempted;
use super::shop::{self, SHUT};
use crate::limits::{ATTEMPT_WITHIN, POLL_EVERY};

/// Buys every unit of what is not kept in stock, when nothing of it is held; what could not be bought, or is not called sold out.
pub(super) async fn buy_out(crowd: &Arc<Crowd>) -> Result<Vec<String>> {
    let mut buyers = JoinSet::new();
    for (number, ware) in (0..).zip(shop::small()) {
        buyers.spawn(empty(Arc::clone(crowd), number, ware.sku));
    }
    let mut stranded = Vec::new();
    while let Some(told) = buyers.join_next().await {
        stranded.extend(told.context("who buys out panicked")?.err());
    }
    Ok(stranded)
}

/// Asks every node for a unit of a sale that was stopped and resumed; which node does not sell it.
pub(super) async fn resumed(crowd: &Arc<Crowd>) -> Vec<String> {
    let mut buyer = crowd.buyer("resumed".into(), u64::MAX / 5);
    let mut silent = Vec::new();
    for node in 0..crowd.apis.len() {
        let deadline = Instant::now() + SERVES_WITHIN;
        loop {
            let wish = buyer.wish(None, &[(SHUT.sku, 1)], false);
            let heard = buyer.place_within(node, &wish, ATTEMPT_WITHIN).await;
            if matches!(heard, Attempted::Heard(Heard::Order { .. }, _)) {
                break;
            }
            if Instant::now() > deadline {
                silent.push(format!("I20: node {} sells nothing of a sale that was resumed, at last {heard:?}", node + 1));
                break;
            }
            sleep(POLL_EVERY).await;
        }
    }
    silent
}

/// Asks for one unit after another at nodes drawn anew, until each has said "sold out" since the last one was sold.
async fn empty(crowd: Arc<Crowd>, number: u64, sku: &'static str) -> Result<u64, String> {
    let mut buyer = crowd.buyer(format!("last-{sku}"), u64::MAX / 4 - number);
    let (mut said, mut last, mut bought) = (BTreeSet::new(), BTreeMap::new(), 0);
    let mut wish = buyer.wish(None, &[(sku, 1)], true);
    let mut deadline = Instant::now() + BOUGHT_OUT_WITHIN;
    while said.len() < crowd.apis.len() {
        if Instant::now() > deadline {
            return Err(format!("I18: {sku} is not sold out after {bought} more units: by node at last {last:?}"));
        }
        let silent: Vec<usize> = (0..crowd.apis.len()).filter(|node| !said.contains(node)).collect();
        let node = silent[buyer.random.random_range(0..silent.len())];
        match buyer.place_within(node, &wish, ATTEMPT_WITHIN).await {
            Attempted::Heard(Heard::Order { .. }, _) => {
                bought += 1;
                said.clear();
                last.clear();
                wish = buyer.wish(None, &[(sku, 1)], true);
                deadline = Instant::now() + BOUGHT_OUT_WITHIN;
            }
            Attempted::Heard(Heard::Refused { problem: ProblemType::SoldOut, .. }, _) => {
                said.insert(node);
            }
            heard => {
                last.insert(node + 1, heard);
                sleep(POLL_EVERY).await;
            }
        }
    }
    Ok(bought)
}
