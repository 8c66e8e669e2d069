//! The Raft log against what it promises: readable at once, grouped, cut and purged, poisoned for good.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test may panic, and its numbers are small")]

mod common;

use std::fs::File;
use std::io;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::{append_and_wait, record, wait};
use holdfast_inventory::NodeId;
use holdfast_storage::{DataDir, DataSync, LogStore, OpenError, OpenMode, Syncer};

/// Nothing here takes as long.
const DEADLINE: Duration = Duration::from_secs(30);

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
fn records_of_any_size_come_back() {
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

/// A log that ended before its committed mark could not be started from.
#[test]
fn the_committed_mark_is_never_durable_before_what_was_queued_when_it_was_saved() {
    let root = tempfile::tempdir().unwrap();
    let syncer = Arc::new(TestSync::default());
    let log = dir(root.path()).log_with(syncer.clone()).unwrap();
    syncer.hold(true);
    let (sender, done) = channel();
    let append = |index| {
        let sender = sender.clone();
        log.append(vec![record(index, 50)], Box::new(move |result| sender.send(result).unwrap()));
    };
    append(0);
    append(1);
    // Of an entry that is not even queued, so that only its order in the queue can keep it back.
    log.save_committed(Bytes::from_static(b"up to 2"));
    syncer.hold(false);
    for _ in 0..2 {
        done.recv().unwrap().unwrap();
    }
    let killed = tempfile::tempdir().unwrap();
    // What a kill at this moment would leave.
    let found = |name: &str| {
        let left = killed.path().join(name);
        assert!(Command::new("cp").arg("-r").args([root.path(), &left]).status().unwrap().success());
        dir(&left).log().unwrap().committed()
    };
    assert_eq!(found("before"), None);
    append(2);
    done.recv().unwrap().unwrap();
    assert_eq!(found("after"), Some(Bytes::from_static(b"up to 2")));
}

#[test]
fn a_barrier_is_reached_after_all_before_it_and_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let syncer = Arc::new(TestSync::default());
    let log = dir(root.path()).log_with(syncer.clone()).unwrap();
    let (sender, done) = channel();
    let say = |word: &'static str| {
        let sender = sender.clone();
        Box::new(move |result: io::Result<()>| sender.send((word, result.is_ok())).unwrap())
    };
    log.barrier(say("empty"));
    assert_eq!(done.recv().unwrap(), ("empty", true));
    syncer.hold(true);
    log.append(vec![record(0, 50)], say("entry"));
    log.barrier(say("barrier"));
    log.save_vote(Bytes::from_static(b"new"), say("vote"));
    assert!(done.try_recv().is_err());
    syncer.hold(false);
    assert_eq!([done.recv().unwrap().0, done.recv().unwrap().0, done.recv().unwrap().0], ["entry", "barrier", "vote"]);
    assert_eq!(reopen(root.path(), log).vote(), Some(Bytes::from_static(b"new")));
    let failing = Arc::new(TestSync { fail_from: Some(2), ..TestSync::default() });
    let log = dir(root.path()).log_with(failing).unwrap();
    log.append(vec![record(1, 50)], say("entry"));
    log.barrier(say("barrier"));
    assert_eq!([done.recv().unwrap(), done.recv().unwrap()], [("entry", false), ("barrier", false)]);
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
    assert_eq!(syncer.calls.load(Ordering::SeqCst), 3, "one for the new segment, one good, one that failed");
}

#[test]
fn what_is_found_is_synced_before_anyone_is_told() {
    let root = tempfile::tempdir().unwrap();
    append_and_wait(&dir(root.path()).log().unwrap(), vec![record(0, 1)]);
    let syncer = Arc::new(TestSync::default());
    let log = dir(root.path()).log_with(syncer.clone()).unwrap();
    assert_eq!((log.bounds().last.unwrap().0, syncer.calls.load(Ordering::SeqCst)), (0, 1), "a killed process may not have synced it");
    let failing = Arc::new(TestSync { fail_from: Some(1), ..TestSync::default() });
    drop(log);
    assert!(matches!(dir(root.path()).log_with(failing), Err(OpenError::Io { .. })));
}

