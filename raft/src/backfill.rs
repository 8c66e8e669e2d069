//! Fetching pages that the order log misses after a snapshot jumped over them, from any peer that has them.
//!
//! Block by block, each durable before the next is asked for, so that it goes on where it was after a restart. State and
//! selling never wait for it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use holdfast_inventory::codec;
use holdfast_storage::{Missing, OrderLog, PageBlock};

use crate::alarm::Alarm;
use crate::blocking::blocking;
use crate::limits;
use crate::network::Calls;
use crate::wire::ForwardBody;

/// Runs as long as the node.
pub(crate) async fn run(orders: OrderLog, calls: Arc<Calls>, peers: Vec<u64>, alarm: Alarm) {
    let pause = Duration::from_millis(limits::BACKFILL_PAUSE_MS);
    loop {
        while let Some(missing) = orders.missing().first().copied() {
            match fill(&orders, &calls, &peers, missing).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return alarm.fault(format!("order log: {error}")),
            }
        }
        tokio::time::sleep(pause).await;
    }
}

/// One block from the first peer that has it; false if none has.
async fn fill(orders: &OrderLog, calls: &Calls, peers: &[u64], missing: Missing) -> io::Result<bool> {
    let limit = Duration::from_millis(limits::BACKFILL_CALL_MS);
    for peer in peers {
        let from = (missing.from.0.0, missing.from.1);
        let ask = ForwardBody::Pages { from, through: missing.through.0, max_bytes: limits::BACKFILL_BYTES };
        let Ok(Some(bytes)) = calls.call(*peer, ask, limit).await else { continue };
        let Ok(block) = codec::decode::<PageBlock>(&bytes) else { continue };
        let store = orders.clone();
        match blocking(move || store.install(&block)).await? {
            Ok(()) => return Ok(true),
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => {
                tracing::warn!(peer, %error, "a peer's order pages were not taken");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}
