//! Snapshots: made off the apply path from a cheap copy of the state, installed from a file.

use std::io;
use std::sync::PoisonError;

use holdfast_inventory::{Inventory, LogIndex, SnapshotChunks, SnapshotError, SnapshotReader};
use holdfast_storage::{Loaded, OrderLog, SnapshotInfo, SnapshotReader as StoredReader, SnapshotReceiver, Snapshots};
use openraft::alias::SnapshotOf;
use openraft::storage::RaftSnapshotBuilder;
use tokio_util::sync::CancellationToken;

use crate::alarm::Alarm;
use crate::blocking::blocking;
use crate::machine::Machine;
use crate::mirror::{SnapshotMetaV1, from_disk, to_disk};
use crate::planted::{self, Planted};
use crate::types::{LogId, SnapshotMeta, StoredMembership, TypeConfig, log_index};

/// A snapshot as openraft carries it: a file, never its bytes.
#[derive(Debug)]
pub(crate) enum SnapshotFile {
    /// Complete in a snapshot directory.
    Stored(SnapshotInfo),
    /// Received whole from a peer; not visible before the log agrees to it.
    Received(Box<SnapshotReceiver>),
}

/// Makes one snapshot.
pub(crate) struct SnapshotBuilder {
    chunks: Option<SnapshotChunks>,
    last: Option<LogId>,
    membership: StoredMembership,
    orders: OrderLog,
    snapshots: Snapshots,
    alarm: Alarm,
}

impl SnapshotBuilder {
    /// Copies the state as it is now; later entries do not reach the copy.
    pub(crate) fn new(machine: &Machine) -> Self {
        let inventory = machine.parts.inventory.read().unwrap_or_else(PoisonError::into_inner).clone();
        Self {
            chunks: Some(inventory.into_snapshot()),
            last: machine.last,
            membership: machine.membership.clone(),
            orders: machine.parts.orders.clone(),
            snapshots: machine.parts.snapshots.clone(),
            alarm: machine.parts.alarm.clone(),
        }
    }
}

impl RaftSnapshotBuilder<TypeConfig> for SnapshotBuilder {
    type SnapshotData = SnapshotFile;

    async fn build_snapshot(&mut self) -> io::Result<SnapshotOf<TypeConfig, SnapshotFile>> {
        let chunks = self.chunks.take().ok_or_else(|| io::Error::other("a snapshot is built once"))?;
        let meta = SnapshotMeta { last_log_id: self.last, last_membership: self.membership.clone() };
        let stored_meta = to_disk(&SnapshotMetaV1::from(&meta));
        let (orders, snapshots, last) = (self.orders.clone(), self.snapshots.clone(), self.last);
        let given_up = CancellationToken::new();
        // Dropped with this future, when the node stops: nobody would see the snapshot.
        let _gives_up = given_up.clone().drop_guard();
        let info = blocking(move || {
            // The log is purged behind a snapshot, and could then never again give the order log what it lacks: history
            // up to here is durable before the snapshot can be seen.
            if let Some(last) = last.as_ref().filter(|_| !planted::is(Planted::SnapshotBeforeOrders)) {
                orders.sync_through(log_index(last))?;
            }
            let (index, term) = last.map_or((LogIndex(0), 0), |last| (log_index(&last), last.committed_leader_id().term));
            let mut writer = snapshots.writer(index.0, term, stored_meta)?;
            for chunk in chunks {
                writer.chunk(&chunk)?;
                if given_up.is_cancelled() {
                    return Err(io::Error::other("the node stops"));
                }
            }
            writer.finish()
        })
        .await?
        // openraft stops on it too, in words of its own.
        .inspect_err(|error| self.alarm.fault(format!("snapshot: {error}")))?;
        Ok(SnapshotOf::<TypeConfig, SnapshotFile> { meta, snapshot: SnapshotFile::Stored(info) })
    }
}

