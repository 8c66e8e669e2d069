//! History of orders on disk: every applied entry's events as pages, found by order, listed by SKU and buyer, followed by place.
//!
//! An entry is encoded into memory and readable at once; the writer's thread gathers entries and writes them in small
//! batches. Nothing is synced before someone asks ([`OrderLog::sync_through`]): until then the Raft log has the entries.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use holdfast_inventory::{Event, EventKind, LogIndex, OrderRef, Stamp, StatusAt};

use crate::dir_lock::DirLock;
use crate::engine::{Engine, Slice};
use crate::limits::{ORDER_GATHER_BYTES, POISON_LOOK_MS};
use crate::memtable::Memtable;
use crate::order_keys::{after, page_key};
use crate::page_writer::recover;
use crate::pages::{Page, Put, puts_of};
use crate::poison::Poison;
use crate::statuses::StatusReader;
use crate::watchdog::Watchdog;
use crate::workers::{Bell, start_page_writer};
use crate::{Changes, Disk, ListPage, Missing, OpenError, PageBlock, Place, Query, StoredOrder, Syncer};

/// The order log. A cheap handle; the last one dropped writes what is gathered and ends the writer's thread.
#[derive(Clone)]
pub struct OrderLog {
    handle: Arc<Handle>,
}

struct Handle {
    core: Arc<OrderCore>,
    writer: Option<JoinHandle<()>>,
}

/// What the handles and the writer share.
pub(crate) struct OrderCore {
    pub(crate) engine: Engine,
    pub(crate) poison: Arc<Poison>,
    pub(crate) watchdog: Watchdog,
    memtable: Mutex<Memtable>,
    /// Wakes the writer.
    pub(crate) filled: Bell,
    /// Wakes those who wait for room or for a sync.
    pub(crate) progress: Condvar,
    was_reset: bool,
    _lock: Arc<DirLock>,
}