#[test]
fn reading_while_segments_are_written_again_is_right_or_empty() {
    let root = tempfile::tempdir().unwrap();
    let log = dir(root.path()).log_sized(Arc::new(DataSync), 1 << 20, 1 << 20).unwrap();
    let (reader, done) = (log.clone(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let read = scope.spawn(|| {
            let mut stored = 0_u64;
            while !done.load(Ordering::SeqCst) {
                let Some((purged, _)) = reader.bounds().purged else { continue };
                stored += u64::from(!reader.is_cached(purged + 1));
                let found = reader.read(purged + 1, purged + 4, usize::MAX).unwrap();
                assert!((purged + 1..).zip(found).all(|(index, found)| found == record(index, 10_000)));
            }
            stored
        });
        for start in (0..5_000).step_by(50) {
            append_and_wait(&log, (start..start + 50).map(|index| record(index, 10_000)).collect());
            if start > 2_000 {
                log.purge(start - 2_000, Bytes::from_static(b"m")).unwrap();
            }
        }
        done.store(true, Ordering::SeqCst);
        assert!(read.join().unwrap() > 0, "something was read from disk");
    });
}

#[test]
fn after_a_failure_everyone_who_waits_is_told() {
    let root = tempfile::tempdir().unwrap();
    let syncer = Arc::new(TestSync { fail_from: Some(2), ..TestSync::default() });
    let log = dir(root.path()).log_with(syncer.clone()).unwrap();
    syncer.hold(true);
    let (sender, done) = channel();
    let append = |index| {
        let sender = sender.clone();
        log.append(vec![record(index, 3 << 20)], Box::new(move |result| sender.send((index, result.is_ok())).unwrap()));
    };
    // Each is a group of its own: two of them wait in the queue when the first one fails.
    (0..3).for_each(append);
    syncer.hold(false);
    assert_eq!((0..3).map(|_| done.recv_timeout(DEADLINE).unwrap()).collect::<Vec<_>>(), [(0, false), (1, false), (2, false)]);
}

#[test]
fn a_lost_log_is_not_taken_for_a_new_one() {
    let lose: [fn(&std::path::Path); 3] = [
        |log| std::fs::remove_dir_all(log).unwrap(),
        |log| std::fs::read_dir(log).unwrap().for_each(|file| std::fs::remove_file(file.unwrap().path()).unwrap()),
        |log| std::fs::remove_file(log.join("0000000001.segment")).unwrap(),
    ];
    for lose in lose {
        let root = tempfile::tempdir().unwrap();
        append_and_wait(&dir(root.path()).log().unwrap(), vec![record(0, 100)]);
        lose(&root.path().join("log"));
        let error = dir(root.path()).log().err().unwrap();
        assert!(matches!(error, OpenError::LogDamaged { .. }) && !error.refused(), "{error}");
    }
}

#[test]
fn a_log_of_the_old_format_is_refused_and_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let data = dir(root.path());
    std::fs::write(root.path().join("log/db"), b"an older format").unwrap();
    let error = data.log().err().unwrap();
    assert!(matches!(error, OpenError::Version { version: 1, .. }) && error.refused(), "{error}");
}

#[test]
fn looking_at_a_log_writes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let files = || {
        let mut files: Vec<_> = std::fs::read_dir(root.path().join("log")).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        files.into_iter().map(|path| (std::fs::read(&path).unwrap(), path)).collect::<Vec<_>>()
    };
    drop(dir(root.path()).log().unwrap());
    assert!(files().is_empty() && !root.path().join("log.made").exists());
    append_and_wait(&dir(root.path()).log().unwrap(), vec![record(0, 100)]);
    let before = files();
    assert_eq!(dir(root.path()).log().unwrap().read(0, 1, 0).unwrap().len(), 1);
    assert!(before == files());
}