/// The newest good snapshot of a directory.
pub(crate) fn newest(snapshots: &Snapshots) -> io::Result<Option<SnapshotOf<TypeConfig, SnapshotFile>>> {
    let Some(info) = snapshots.newest() else { return Ok(None) };
    let meta: SnapshotMetaV1 = from_disk(&info.meta).map_err(io::Error::other)?;
    Ok(Some(SnapshotOf::<TypeConfig, SnapshotFile> { meta: meta.into(), snapshot: SnapshotFile::Stored(info) }))
}

impl Machine {
    /// Replaces the state. The file is durable and visible, and the gap in the order log recorded, before the state
    /// changes; a crash in between is mended at the next start, which comes here again with the stored file.
    pub(crate) async fn install(&mut self, meta: &SnapshotMeta, file: SnapshotFile) -> io::Result<()> {
        // openraft has cut off a log that contradicts the snapshot. That must be durable before the snapshot is seen: a
        // start that finds the snapshot beside the old log would take the two for corruption.
        self.parts.log.barrier().await?;
        let (snapshots, orders) = (self.parts.snapshots.clone(), self.parts.orders.clone());
        let index = meta.last_log_id.as_ref().map(log_index);
        let is_received = matches!(file, SnapshotFile::Received(_));
        let loaded = self.loaded.take();
        let inventory = blocking(move || {
            let inventory = settle(&snapshots, file, loaded)?;
            match index {
                Some(index) => orders.jump_to(index).map(|()| inventory),
                None => Ok(inventory),
            }
        })
        .await??;
        // The old state is freed after the lock is: that may take long.
        let before = std::mem::replace(&mut *self.parts.inventory.write().unwrap_or_else(PoisonError::into_inner), inventory);
        tokio::spawn(blocking(move || drop(before)));
        self.last = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        if is_received {
            tracing::info!(index = index.unwrap_or_default().0, "snapshot installed: this node had fallen behind the leader's log");
        }
        self.parts.observer.installed();
        self.parts.progress.send_replace(index.unwrap_or_default());
        Ok(())
    }
}

/// Makes a file this directory's own, durable and visible; the state in it, which `loaded` may be.
fn settle(snapshots: &Snapshots, file: SnapshotFile, loaded: Option<Box<Loaded<Inventory>>>) -> io::Result<Inventory> {
    match file {
        SnapshotFile::Received(receiver) => receiver.finish(read_state).map(|made| made.value),
        SnapshotFile::Stored(info) if snapshots.newest().as_ref() == Some(&info) => match loaded {
            Some(loaded) if loaded.info == info => Ok(loaded.value),
            _ => load(snapshots, &info),
        },
        SnapshotFile::Stored(info) => {
            let mut receiver = snapshots.receiver()?;
            copy(&mut info.open_raw()?, &mut receiver)?;
            receiver.finish(read_state).map(|made| made.value)
        }
    }
}

fn copy(from: &mut impl io::Read, to: &mut SnapshotReceiver) -> io::Result<()> {
    let mut part = vec![0; crate::limits::SNAPSHOT_PART_BYTES];
    loop {
        match from.read(&mut part)? {
            0 => return Ok(()),
            filled => to.write(&part[..filled])?,
        }
    }
}

/// The state in a snapshot file.
pub(crate) fn load(snapshots: &Snapshots, info: &SnapshotInfo) -> io::Result<Inventory> {
    read_state(&mut snapshots.reader(info)?)
}

/// The state in what is left of a file. Chunks that are whole and don't make a state are not damage of the disk: the error is of another
/// kind.
pub(crate) fn read_state(chunks: &mut StoredReader) -> io::Result<Inventory> {
    let mut reader = SnapshotReader::new();
    for chunk in chunks {
        reader.push(&chunk?).map_err(no_state)?;
    }
    reader.finish().map_err(no_state)
}

fn no_state(error: SnapshotError) -> io::Error {
    let kind = if matches!(error, SnapshotError::Version(_)) { io::ErrorKind::Unsupported } else { io::ErrorKind::Other };
    io::Error::new(kind, error)
}