impl OrderLog {
    pub(crate) fn open(dir: &Path, disk: &Disk, lock: Arc<DirLock>) -> Result<Self, OpenError> {
        let (engine, memtable, was_reset) = match open_database(dir, &disk.syncer) {
            Ok((engine, memtable)) => (engine, memtable, false),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                set_aside(dir, &error)?;
                let (engine, memtable) = open_database(dir, &disk.syncer).map_err(OpenError::io(dir))?;
                (engine, memtable, true)
            }
            Err(error) => return Err(OpenError::io(dir)(error)),
        };
        let (poison, fault) = (Arc::new(Poison::new(dir)), engine.fault());
        let watchdog = Watchdog::start(disk.stall_limit, &poison, move || fault.check()).map_err(OpenError::io(dir))?;
        let core = Arc::new(OrderCore {
            engine,
            poison,
            watchdog,
            memtable: Mutex::new(memtable),
            filled: Bell::new(),
            progress: Condvar::new(),
            was_reset,
            _lock: lock,
        });
        let writer = start_page_writer(&core).map_err(OpenError::io(dir))?;
        Ok(Self { handle: Arc::new(Handle { core, writer }) })
    }

    /// Adds the events of one applied entry; call it for **every** entry, in order, also for those without events. Readable
    /// when this returns. An entry that is already there (replay after a restart) is skipped; a gap before it is recorded as
    /// missing. Encodes into memory and never waits: who appends faster than the disk writes waits for room first.
    pub fn append(&self, index: LogIndex, stamp: Stamp, events: &[Event]) -> io::Result<()> {
        let core = &self.handle.core;
        core.poison.check()?;
        if core.memtable().appended >= Some(index) {
            return Ok(());
        }
        let puts = puts_of(index, stamp, events);
        let mut memtable = core.memtable();
        let was_clean = !memtable.is_dirty();
        memtable.miss_before(index);
        puts.items.into_iter().for_each(|put| memtable.put(put));
        puts.marks.into_iter().for_each(|(page, skus)| memtable.put_marks(page, skus));
        puts.statuses.into_iter().for_each(|(order, status)| memtable.put_status(order, status));
        memtable.appended = Some(index);
        if was_clean || memtable.active_bytes() > ORDER_GATHER_BYTES || memtable.is_sync_due() {
            core.filled.notify_one();
        }
        Ok(())
    }

    /// Whether less is unwritten than may be.
    pub fn has_room(&self) -> bool {
        self.handle.core.memtable().has_room()
    }

    /// Blocks until [`has_room`](Self::has_room), or until the log has failed.
    pub fn wait_for_room(&self) -> io::Result<()> {
        self.handle.core.wait_for_room().map(drop)
    }

    /// Blocks until every entry up to `index` was appended and survives a power cut.
    pub fn sync_through(&self, index: LogIndex) -> io::Result<()> {
        let core = &self.handle.core;
        let mut memtable = core.memtable();
        while memtable.durable < Some(index) {
            core.poison.check()?;
            memtable.sync_wanted = memtable.sync_wanted.max(Some(index));
            core.filled.notify_one();
            memtable = core.wait_for_progress(memtable);
        }
        Ok(())
    }

    /// Last entry that survives a power cut with all before it (missing ranges aside). The Raft log may be purged so far.
    pub fn durable_index(&self) -> Option<LogIndex> {
        self.handle.core.memtable().durable
    }

    /// Last entry appended or jumped to.
    pub fn appended_index(&self) -> Option<LogIndex> {
        self.handle.core.memtable().appended
    }

    /// Whether the database was damaged at opening, set aside, and begun anew: everything before the next append is missing.
    pub fn was_reset(&self) -> bool {
        self.handle.core.was_reset
    }

    /// One order with its latest status; none if it is not in the log, or in a missing range.
    pub fn order(&self, order: OrderRef) -> io::Result<Option<StoredOrder>> {
        self.or_poison(self.handle.core.order(order))
    }

    /// For who walks along orders and asks what became of each.
    pub fn changes(&self) -> Changes {
        Changes::new(self.clone())
    }

    /// Orders, newest first. Work per call is bounded: it may return fewer than asked, or none, and a cursor. None if
    /// pages are missing that could hold an order of this page, or a status that the query asks for.
    pub fn list(&self, query: &Query) -> io::Result<Option<ListPage>> {
        self.or_poison(self.handle.core.list(query))
    }

    /// Events from the place `from` on, in order, while their pages stay within `max_bytes` (at least one page, if there
    /// is one). Stops before a missing range: history is never told with a hole.
    pub fn events(&self, from: Place, max_bytes: usize) -> io::Result<Vec<(LogIndex, Stamp, Event)>> {
        self.or_poison(self.handle.core.events(from, max_bytes))
    }

    /// The events of one entry, positions ascending; none if the entry, or a part of it, is missing or not appended.
    pub fn events_of(&self, index: LogIndex) -> io::Result<Option<Vec<Event>>> {
        if self.appended_index() < Some(index) { Ok(None) } else { self.or_poison(self.handle.core.events_of(index)) }
    }

    /// Reads everything back, and looks whether lists by SKU find each order; `InvalidData` if something is damaged. For the inspection of
    /// a stopped node.
    pub fn check(&self) -> io::Result<()> {
        self.handle.core.check_all()
    }

    /// A snapshot of the state at `index` was installed: entries after the last appended one and up to `index` are missing
    /// from now on, durably. Changes nothing if they are there. Also to be called at a start, with the snapshot that the
    /// state begins from. Blocks for a sync.
    pub fn jump_to(&self, index: LogIndex) -> io::Result<()> {
        let mut memtable = self.handle.core.memtable();
        if memtable.appended < Some(index) {
            memtable.miss_before(LogIndex(index.0.saturating_add(1)));
            memtable.appended = Some(index);
        }
        drop(memtable);
        self.sync_through(index)
    }

    /// Ranges to fetch from a peer, oldest first.
    pub fn missing(&self) -> Vec<Missing> {
        self.handle.core.memtable().missing.clone()
    }

    /// Pages of the range `from..=through` for a peer that misses them, about `max_bytes` of them and at least one. None if
    /// this node misses `from` itself, or has not applied `through` yet: ask another.
    pub fn pages(&self, from: Place, through: LogIndex, max_bytes: usize) -> io::Result<Option<PageBlock>> {
        self.or_poison(self.handle.core.pages(from, through, max_bytes))
    }

    /// Takes a block that a peer gave for the beginning of a range of [`missing`](Self::missing), which shrinks by it. Checked
    /// before anything is kept; a block that fits no missing range is `InvalidInput`, a damaged one `InvalidData`.
    pub fn install(&self, block: &PageBlock) -> io::Result<()> {
        self.handle.core.install(block)
    }

    /// What cannot be read, or reads back otherwise than it was written, is a disk that failed: the node must stop.
    pub(crate) fn or_poison<T>(&self, read: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &read {
            self.handle.core.poison.raise("the order log could not be read", error);
        }
        read
    }

    pub(crate) fn core(&self) -> &OrderCore {
        &self.handle.core
    }

    /// Why the store failed for good, if it did.
    pub fn poisoned(&self) -> Option<String> {
        self.handle.core.poison.reason().map(str::to_owned)
    }

    /// Calls `alarm` with the reason once the store fails, at once if it has. The node must stop then.
    pub fn on_poison(&self, alarm: Box<dyn FnOnce(&str) + Send>) {
        self.handle.core.poison.on_raise(alarm);
    }

    /// Bytes on disk, for the gauge.
    pub fn size_on_disk(&self) -> io::Result<u64> {
        self.handle.core.engine.size_on_disk()
    }
}

