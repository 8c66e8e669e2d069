//! The Raft log against what it promises: readable at once, grouped, chunked, cut and purged, poisoned for good.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test may panic, and its numbers are small")]

mod common;

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex};

use bytes::Bytes;
use common::{append_and_wait, record, wait};
use holdfast_inventory::NodeId;
use holdfast_storage::{DataDir, LogStore, OpenError, OpenMode, Syncer};

fn dir(root: &std::path::Path) -> DataDir {
    let dir = DataDir::open(root, OpenMode::Create).unwrap();
    dir.start(NodeId(1)).unwrap();
    dir
}

fn reopen(root: &std::path::Path, log: LogStore) -> LogStore {
    drop(log);
    dir(root).log().unwrap()
}

#[test]
fn records_votes_and_marks_come_back_after_a_restart() {
    let root = tempfile::tempdir().unwrap();
    let log = dir(root.path()).log().unwrap();
    append_and_wait(&log, (0..10).map(|i| record(i, 100)).collect());
    log.save_committed(Bytes::from_static(b"c9"));
    wait(|done| log.save_vote(Bytes::from_static(b"vote"), done)).unwrap();
    let log = reopen(root.path(), log);
    assert_eq!(log.read(0, 10, usize::MAX).unwrap(), (0..10).map(|i| record(i, 100)).collect::<Vec<_>>());
    assert_eq!(log.bounds().last, Some((9, record(9, 0).head)));
    assert_eq!((log.vote().unwrap(), log.committed().unwrap()), (Bytes::from_static(b"vote"), Bytes::from_static(b"c9")));
}

#[test]
fn large_records_are_cut_into_chunks_and_put_together_again() {
    let root = tempfile::tempdir().unwrap();
    let log = dir(root.path()).log().unwrap();
    let sizes = [0, 1, 3_880, 3_899, 3_900, 3_901, 7_800, 100_000, 3_000_000];
    let records: Vec<_> = (0..).zip(sizes).map(|(i, size)| record(i, size)).collect();
    append_and_wait(&log, records.clone());
    let log = reopen(root.path(), log);
    assert_eq!(log.read(0, 99, usize::MAX).unwrap(), records);
}

#[test]
fn a_gap_or_an_overlap_is_refused_and_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let log = dir(root.path()).log().unwrap();
    append_and_wait(&log, vec![record(0, 1), record(1, 1)]);
    for wrong in [1, 3] {
        let error = wait(|done| log.append(vec![record(wrong, 1)], done)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
    assert_eq!(log.bounds().last.unwrap().0, 1);
}

#[test]
fn a_conflict_is_cut_off_and_replaced() {
    let root = tempfile::tempdir().unwrap();
    let log = dir(root.path()).log().unwrap();
    append_and_wait(&log, (0..3_000).map(|i| record(i, 8)).collect());
    log.truncate_after(Some(99)).unwrap();
    assert_eq!(log.bounds().last.unwrap().0, 99);
    assert!(log.read(100, 200, usize::MAX).unwrap().is_empty());
    append_and_wait(&log, vec![record(100, 9_000)]);
    let log = reopen(root.path(), log);
    assert_eq!(log.bounds().last.unwrap().0, 100);
    assert_eq!(log.read(100, 3_000, usize::MAX).unwrap(), [record(100, 9_000)]);
    log.truncate_after(None).unwrap();
    assert_eq!(log.bounds().last, None);
    append_and_wait(&log, vec![record(0, 5)]);
    let log = reopen(root.path(), log);
    assert_eq!(log.read(0, 9, usize::MAX).unwrap(), [record(0, 5)]);
}

#[test]
fn a_purge_keeps_its_marker_and_may_pass_the_end() {
    let root = tempfile::tempdir().unwrap();
    let log = dir(root.path()).log().unwrap();
    append_and_wait(&log, (0..5_000).map(|i| record(i, 8)).collect());
    log.purge(3_999, Bytes::from_static(b"m1")).unwrap();
    assert!(log.read(3_999, 4_001, usize::MAX).unwrap().is_empty());
    assert_eq!(log.read(4_000, 4_002, usize::MAX).unwrap().len(), 2);
    let log = reopen(root.path(), log);
    assert_eq!(log.bounds().purged, Some((3_999, Bytes::from_static(b"m1"))));
    assert_eq!(log.read(4_000, 9_999, usize::MAX).unwrap().len(), 1_000);
    assert!(log.truncate_after(Some(10)).is_err());
    log.purge(10_000, Bytes::from_static(b"m2")).unwrap();
    assert_eq!(log.bounds().last, None);
    append_and_wait(&log, vec![record(10_001, 3)]);
    let log = reopen(root.path(), log);
    assert_eq!(log.bounds().purged, Some((10_000, Bytes::from_static(b"m2"))));
    assert_eq!(log.read(10_001, 10_009, usize::MAX).unwrap(), [record(10_001, 3)]);
}

#[test]
fn old_records_leave_memory_and_are_read_from_disk() {
    let root = tempfile::tempdir().unwrap();
    let log = dir(root.path()).log().unwrap();
    for start in (0..3_000).step_by(100) {
        append_and_wait(&log, (start..start + 100).map(|i| record(i, 10_000)).collect());
    }
    assert!(!log.is_cached(0) && log.is_cached(2_999));
    assert_eq!(log.read(5, 8, usize::MAX).unwrap(), [record(5, 10_000), record(6, 10_000), record(7, 10_000)]);
    assert_eq!(log.read(5, 3_000, 25_000).unwrap().len(), 2);
    assert_eq!(log.read(5, 6, 0).unwrap().len(), 1, "a present range is never answered empty");
    let kept = log.log_bytes() - 10_000_000;
    let upto = log.purge_keeping(kept).unwrap();
    assert!((850..=1_000).contains(&upto), "{upto}");
    log.truncate_after(Some(20)).unwrap();
    assert_eq!(log.bounds().last, Some((20, record(20, 0).head)), "its head was read from disk");
}

/// Counts syncs, fails from the k-th on, and can be held back.
#[derive(Default)]
struct TestSync {
    calls: AtomicUsize,
    fail_from: Option<usize>,
    held: Mutex<bool>,
    released: Condvar,
}

impl TestSync {
    fn hold(&self, held: bool) {
        *self.held.lock().unwrap() = held;
        self.released.notify_all();
    }
}

impl Syncer for TestSync {
    fn sync(&self, file: &File) -> io::Result<()> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        drop(self.released.wait_while(self.held.lock().unwrap(), |held| *held).unwrap());
        if self.fail_from.is_some_and(|from| call >= from) { Err(io::Error::other("planted")) } else { file.sync_data() }
    }
}

