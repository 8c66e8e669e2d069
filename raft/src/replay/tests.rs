//! Directories as crashes, operators and lies leave them.

use holdfast_inventory::Applied;
use holdfast_storage::{ClusterId, OpenMode, Roster};

use super::*;
use crate::log::to_record;
use crate::mirror::{LogIdV1, to_disk};
use crate::testing;

/// A directory as a crash leaves it: the mark of each entry comes with the next one's append; the order log has what `told` tells.
fn crashed(root: &tempfile::TempDir, log: &[LogEntry], told: &[Applied]) -> DataDir {
    let data = DataDir::open(&root.path().join("data"), OpenMode::Create).unwrap();
    data.start(NodeId(1)).unwrap();
    let (store, orders) = (data.log().unwrap(), data.orders().unwrap());
    let mut before = None;
    for entry in log {
        store.save_committed(to_disk(&before));
        store.append(vec![to_record(entry)], Box::new(|written| written.unwrap()));
        before = Some(LogIdV1::from(&entry.log_id));
    }
    for told in told {
        orders.append(told.index, told.stamp, &told.events).unwrap();
    }
    data
}

#[test]
fn an_order_log_that_a_crash_left_ahead_of_the_mark_is_sound() {
    let (_, log, told) = testing::history();
    let root = tempfile::tempdir().unwrap();
    // The last entry confirms an order.
    let data = crashed(&root, &log[..7], &told[..7]);
    assert_eq!(committed_in(&data.log().unwrap()).unwrap(), Some(5), "the mark is one entry behind");
    let replay = replay(&data).unwrap();
    assert_eq!((replay.inventory.last_index(), replay.entries), (LogIndex(7), 7));
    let orders = &replay.history.ledger().unwrap().orders;
    assert_eq!(*orders, [("confirmed", 1), ("held", 1)].into());
}

#[test]
fn an_order_log_that_a_crash_left_ahead_of_the_log_is_sound_as_far_as_the_log_goes() {
    let (_, log, told) = testing::history();
    let root = tempfile::tempdir().unwrap();
    let replay = replay(&crashed(&root, &log[..6], &told[..7])).unwrap();
    assert_eq!(replay.inventory.last_index(), LogIndex(6));
    assert!(matches!(replay.history, History::Ahead(LogIndex(7))), "it was added up");
}

#[test]
fn a_log_that_ends_before_its_mark_is_told_with_the_entry_that_it_lacks() {
    let (_, log, _) = testing::history();
    let root = tempfile::tempdir().unwrap();
    let data = crashed(&root, &log[..3], &[]);
    let store = data.log().unwrap();
    store.save_committed(to_disk(&Some(LogIdV1::from(&log[7].log_id))));
    store.append(vec![to_record(&log[3])], Box::new(|written| written.unwrap()));
    drop(store);
    let Err(error) = replay(&data) else { panic!("not told") };
    assert!(matches!(error, ReplayError::Contradiction { index: 5, .. }), "{error}");
}

#[test]
fn a_lie_in_the_order_log_after_the_mark_is_told() {
    let (_, log, mut told) = testing::history();
    told[6].events.clear();
    let root = tempfile::tempdir().unwrap();
    let Err(error) = replay(&crashed(&root, &log[..7], &told[..7])) else { panic!("not told") };
    assert!(error.to_string().contains("its events of index 7"), "{error}");
}

/// Gives the directory the snapshot that came of the first `index` entries, as made here or as copied from a peer.
fn add_snapshot(data: &DataDir, log: &[LogEntry], index: usize) {
    let root = tempfile::tempdir().unwrap();
    let state = replay(&crashed(&root, &log[..=index], &[])).unwrap().inventory;
    assert_eq!(state.last_index(), LogIndex(index as u64));
    let mut writer = data.snapshots().unwrap().writer(index as u64, 1, b"").unwrap();
    state.into_snapshot().for_each(|chunk| writer.chunk(&chunk).unwrap());
    writer.finish().unwrap();
}

#[test]
fn a_snapshot_ahead_of_history_is_no_damage_and_history_is_told_to_be_behind() {
    let (_, log, told) = testing::history();
    // The log reaches past the snapshot, up to it, and not so far.
    for (entries, last) in [(8, 7), (6, 6), (3, 6)] {
        let root = tempfile::tempdir().unwrap();
        let data = crashed(&root, &log[..entries], &told[..3]);
        add_snapshot(&data, &log, 6);
        let replay = replay(&data).unwrap();
        assert!(matches!(replay.history, History::Behind { reached: Some(LogIndex(3)), snapshot: LogIndex(6) }));
        assert_eq!((replay.inventory.last_index(), replay.passed_snapshot), (LogIndex(last), entries == 8));
        let orders = data.orders().unwrap();
        assert_eq!(orders.missing()[0].through, LogIndex(6), "a start would note it");
    }
}

#[test]
fn an_order_log_that_ends_before_entries_that_the_log_let_go_of_is_damaged() {
    let (_, log, told) = testing::history();
    for (reached, is_damaged) in [(5, true), (6, false)] {
        let root = tempfile::tempdir().unwrap();
        let data = crashed(&root, &log, &told[..reached]);
        add_snapshot(&data, &log, 7);
        data.log().unwrap().purge(5, to_disk(&LogIdV1::from(&log[5].log_id))).unwrap();
        match replay(&data) {
            Ok(replay) => assert!(!is_damaged && matches!(replay.history, History::Behind { .. })),
            Err(error) => assert!(is_damaged && error.to_string().contains("reaches index 5, and had reached index 6"), "{error}"),
        }
    }
}

#[test]
fn in_a_cluster_of_one_history_was_there_before_the_snapshot() {
    let (_, log, told) = testing::history();
    let root = tempfile::tempdir().unwrap();
    let data = crashed(&root, &log, &told[..3]);
    add_snapshot(&data, &log, 6);
    let mut identity = data.start(NodeId(1)).unwrap();
    let roster = Roster { cluster: ClusterId(5), members: [(NodeId(1), identity.disk)].into() };
    data.set_roster(&mut identity, roster).unwrap();
    let Err(error) = replay(&data) else { panic!("not told") };
    assert!(error.to_string().contains("reaches index 3, and had reached index 6"), "{error}");
}

#[test]
fn a_gap_between_the_snapshots_and_the_log_is_told_as_a_start_tells_it() {
    let (_, log, told) = testing::history();
    let root = tempfile::tempdir().unwrap();
    let data = crashed(&root, &log, &told);
    data.log().unwrap().purge(5, to_disk(&LogIdV1::from(&log[5].log_id))).unwrap();
    let Err(ReplayError::Start(error)) = replay(&data) else { panic!("not told") };
    assert!(error.to_string().contains("goes on to entry 7, where the log begins"), "{error}");
}