impl OrderCore {
    pub(crate) fn memtable(&self) -> MutexGuard<'_, Memtable> {
        self.memtable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the writer has done something, or until it is time to look at the poison again.
    #[cfg(not(feature = "simulation"))]
    fn wait_for_progress<'a>(&'a self, memtable: MutexGuard<'a, Memtable>) -> MutexGuard<'a, Memtable> {
        let look = Duration::from_millis(POISON_LOOK_MS);
        self.progress.wait_timeout(memtable, look).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Does what the writer would: the task that stands for it cannot run meanwhile.
    #[cfg(feature = "simulation")]
    fn wait_for_progress<'a>(&'a self, memtable: MutexGuard<'a, Memtable>) -> MutexGuard<'a, Memtable> {
        drop(memtable);
        crate::simulated::round(self);
        self.memtable()
    }

    /// The memtable once it is under its bound.
    pub(crate) fn wait_for_room(&self) -> io::Result<MutexGuard<'_, Memtable>> {
        let mut memtable = self.memtable();
        while !memtable.has_room() {
            self.poison.check()?;
            self.filled.notify_one();
            memtable = self.wait_for_progress(memtable);
        }
        self.poison.check()?;
        Ok(memtable)
    }

    // Each look-up asks the memtable first: what the writer moves meanwhile is in the database before it leaves memory.

    pub(crate) fn get(&self, key: &[u8]) -> io::Result<Option<Slice>> {
        if let Some(value) = self.memtable().get(key) {
            return Ok(Some(value));
        }
        self.engine.get(key)
    }

    /// The last key in `from..to`, with its value.
    pub(crate) fn last_in(&self, from: &[u8], to: &[u8]) -> io::Result<Option<Put>> {
        if from >= to {
            return Ok(None);
        }
        let new = self.memtable().last_in(from, to);
        let old = self.engine.range(from, to).next_back().transpose()?;
        Ok(match (new, old) {
            (Some(new), Some(old)) if new.0[..] < old.0[..] => Some(owned(old)),
            (None, old) => old.map(owned),
            (new, _) => new,
        })
    }

    /// The first key in `from..to`, with its value.
    pub(crate) fn first_in(&self, from: &[u8], to: &[u8]) -> io::Result<Option<Put>> {
        if from >= to {
            return Ok(None);
        }
        let new = self.memtable().first_in(from, to);
        let old = self.engine.range(from, to).next().transpose()?;
        Ok(match (new, old) {
            (Some(new), Some(old)) if new.0[..] > old.0[..] => Some(owned(old)),
            (None, old) => old.map(owned),
            (new, _) => new,
        })
    }

