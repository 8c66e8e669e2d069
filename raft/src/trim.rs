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
use crate::network::Sending;
use crate::types::Consensus;

/// Looks at the log until consensus ends.
pub(crate) async fn run(consensus: Consensus, log: LogStore, (snapshots, sending): (Snapshots, Sending), policy: SnapshotPolicy) {
    let mut asked = None;
    loop {
        tokio::time::sleep(Duration::from_millis(limits::TRIM_EVERY_MS)).await;
        let (snapshot, applied) = {
            let metrics = consensus.metrics();
            let now = metrics.borrow_watched();
            (now.snapshot.as_ref().map(openraft::LogId::index), now.last_applied.as_ref().map(openraft::LogId::index))
        };
        let newest = snapshots.newest().map_or(0, |newest| newest.file_bytes);
        let purged = match log.purge_keeping(keep_bytes(newest, sending.is_any(), policy)).filter(|upto| snapshot >= Some(*upto)) {
            Some(upto) => consensus.trigger().purge_log(upto).await,
            None => Ok(()),
        };
        let kept = tail_bytes(newest, policy);
        // What is not applied is in no snapshot that could be made now. One that was asked for may still be in the making.
        let behind = log.purge_keeping(kept).filter(|upto| snapshot < Some(*upto));
        // What was refused, for the log had just become shorter, is asked for again once the log has grown.
        asked = asked.filter(|_| behind.is_some());
        let is_behind = behind.is_some_and(|upto| Some(upto) <= applied);
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

/// Bytes of log that need no snapshot if they are few entries.
fn tail_bytes(newest: u64, policy: SnapshotPolicy) -> u64 {
    policy.tail_bytes.max(part_of(newest)).min(policy.keep_bytes)
}

/// Bytes of log that are kept for nodes that were away, beside a newest snapshot of `newest` bytes: who misses more than half as much
/// is back sooner by the snapshot. Who is being sent one needs all that is logged meanwhile: until it has it, the configured bytes are
/// kept.
fn keep_bytes(newest: u64, is_sending: bool, policy: SnapshotPolicy) -> u64 {
    let enough = if is_sending { u64::MAX } else { limits::LOG_KEEP_SMALL_BYTES.max(newest / 2) };
    enough.min(policy.keep_bytes)
}

/// Whether a snapshot now would cost more than the log that it would save a start from, whatever number of entries that is: each is
/// written whole.
pub(crate) fn is_early(log: &LogStore, snapshots: &Snapshots, policy: SnapshotPolicy) -> bool {
    let Some(newest) = snapshots.newest().filter(|newest| newest.file_bytes >= limits::SNAPSHOT_SMALL_BYTES) else { return false };
    let needed = part_of(newest.file_bytes).min(policy.keep_bytes);
    log.purge_keeping(needed).is_none_or(|upto| upto <= newest.index)
}

/// Bytes of log that need no snapshot beside a newest one of so many.
fn part_of(snapshot_bytes: u64) -> u64 {
    snapshot_bytes / limits::SNAPSHOT_TAIL_PART
}

#[cfg(test)]
mod tests {
    use holdfast_inventory::NodeId;
    use holdfast_storage::{DataDir, LogRecord, OpenMode};

    use super::*;

    const PIECE: usize = 64 << 10;
    const RECORD: usize = 1 << 20;

    fn append(log: &LogStore, mebibytes: std::ops::RangeInclusive<u64>) {
        let record = |index| LogRecord { index, head: Vec::new().into(), payload: vec![0; RECORD].into() };
        let (done, heard) = std::sync::mpsc::channel();
        log.append(mebibytes.map(record).collect(), Box::new(move |result| done.send(result).unwrap()));
        heard.recv().unwrap().unwrap();
    }

    fn snapshot(snapshots: &Snapshots, index: u64, bytes: u64) {
        let mut writer = snapshots.writer(index, 1, b"").unwrap();
        let piece = vec![0; PIECE];
        (0..bytes / PIECE as u64).for_each(|_| writer.chunk(&piece).unwrap());
        writer.finish().unwrap();
    }

    #[test]
    fn no_more_log_is_kept_than_half_of_what_a_snapshot_would_cost() {
        let kept = |newest| keep_bytes(newest, false, SnapshotPolicy::default());
        assert_eq!([kept(0), kept(1 << 30), kept(3 << 30)], [512 << 20, 512 << 20, 3 << 29]);
        assert_eq!(kept(1 << 40), limits::LOG_KEEP_BYTES);
        assert_eq!(keep_bytes(3 << 30, false, SnapshotPolicy { keep_bytes: 1 << 20, ..SnapshotPolicy::default() }), 1 << 20);
        assert_eq!(
            keep_bytes(0, true, SnapshotPolicy::default()),
            limits::LOG_KEEP_BYTES,
            "who is sent one needs what is logged meanwhile"
        );
        assert!(tail_bytes(3 << 30, SnapshotPolicy::default()) < kept(3 << 30), "what no snapshot holds is never purged");
    }

    #[test]
    fn after_a_large_snapshot_entries_make_another_only_when_they_are_a_part_of_its_bytes() {
        let root = tempfile::tempdir().unwrap();
        let data = DataDir::open(root.path(), OpenMode::Create).unwrap();
        data.start(NodeId(1)).unwrap();
        let (log, snapshots) = (data.log().unwrap(), data.snapshots().unwrap());
        let is_early = |policy| is_early(&log, &snapshots, policy);
        let part = limits::SNAPSHOT_SMALL_BYTES / limits::SNAPSHOT_TAIL_PART / RECORD as u64;
        append(&log, 1..=part + 9);
        assert!(!is_early(SnapshotPolicy::default()), "there is none yet");
        snapshot(&snapshots, 3, limits::SNAPSHOT_SMALL_BYTES / 2);
        assert!(!is_early(SnapshotPolicy::default()), "a small one is no work");

        snapshot(&snapshots, 12, limits::SNAPSHOT_SMALL_BYTES);
        assert!(is_early(SnapshotPolicy::default()));
        assert!(!is_early(SnapshotPolicy { keep_bytes: 2 << 20, ..SnapshotPolicy::default() }), "the log would not be within its bytes");
        append(&log, part + 10..=part + 15);
        assert!(!is_early(SnapshotPolicy::default()));
    }
}
