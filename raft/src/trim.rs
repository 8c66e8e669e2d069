//! Keeps the Raft log within its bytes, and a start within its time.
//!
//! openraft counts entries, and entries differ a thousandfold in size. Over a bound of bytes that no snapshot holds a snapshot is made:
//! a start applies them all. Over the bound of all its bytes what a snapshot holds is purged down to the bound. openraft purges only
//! behind a snapshot, a snapshot is published only behind a durable order log, and a log that is being sent is kept until it was.

use std::time::Duration;

use holdfast_storage::{LogStore, Snapshots};
use openraft::async_runtime::watch::WatchReceiver;

use crate::config::SnapshotPolicy;
use crate::limits;
use crate::types::Consensus;

/// Looks at the log until consensus ends.
pub(crate) async fn run(consensus: Consensus, log: LogStore, snapshots: Snapshots, policy: SnapshotPolicy) {
    let mut asked = None;
    loop {
        tokio::time::sleep(Duration::from_millis(limits::TRIM_EVERY_MS)).await;
        let (snapshot, applied) = {
            let metrics = consensus.metrics();
            let now = metrics.borrow_watched();
            (now.snapshot.as_ref().map(openraft::LogId::index), now.last_applied.as_ref().map(openraft::LogId::index))
        };
        let purged = match log.purge_keeping(policy.keep_bytes).filter(|upto| snapshot >= Some(*upto)) {
            Some(upto) => consensus.trigger().purge_log(upto).await,
            None => Ok(()),
        };
        let kept = tail_bytes(&snapshots, policy);
        // What is not applied is in no snapshot that could be made now. One that was asked for may still be in the making.
        let is_behind = log.purge_keeping(kept).is_some_and(|upto| snapshot < Some(upto) && Some(upto) <= applied);
        let is_due = is_behind && asked != snapshot.or(Some(0));
        let made = if is_due {
            asked = snapshot.or(Some(0));
            tracing::info!(log_bytes = log.log_bytes(), kept_bytes = kept, "so much of the log is in no snapshot: one is made");
            consensus.trigger().snapshot().await
        } else {
            Ok(())
        };
        if purged.and(made).is_err() {
            return;
        }
    }
}

/// Bytes of log that need no snapshot: a part of what the newest one takes, for each is written whole.
fn tail_bytes(snapshots: &Snapshots, policy: SnapshotPolicy) -> u64 {
    let newest = snapshots.newest().map_or(0, |newest| newest.file_bytes);
    policy.tail_bytes.max(newest / limits::SNAPSHOT_TAIL_PART).min(policy.keep_bytes)
}
