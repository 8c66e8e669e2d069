//! The state machine: applies committed entries to the inventory, writes history, tells the observer.
//!
//! Order for each part of what is ready: the state (one lock per entry, so that readers never wait for more than one batch),
//! then the order log's memory, then the observer, then the proposers. Nothing of it is durable by itself: after a crash
//! the newest snapshot and the log give the same again, and the order log skips what it already has.
//!
//! An entry that does not decode, or on which the state's own assertions fail, stops the node: skipped here and applied
//! elsewhere, it would split the replicas.

use std::borrow::Cow;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::{Stream, StreamExt};
use holdfast_inventory::{Applied, Entry, Inventory, LogIndex, NodeId, codec};
use holdfast_storage::{Loaded, OrderLog, Snapshots, abort};
use openraft::storage::{EntryResponder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend};
use tokio::sync::watch;

use crate::alarm::Alarm;
use crate::config::SnapshotPolicy;
use crate::log::Log;
use crate::snapshot::{SnapshotBuilder, SnapshotFile};
use crate::types::{LogEntry, LogId, Response, SnapshotMeta, StoredMembership, TypeConfig, log_index};
use crate::{Observer, blocking, limits, trim};

/// What the machine works on; shared with the handle.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) inventory: Arc<RwLock<Inventory>>,
    pub(crate) orders: OrderLog,
    pub(crate) snapshots: Snapshots,
    pub(crate) log: Log,
    pub(crate) observer: Arc<dyn Observer>,
    /// Last index in the state.
    pub(crate) progress: watch::Sender<LogIndex>,
    pub(crate) alarm: Alarm,
    pub(crate) policy: SnapshotPolicy,
}

/// Committed entries that are ready together.
type Chunk = std::vec::IntoIter<io::Result<EntryResponder<TypeConfig>>>;

/// The state machine.
pub(crate) struct Machine {
    pub(crate) parts: Parts,
    pub(crate) last: Option<LogId>,
    pub(crate) membership: StoredMembership,
    /// Bytes applied, by the measure of [`limits::APPLY_BYTES`], since everything else had its turn.
    applied_bytes: usize,
    /// The state of the newest snapshot of a start, read while it was checked.
    pub(crate) loaded: Option<Box<Loaded<Inventory>>>,
}

impl Machine {
    /// Of no state; `loaded` is at hand when consensus installs the snapshot that it was read from.
    pub(crate) fn new(parts: Parts, loaded: Option<Box<Loaded<Inventory>>>) -> Self {
        Self { parts, last: None, membership: StoredMembership::default(), applied_bytes: 0, loaded }
    }

    /// Notes a fault that ends the node, and gives it to openraft, which stops on it.
    pub(crate) fn fault(&self, what: &str, error: impl std::fmt::Display) -> io::Error {
        let reason = format!("{what}: {error}");
        self.parts.alarm.fault(reason.clone());
        io::Error::other(reason)
    }

    fn apply_entry(&mut self, entry: &LogEntry) -> io::Result<Applied> {
        let index = log_index(&entry.log_id);
        let change = match &entry.payload {
            EntryPayload::Blank => Entry::Blank,
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(entry.log_id), membership.clone());
                Entry::Members(Cow::Owned(membership.nodes().map(|(id, _)| NodeId(*id)).collect()))
            }
            EntryPayload::Normal(payload) => {
                let (stamp, command) = codec::read_entry(&payload.0).map_err(|error| self.fault(&format!("log entry {index}"), error))?;
                Entry::Command(stamp, command)
            }
        };
        let applied =
            catch_unwind(AssertUnwindSafe(|| self.parts.inventory.write().unwrap_or_else(PoisonError::into_inner).apply(index, &change)))
                .map_err(|_| self.fault(&format!("log entry {index}"), "the state contradicts itself"))?;
        self.last = Some(entry.log_id);
        Ok(applied)
    }

    /// Applies entries from the front of `chunk`, until it is empty or something else is to have its turn.
    fn apply_front(&mut self, chunk: &mut Chunk) -> io::Result<()> {
        let mut batch = Vec::with_capacity(chunk.len());
        let mut waiting = Vec::new();
        for item in chunk.by_ref() {
            let (entry, responder) = item?;
            abort::point("apply");
            let applied = self.apply_entry(&entry)?;
            self.applied_bytes += payload_bytes(&entry) + limits::APPLY_EVENT_BYTES * applied.events.len();
            if let Some(responder) = responder {
                let response = Response { index: applied.index, stamp: applied.stamp, outcome: applied.outcome.clone() };
                waiting.push((responder, response));
            }
            batch.push(applied);
            if self.is_turn_over() {
                break;
            }
        }
        self.publish(batch)?;
        abort::point("applied");
        for (responder, response) in waiting {
            responder.send(response);
        }
        Ok(())
    }

    /// Waits, with no thread of those that answer, for room in the order log: its disk may stand still.
    async fn room_for_history(&self) -> io::Result<()> {
        if self.parts.orders.has_room() {
            return Ok(());
        }
        let orders = self.parts.orders.clone();
        blocking(move || orders.wait_for_room()).await?.map_err(|error| self.fault("order log", error))
    }

    fn is_turn_over(&self) -> bool {
        self.applied_bytes >= limits::APPLY_BYTES
    }

    fn publish(&self, batch: Vec<Applied>) -> io::Result<()> {
        for applied in &batch {
            self.parts.orders.append(applied.index, applied.stamp, &applied.events).map_err(|error| self.fault("order log", error))?;
        }
        let last = batch.last().map(|applied| applied.index);
        self.parts.observer.applied(batch);
        if let Some(last) = last {
            self.parts.progress.send_replace(last);
        }
        Ok(())
    }
}

fn payload_bytes(entry: &LogEntry) -> usize {
    match &entry.payload {
        EntryPayload::Normal(payload) => payload.0.len(),
        EntryPayload::Blank | EntryPayload::Membership(_) => 0,
    }
}

impl RaftStateMachine<TypeConfig> for Machine {
    type SnapshotData = SnapshotFile;
    type SnapshotBuilder = SnapshotBuilder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.last, self.membership.clone()))
    }

    async fn apply<S>(&mut self, entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        let mut chunks = entries.ready_chunks(limits::APPLY_CHUNK);
        while let Some(chunk) = chunks.next().await {
            let mut chunk = chunk.into_iter();
            while chunk.len() > 0 {
                self.room_for_history().await?;
                self.apply_front(&mut chunk)?;
                if self.is_turn_over() {
                    // Where one thread runs the whole node, heartbeats and their answers wait for it.
                    self.applied_bytes = 0;
                    tokio::task::yield_now().await;
                }
            }
        }
        Ok(())
    }

    async fn try_create_snapshot_builder(&mut self, force: bool) -> Option<SnapshotBuilder> {
        let is_early = !force && trim::is_early(self.parts.log.store(), &self.parts.snapshots, self.parts.policy);
        (!is_early).then(|| SnapshotBuilder::new(self))
    }

    async fn get_snapshot_builder(&mut self) -> SnapshotBuilder {
        SnapshotBuilder::new(self)
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, file: SnapshotFile) -> io::Result<()> {
        self.install(meta, file).await.map_err(|error| self.fault("snapshot", error))
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<openraft::alias::SnapshotOf<TypeConfig, SnapshotFile>>> {
        crate::snapshot::newest(&self.parts.snapshots)
    }
}
