//! A killed process and a torn file: what was acknowledged is there, or the log refuses to open.
//!
//! The writer that is killed is this test binary again, started with a directory in its environment.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test may panic, and its numbers are small")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use common::history::{is_sold, sold, stamp};
use common::{append_and_wait, record};
use holdfast_inventory::{LogIndex, NodeId};
use holdfast_storage::{DataDir, OpenError, OpenMode};

const CHILD_DIR: &str = "STORAGE_TEST_CHILD_DIR";

/// A child has the locks of this process until it is another program: whoever starts one, or lets a directory go and opens it again,
/// does so alone.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn open(root: &Path) -> DataDir {
    let dir = DataDir::open(root, OpenMode::Create).unwrap();
    dir.start(NodeId(1)).unwrap();
    dir
}

fn payload_bytes(index: u64) -> usize {
    (index as usize * 37) % 9_000
}

/// Not a test of its own: in a child it appends, and prints each index once it is acknowledged, until it is killed.
#[test]
fn child_that_appends_until_it_is_killed() {
    let Some(root) = std::env::var_os(CHILD_DIR) else { return };
    let dir = open(Path::new(&root));
    let (log, orders) = (dir.log().unwrap(), dir.orders().unwrap());
    let mut next = log.bounds().last.map_or(1, |(last, _)| last + 1);
    loop {
        append_and_wait(&log, vec![record(next, payload_bytes(next))]);
        orders.append(LogIndex(next), stamp(next), &sold(next)).unwrap();
        if next.is_multiple_of(16) {
            orders.sync_through(LogIndex(next)).unwrap();
        }
        writeln!(std::io::stderr(), "acknowledged {next}").unwrap();
        next += 1;
    }
}

fn append_and_kill(root: &Path, at_least: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_appends_until_it_is_killed", "--nocapture"])
        .env(CHILD_DIR, root)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut acknowledged = 0;
    let mut killed = false;
    for line in lines.map_while(Result::ok) {
        let Some(index) = line.strip_prefix("acknowledged ").and_then(|index| index.parse().ok()) else { continue };
        acknowledged = index;
        if acknowledged >= at_least && !killed {
            child.kill().unwrap();
            killed = true;
        }
    }
    child.wait().unwrap();
    assert!(killed, "the child ended by itself");
    acknowledged
}

#[test]
fn after_a_kill_every_acknowledged_record_and_synced_order_is_there() {
    let _alone = alone();
    let root = tempfile::tempdir().unwrap();
    for round in 1..=4 {
        let acknowledged = append_and_kill(root.path(), round * 60);
        let dir = open(root.path());
        let log = dir.log().unwrap();
        let last = log.bounds().last.unwrap().0;
        assert!(last >= acknowledged, "acknowledged {acknowledged}, found {last}");
        let records = log.read(1, u64::MAX, usize::MAX).unwrap();
        assert_eq!(records, (1..=last).map(|index| record(index, payload_bytes(index))).collect::<Vec<_>>());
        let orders = dir.orders().unwrap();
        let synced = acknowledged / 16 * 16;
        assert!(orders.durable_index() >= Some(LogIndex(synced)));
        for index in 1..=synced {
            assert!(is_sold(&orders, index, synced), "orders of entry {index}");
        }
        // The node replays the rest from its log.
        for index in 1..=last {
            orders.append(LogIndex(index), stamp(index), &sold(index)).unwrap();
        }
        assert!(orders.missing().is_empty() && (1..=last).all(|index| is_sold(&orders, index, last)));
    }
}

/// Cuts the last segment in steps: everything in it was acknowledged, so a log that became shorter must not open.
#[test]
fn a_torn_tail_of_acknowledged_records_refuses_to_open() {
    let _alone = alone();
    let root = tempfile::tempdir().unwrap();
    let log = open(root.path()).log().unwrap();
    for index in 0..200 {
        append_and_wait(&log, vec![record(index, 2_000)]);
    }
    drop(log);
    let segment = root.path().join("log/0000000001.segment");
    let mut length = std::fs::metadata(&segment).unwrap().len();
    let mut refused = 0;
    while length > 0 {
        length = length.saturating_sub(70_001);
        std::fs::File::options().write(true).open(&segment).unwrap().set_len(length).unwrap();
        match open(root.path()).log() {
            Ok(log) => assert_eq!(log.read(0, u64::MAX, usize::MAX).unwrap().len(), 200),
            Err(error) => {
                assert!(matches!(error, OpenError::LogDamaged { .. }), "{error}");
                refused += 1;
            }
        }
    }
    assert!((5..15).contains(&refused), "the cuts reached the records, and not only them: {refused}");
}
