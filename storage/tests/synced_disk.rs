//! What was called durable is there after a power cut at that very moment, on a disk that keeps nothing else.
//!
//! With the feature `planted-bugs` the same is asked of stores with one bug at a time, each of which must be caught by the promise
//! that it breaks. `power_cut.rs` asks it of a real file system.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test may panic, and its numbers are small")]

mod common;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;

use bytes::Bytes;
use common::history::{accepted, at, order, stamp};
use common::record;
use common::synced_disk::SyncedDisk;
use holdfast_inventory::{LogIndex, NodeId};
use holdfast_storage::{Completion, DataDir, DataSync, Disk, LogStore, OpenMode};
use tempfile::TempDir;

/// Segments so small that a few groups fill one.
const SEGMENT_BYTES: u64 = 8 << 10;

/// A data directory on a disk whose power can be cut, and the copies that the cuts left.
struct Rig {
    root: TempDir,
    disk: SyncedDisk,
    data: DataDir,
    cuts: u32,
}

impl Rig {
    fn new() -> Self {
        let (root, disk) = (tempfile::tempdir().unwrap(), SyncedDisk::default());
        let data = DataDir::open(&root.path().join("data"), OpenMode::Create).unwrap();
        let data = data.on_disk(Disk { syncer: Arc::new(disk.clone()), ..Disk::default() });
        data.start(NodeId(1)).unwrap();
        Self { root, disk, data, cuts: 0 }
    }

    fn log(&self) -> LogStore {
        log_of(&self.data, Arc::new(self.disk.clone()))
    }

    fn next_cut(&mut self) -> PathBuf {
        self.cuts += 1;
        self.root.path().join(format!("cut-{}", self.cuts))
    }

    /// Cuts the power; gives what is left.
    fn cut(&mut self) -> DataDir {
        let to = self.next_cut();
        self.disk.cut(self.data.path(), &to);
        DataDir::open(&to, OpenMode::Existing).unwrap()
    }

    /// Cuts the power in the moment in which `write` is called durable; gives the log that is left.
    fn log_cut_when_durable(&mut self, write: impl FnOnce(Completion)) -> LogStore {
        let (to, (sender, done)) = (self.next_cut(), channel());
        let (disk, from, copy) = (self.disk.clone(), self.data.path().to_owned(), to.clone());
        write(Box::new(move |result| {
            disk.cut(&from, &copy);
            sender.send(result).unwrap();
        }));
        done.recv().expect("every completion is called").expect("a healthy log");
        log_of(&DataDir::open(&to, OpenMode::Existing).unwrap(), Arc::new(DataSync))
    }
}

fn log_of(data: &DataDir, syncer: Arc<dyn holdfast_storage::Syncer>) -> LogStore {
    data.log_sized(syncer, SEGMENT_BYTES, SEGMENT_BYTES).unwrap()
}

/// Records, also those in place of others that were taken back, and before a purge.
fn records_that_are_durable_are_there() {
    let mut rig = Rig::new();
    let log = rig.log();
    for index in 1..=24 {
        let left = rig.log_cut_when_durable(|done| log.append(vec![record(index, 700)], done));
        assert_eq!(left.read(1, u64::MAX, usize::MAX).unwrap(), (1..=index).map(|index| record(index, 700)).collect::<Vec<_>>());
    }
    log.truncate_after(Some(20)).unwrap();
    let left = rig.log_cut_when_durable(|done| log.append(vec![record(21, 90)], done));
    assert_eq!(left.read(20, u64::MAX, usize::MAX).unwrap(), [record(20, 700), record(21, 90)]);
    log.purge(15, Bytes::from_static(b"mark")).unwrap();
    let left = rig.log_cut_when_durable(|done| log.append(vec![record(22, 90)], done));
    assert_eq!(left.bounds().purged, Some((15, Bytes::from_static(b"mark"))));
    assert_eq!(left.read(16, u64::MAX, usize::MAX).unwrap().len(), 7);
}

/// Votes, also where a new segment begins, which repeats what must be remembered.
fn a_vote_that_is_durable_is_the_one_that_counts() {
    let mut rig = Rig::new();
    let log = rig.log();
    for term in 0..40_u64 {
        let vote = Bytes::from(term.to_le_bytes().to_vec());
        let left = rig.log_cut_when_durable(|done| log.save_vote(vote.clone(), done));
        assert_eq!(left.vote(), Some(vote), "term {term}");
    }
}

/// History up to the index that the order log tells: behind it the Raft log may be purged.
fn orders_that_are_durable_are_there() {
    let mut rig = Rig::new();
    let orders = rig.data.orders().unwrap();
    rig.disk.trust(rig.data.path());
    for last in [20, 40, 60] {
        for index in last - 19..=last {
            orders.append(LogIndex(index), stamp(index), &[accepted(order(at(index, 0), "ann", &[1], None))]).unwrap();
        }
        orders.sync_through(LogIndex(last)).unwrap();
        assert!(orders.durable_index() >= Some(LogIndex(last)));
        let left = rig.cut().orders().unwrap();
        assert!(!left.was_reset() && left.durable_index() >= Some(LogIndex(last)), "{last}, found {:?}", left.durable_index());
        for index in 1..=last {
            assert!(left.order(at(index, 0)).unwrap().is_some(), "the order of entry {index}, of {last}");
        }
    }
}

#[cfg(not(feature = "planted-bugs"))]
#[test]
fn what_is_called_durable_outlives_a_power_cut() {
    records_that_are_durable_are_there();
    a_vote_that_is_durable_is_the_one_that_counts();
    orders_that_are_durable_are_there();
}

#[cfg(feature = "planted-bugs")]
#[test]
fn every_planted_bug_is_caught_by_the_promise_that_it_breaks() {
    use holdfast_inventory::planted::not_caught;
    use holdfast_storage::planted::{Planted, plant};

    let promises: [(Planted, fn()); 8] = [
        (Planted::LogNotSynced, records_that_are_durable_are_there),
        (Planted::AcknowledgeBeforeSync, records_that_are_durable_are_there),
        (Planted::TruncationNotWritten, records_that_are_durable_are_there),
        (Planted::LogNotSynced, a_vote_that_is_durable_is_the_one_that_counts),
        (Planted::VoteBeforeSync, a_vote_that_is_durable_is_the_one_that_counts),
        (Planted::OldVoteBehindNewer, a_vote_that_is_durable_is_the_one_that_counts),
        (Planted::OrdersNotSynced, orders_that_are_durable_are_there),
        (Planted::OrdersDurableUnflushed, orders_that_are_durable_are_there),
    ];
    assert_eq!(not_caught(plant, &promises), []);
}
