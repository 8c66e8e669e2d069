//! openraft's own suite, on the log and on the state machine with its snapshot files; and what it does not ask of them.

use std::io;
use std::pin::pin;
use std::sync::{Arc, RwLock};

use futures_util::{FutureExt, Stream, stream};
use holdfast_inventory::*;
use holdfast_storage::{DataDir, Loaded, OpenMode, SnapshotInfo};
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use openraft::testing::log::{StoreBuilder, Suite};
use openraft::vote::RaftLeaderId;
use openraft::{EntryPayload, StorageError};
use tokio::sync::watch;

use crate::Observer;
use crate::alarm::Alarm;
use crate::config::SnapshotPolicy;
use crate::log::Log;
use crate::machine::{Machine, Parts};
use crate::snapshot::SnapshotFile;
use crate::types::{LogEntry, LogId, Payload, TypeConfig, log_index};
use crate::{limits, testing};

struct Deaf;

impl Observer for Deaf {
    fn applied(&self, _batch: Vec<Applied>) {}
    fn installed(&self) {}
}

struct Builder;

impl StoreBuilder<TypeConfig, Log, Machine, tempfile::TempDir> for Builder {
    async fn build(&self) -> Result<(tempfile::TempDir, Log, Machine), StorageError<TypeConfig>> {
        let root = tempfile::tempdir().unwrap();
        let data = DataDir::open(root.path(), OpenMode::Create).unwrap();
        data.start(NodeId(1)).unwrap();
        let log = Log::new(data.log().unwrap());
        let parts = Parts {
            inventory: Arc::new(RwLock::new(Inventory::new())),
            orders: data.orders().unwrap(),
            snapshots: data.snapshots().unwrap(),
            log: log.clone(),
            observer: Arc::new(Deaf),
            progress: watch::Sender::new(LogIndex(0)),
            alarm: Alarm::new(),
            policy: SnapshotPolicy::default(),
        };
        Ok((root, log, Machine::new(parts, None)))
    }
}

#[test]
fn the_stores_do_what_openraft_asks_of_them() {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
        Suite::test_all(Builder).await.unwrap();
    });
}

/// Orders of a session that is not open: they come to nothing, but have to be read and judged.
fn many_orders(bytes: usize) -> Payload {
    let name = "n".repeat(60);
    let order = OrderRequest {
        caller: "".into(),
        key: name.as_str().into(),
        buyer: name.as_str().into(),
        lines: [Line { sku: SkuId(0), units: 1 }].into_iter().collect(),
        confirm: false,
        apply_before: Stamp(u64::MAX),
    };
    let requests = vec![Request::Order(order); bytes / name.len()];
    let batch = Command::Batch(Batch { session: SessionId(99), seq: Seq(1), requests });
    Payload(codec::stamp_entry(Stamp(2_000), &codec::encode(&batch)))
}

fn normal(log_id: LogId, payload: &Payload) -> LogEntry {
    LogEntry { log_id, payload: EntryPayload::Normal(payload.clone()) }
}

fn told(entries: impl IntoIterator<Item = LogEntry>) -> impl Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin {
    stream::iter(entries.into_iter().map(|entry| Ok((entry, None))).collect::<Vec<_>>())
}

#[tokio::test]
async fn between_entries_that_take_long_to_apply_everything_else_has_its_turn() {
    let (_root, _log, mut machine) = Builder.build().await.unwrap();
    let mut entries = testing::history().1;
    let small = entries.len() as u64;
    let ids: Vec<LogId> = (small..small + 3).map(|index| LogId::new(RaftLeaderId::new(1, 1), index)).collect();
    let payload = many_orders(limits::APPLY_BYTES);
    entries.extend(ids.iter().map(|&log_id| normal(log_id, &payload)));
    let progress = machine.parts.progress.subscribe();
    let mut applying = pin!(machine.apply(told(entries)));
    let mut seen = Vec::new();
    while applying.as_mut().now_or_never().is_none() {
        seen.push(*progress.borrow());
    }
    // All small ones at once, with the first large one; then each large one by itself.
    assert_eq!(seen, ids.iter().map(log_index).collect::<Vec<_>>());
}

#[tokio::test]
async fn it_has_its_turn_between_calls_and_chunks_as_well() {
    let (_root, _log, mut machine) = Builder.build().await.unwrap();
    let payload = many_orders(limits::APPLY_BYTES / 40);
    let entries_a_turn = limits::APPLY_BYTES.div_ceil(payload.0.len()) as u64;
    let (mut applied, mut turns) = (0, 0);
    for calls in [1, limits::APPLY_CHUNK as u64 + 1, 1, entries_a_turn] {
        let ids = (applied..applied + calls).map(|index| LogId::new(RaftLeaderId::new(1, 1), index));
        let entries: Vec<LogEntry> = ids.map(|id| normal(id, &payload)).collect();
        let mut applying = pin!(machine.apply(told(entries)));
        while applying.as_mut().now_or_never().is_none() {
            turns += 1;
        }
        applied += calls;
        assert_eq!(turns, applied / entries_a_turn, "of {applied} entries, of which {entries_a_turn} are a turn");
    }
    assert!(turns > 3);
}

#[tokio::test]
async fn what_a_start_has_loaded_is_installed_and_nothing_is_read_for_it() {
    let (_root, _log, mut machine) = Builder.build().await.unwrap();
    let made = machine.get_snapshot_builder().await.build_snapshot().await.unwrap();
    let SnapshotFile::Stored(info) = made.snapshot else { panic!("a snapshot that was made is stored") };
    std::fs::remove_file(&info.path).unwrap();
    let file = || SnapshotFile::Stored(info.clone());
    let loaded = |index| Some(Box::new(Loaded { info: SnapshotInfo { index, ..info.clone() }, value: Inventory::new() }));
    machine.loaded = loaded(info.index + 1);
    assert!(machine.install(&made.meta, file()).await.is_err(), "another's state was taken, or the file read, which is gone");
    machine.loaded = loaded(info.index);
    machine.install(&made.meta, file()).await.unwrap();
    assert!(machine.loaded.is_none());
}

#[test]
fn a_snapshot_that_nobody_waits_for_any_more_is_given_up_and_leaves_nothing() {
    // What may block has one thread, which is held: so the snapshot is given up before it begins.
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (root, _log, mut machine) = Builder.build().await.unwrap();
        let (release, held) = std::sync::mpsc::channel::<()>();
        let holder = tokio::task::spawn_blocking(move || held.recv());
        assert!(machine.get_snapshot_builder().await.build_snapshot().now_or_never().is_none());
        release.send(()).unwrap();
        holder.await.unwrap().unwrap();
        tokio::task::spawn_blocking(|| ()).await.unwrap();

        assert_eq!(machine.parts.snapshots.newest(), None);
        assert_eq!(std::fs::read_dir(root.path().join("snapshots")).unwrap().count(), 0);
        machine.get_snapshot_builder().await.build_snapshot().await.unwrap();
        assert!(machine.parts.snapshots.newest().is_some());
    });
}
