//! The Raft log against the obvious model: a map from index to record, under random operations and restarts, in segments so small that
//! most operations open one.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test may panic, and its numbers are small")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use common::{append_and_wait, record, wait};
use holdfast_inventory::NodeId;
use holdfast_storage::{DataDir, DataSync, LogRecord, LogStore, OpenMode};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Operation {
    Append { count: u64, bytes: usize },
    Truncate { back: u64 },
    Purge { ahead: u64 },
    Vote(u8),
    Committed(u8),
    Read { from: u64, count: u64, max_bytes: usize },
    Restart,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        5 => (1..40_u64, 0..9_000_usize).prop_map(|(count, bytes)| Operation::Append { count, bytes }),
        2 => (0..60_u64).prop_map(|back| Operation::Truncate { back }),
        2 => (0..50_u64).prop_map(|ahead| Operation::Purge { ahead }),
        1 => any::<u8>().prop_map(Operation::Vote),
        1 => any::<u8>().prop_map(Operation::Committed),
        4 => (0..400_u64, 0..50_u64, 0..50_000_usize).prop_map(|(from, count, max_bytes)| Operation::Read { from, count, max_bytes }),
        1 => Just(Operation::Restart),
    ]
}

#[derive(Default)]
struct Model {
    records: BTreeMap<u64, LogRecord>,
    purged: Option<u64>,
    vote: Option<Bytes>,
    committed: Option<Bytes>,
}

impl Model {
    fn next(&self) -> u64 {
        self.records.keys().next_back().copied().or(self.purged).map_or(0, |last| last + 1)
    }
}

fn open(root: &std::path::Path) -> LogStore {
    let dir = DataDir::open(root, OpenMode::Create).unwrap();
    dir.start(NodeId(1)).unwrap();
    dir.log_sized(Arc::new(DataSync), 2_048, 32_768).unwrap()
}

fn check(log: &LogStore, model: &Model) {
    let bounds = log.bounds();
    assert_eq!(bounds.purged.map(|(index, _)| index), model.purged);
    assert_eq!(bounds.last.map(|(index, _)| index), model.records.keys().next_back().copied());
    assert_eq!((log.vote(), log.committed()), (model.vote.clone(), model.committed.clone()));
}

fn apply(log: &mut Option<LogStore>, root: &std::path::Path, model: &mut Model, operation: &Operation) {
    let now = log.as_ref().unwrap();
    match *operation {
        Operation::Append { count, bytes } => {
            let records: Vec<_> = (model.next()..model.next() + count).map(|index| record(index, bytes)).collect();
            append_and_wait(now, records.clone());
            model.records.extend(records.into_iter().map(|record| (record.index, record)));
        }
        Operation::Truncate { back } => {
            let keep = model.next().checked_sub(back + 1).max(model.purged);
            now.truncate_after(keep).unwrap();
            model.records.retain(|index, _| keep.is_some_and(|keep| *index <= keep));
        }
        Operation::Purge { ahead } => {
            let upto = model.purged.map_or(0, |purged| purged + 1) + ahead;
            now.purge(upto, Bytes::from_static(b"marker")).unwrap();
            model.records.retain(|index, _| *index > upto);
            model.purged = Some(upto);
        }
        Operation::Vote(vote) => {
            wait(|done| now.save_vote(Bytes::from(vec![vote]), done)).unwrap();
            model.vote = Some(Bytes::from(vec![vote]));
        }
        Operation::Committed(committed) => {
            now.save_committed(Bytes::from(vec![committed]));
            model.committed = Some(Bytes::from(vec![committed]));
        }
        Operation::Read { from, count, max_bytes } => {
            let read = now.read(from, from + count, max_bytes).unwrap();
            let expected: Vec<_> = model.records.range(from..from + count).map(|(_, record)| record.clone()).collect();
            let starts = expected.first().is_some_and(|first| first.index == from);
            assert_eq!(read.is_empty(), !starts, "from {from}");
            assert_eq!(read[..], expected[..read.len()]);
        }
        Operation::Restart => {
            drop(log.take());
            *log = Some(open(root));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_log_is_a_map_with_two_ends(operations in proptest::collection::vec(operation(), 1..40)) {
        let root = tempfile::tempdir().unwrap();
        let (mut log, mut model) = (Some(open(root.path())), Model::default());
        for operation in operations.iter().chain([&Operation::Restart]) {
            apply(&mut log, root.path(), &mut model, operation);
            check(log.as_ref().unwrap(), &model);
        }
        let all = log.unwrap().read(model.records.keys().next().copied().unwrap_or(0), u64::MAX, usize::MAX).unwrap();
        prop_assert_eq!(all, model.records.into_values().collect::<Vec<_>>());
    }
}
