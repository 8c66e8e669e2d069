//! Keeps the Raft log within its bytes.
//!
//! openraft counts entries, and entries differ a thousandfold in size. Over the bound a snapshot is made, and what it holds
//! is purged down to the bound. openraft purges only behind a snapshot, a snapshot is published only behind a durable order
//! log, and a log that is being sent is kept until it was.

use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;

use crate::limits;
use crate::types::Consensus;
use holdfast_storage::LogStore;

/// Looks at the log until consensus ends.
pub(crate) async fn run(consensus: Consensus, log: LogStore, keep_bytes: u64) {
    let mut asked = None;
    loop {
        tokio::time::sleep(Duration::from_millis(limits::TRIM_EVERY_MS)).await;
        let Some(upto) = log.purge_keeping(keep_bytes) else { continue };
        let snapshot = consensus.metrics().borrow_watched().snapshot.as_ref().map(openraft::LogId::index);
        let goes_on = if snapshot.is_some_and(|at| at >= upto) {
            consensus.trigger().purge_log(upto).await
        } else if asked == snapshot.or(Some(0)) {
            // The one asked for is still being made.
            Ok(())
        } else {
            asked = snapshot.or(Some(0));
            tracing::info!(log_bytes = log.log_bytes(), keep_bytes, "the log is over its bytes: a snapshot is made");
            consensus.trigger().snapshot().await
        };
        if goes_on.is_err() {
            return;
        }
    }
}