#[test]
fn what_gathers_during_a_sync_is_one_group() {
    let root = tempfile::tempdir().unwrap();
    let syncer = Arc::new(TestSync::default());
    let log = dir(root.path()).log_with(syncer.clone()).unwrap();
    syncer.hold(true);
    let (sender, done) = channel();
    for index in 0..100 {
        let sender = sender.clone();
        log.append(vec![record(index, 50)], Box::new(move |result| sender.send((index, result)).unwrap()));
        assert_eq!(log.read(index, index + 1, 0).unwrap().len(), 1, "readable before it is durable");
    }
    assert!(done.try_recv().is_err(), "nothing is acknowledged before its sync");
    syncer.hold(false);
    for index in 0..100 {
        let (heard, result) = done.recv().unwrap();
        assert_eq!((heard, result.is_ok()), (index, true));
    }
    assert!(syncer.calls.load(Ordering::SeqCst) <= 3, "100 appends took {:?} syncs", syncer.calls);
}

#[test]
fn a_failed_sync_poisons_the_log_and_is_never_tried_again() {
    let root = tempfile::tempdir().unwrap();
    let syncer = Arc::new(TestSync { fail_from: Some(3), ..TestSync::default() });
    let log = dir(root.path()).log_with(syncer.clone()).unwrap();
    let (alarm, alarmed) = channel();
    log.on_poison(Box::new(move |reason| alarm.send(reason.to_owned()).unwrap()));
    append_and_wait(&log, vec![record(0, 1)]);
    assert!(wait(|done| log.append(vec![record(1, 1)], done)).is_err());
    assert!(alarmed.recv().unwrap().contains("planted"));
    assert!(wait(|done| log.append(vec![record(2, 1)], done)).is_err());
    assert!(wait(|done| log.save_vote(Bytes::new(), done)).is_err());
    assert!(log.truncate_after(None).is_err() && log.purge(0, Bytes::new()).is_err());
    assert!(log.poisoned().is_some());
    drop(log);
    assert_eq!(syncer.calls.load(Ordering::SeqCst), 3, "one for the new database, one good, one that failed");
}

#[test]
fn a_lost_database_is_not_taken_for_a_new_one() {
    let root = tempfile::tempdir().unwrap();
    append_and_wait(&dir(root.path()).log().unwrap(), vec![record(0, 100)]);
    std::fs::write(root.path().join("log/db"), b"").unwrap();
    let error = dir(root.path()).log().err().unwrap();
    assert!(matches!(error, OpenError::LogDamaged { .. }), "{error}");
}