    /// The page that the event at `place` is in, if any is.
    pub(crate) fn page_of(&self, place: Place) -> io::Result<Option<Page>> {
        let found = self.last_in(&page_key((place.0, 0)), &page_key(after(place)))?;
        found.map(|(key, value)| Page::read(&key, &value)).transpose()
    }

    pub(crate) fn order(&self, at: OrderRef) -> io::Result<Option<StoredOrder>> {
        let Some(page) = self.page_of((at.index, at.position))? else { return Ok(None) };
        let event = page.events.into_iter().find(|event| event.position == at.position);
        event.map_or(Ok(None), |event| self.stored(event, page.stamp, &mut StatusReader::default()))
    }

    /// The order that an event accepted, as it is now; none for other events.
    pub(crate) fn stored(&self, event: Event, stamp: Stamp, statuses: &mut StatusReader) -> io::Result<Option<StoredOrder>> {
        let EventKind::Accepted { order, status: accepted_status } = event.kind else { return Ok(None) };
        let changed = statuses.status(self, order.at)?.map(|changed| changed.status);
        let status = changed.unwrap_or(StatusAt { status: accepted_status, since: stamp });
        Ok(Some(StoredOrder { order, status, accepted_status }))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let Some(writer) = self.writer.take() else { return };
        let mut memtable = self.core.memtable();
        memtable.is_closed = true;
        self.core.filled.notify_one();
        while !memtable.is_ended && self.core.poison.reason().is_none() {
            memtable = self.core.wait_for_progress(memtable);
        }
        drop(memtable);
        if self.core.poison.reason().is_some() {
            #[allow(clippy::mem_forget, reason = "the writer may never return from the disk, nor sled, which flushes when it is dropped")]
            std::mem::forget(Arc::clone(&self.core));
            return;
        }
        // The last handle may die inside an alarm, on the writer's own thread.
        if writer.thread().id() != std::thread::current().id() && writer.join().is_err() {
            tracing::error!("the order log's writer panicked");
        }
    }
}

fn owned((key, value): (Slice, Slice)) -> Put {
    (key.to_vec(), value)
}

fn open_database(dir: &Path, syncer: &Arc<dyn Syncer>) -> io::Result<(Engine, Memtable)> {
    let engine = Engine::open(dir, Arc::clone(syncer))?;
    let memtable = recover(&engine)?;
    Ok((engine, memtable))
}

/// Renames a damaged database, which stays for inspection; its pages come from a peer again.
fn set_aside(dir: &Path, error: &io::Error) -> Result<(), OpenError> {
    let name = |n: u32| PathBuf::from(format!("{}.damaged-{n}", dir.display()));
    let Some(aside) = (1..=u32::MAX).map(name).find(|path| !path.exists()) else { return Ok(()) };
    tracing::error!(%error, path = %aside.display(), "the order log is damaged: set aside, its pages are fetched from a peer");
    std::fs::rename(dir, &aside).map_err(OpenError::io(dir))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DataSync;
    use crate::engine::Batch;
    use crate::order_keys::THROUGH_KEY;

    fn open(root: &Path) -> OrderLog {
        OrderLog::open(&root.join("orders"), &Disk::default(), Arc::new(DirLock::take(root).unwrap())).unwrap()
    }

    #[test]
    fn a_damaged_database_is_set_aside_and_everything_is_missing() {
        let root = tempfile::tempdir().unwrap();
        open(root.path()).append(LogIndex(1), Stamp(1), &[]).unwrap();
        let engine = Engine::open(&root.path().join("orders"), Arc::new(DataSync)).unwrap();
        let mut batch = Batch::default();
        batch.put(THROUGH_KEY, b"nonsense".into());
        engine.apply(batch).unwrap();
        engine.sync().unwrap();
        drop(engine);
        let log = open(root.path());
        assert!(log.was_reset() && log.appended_index().is_none());
        assert!(root.path().join("orders.damaged-1").exists());
        log.jump_to(LogIndex(9)).unwrap();
        assert_eq!(log.missing(), [Missing { from: (LogIndex(0), 0), through: LogIndex(9) }]);
    }
}
