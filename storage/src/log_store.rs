//! The Raft log of a node: append, truncate, purge, vote; opaque bytes.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;

use crate::dir_lock::DirLock;
use crate::files;
use crate::frame::damaged;
use crate::limits::{MAX_MARK_BYTES, MAX_RECORD_BYTES, POISON_LOOK_MS};
use crate::log_image::read_at;
use crate::log_recovery::{Recovered, recover, sync_found};
use crate::log_segment::SegmentBytes;
use crate::log_tail::record_bytes;
use crate::log_writer::{Job, LogCore, LogFiles, Resume};
use crate::poison::Poison;
use crate::watchdog::Watchdog;
use crate::workers::start_log_writer;
use crate::{Disk, OpenError};

/// Called once, from the writer's thread, when a write survives a power cut or has failed; must return quickly.
pub type Completion = Box<dyn FnOnce(io::Result<()>) + Send>;

/// One log entry, opaque: `head` is small (its term), `payload` what was proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Position in the log.
    pub index: u64,
    /// What readers of the log's end want without the payload.
    pub head: Bytes,
    /// The entry's bytes.
    pub payload: Bytes,
}

/// Where the log begins and ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogBounds {
    /// Last purged index, with the marker given to [`LogStore::purge`].
    pub purged: Option<(u64, Bytes)>,
    /// Last record's index and head; none if no record is left beyond the purged ones.
    pub last: Option<(u64, Bytes)>,
}

/// The Raft log. A cheap handle; the last one dropped finishes the queued writes and ends the writer's thread.
#[derive(Clone)]
pub struct LogStore {
    handle: Arc<Handle>,
}

struct Handle {
    core: Arc<LogCore>,
    /// Held from the change that readers see until its job is queued: both have the same order.
    order: Mutex<()>,
    writer: Option<JoinHandle<()>>,
}

impl LogStore {
    /// Reads the log in `dir`; but for the last group, which is written again as it is, nothing is changed there before the first call
    /// that does.
    pub(crate) fn open(dir: &Path, sizes: SegmentBytes, disk: &Disk, lock: Arc<DirLock>) -> Result<Self, OpenError> {
        let Recovered { tail, image, position, seen, ready } = recover(dir)?;
        sync_found(dir, &position, &image, &*disk.syncer).map_err(OpenError::io(dir))?;
        let poison = Arc::new(Poison::new(dir));
        let watchdog = Watchdog::start(disk.stall_limit, &poison, || Ok(())).map_err(OpenError::io(dir))?;
        let files = LogFiles { dir: dir.to_owned(), segment_bytes: sizes, syncer: Arc::clone(&disk.syncer), poison, watchdog };
        let core = Arc::new(LogCore::new(files, tail, image, lock));
        let writer = start_log_writer(&core, Resume { position, seen, ready }).map_err(OpenError::io(dir))?;
        Ok(Self { handle: Arc::new(Handle { core, order: Mutex::new(()), writer }) })
    }

    /// Adds records at the end, consecutive indices. They are readable when this returns, durable when `done` hears `Ok`.
    /// Never waits: who appends faster than the disk writes waits for room first. A gap or an overlap is heard by `done` as `InvalidInput`,
    /// and changes nothing.
    pub fn append(&self, records: Vec<LogRecord>, done: Completion) {
        let core = &self.handle.core;
        let _order = self.handle.order.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = core.poison.check().and_then(|()| self.check(&records)) {
            return done(Err(error));
        }
        let bytes = records.iter().map(record_bytes).sum();
        let (generation, committed) = {
            let mut tail = core.tail();
            let committed = tail.take_new_committed();
            records.iter().cloned().for_each(|record| tail.push(record));
            (tail.generation(), committed)
        };
        self.queue(bytes, Job::Append { records, generation, committed, done });
    }

    /// Whether less is unwritten than may be.
    pub fn has_room(&self) -> bool {
        self.handle.core.queue.has_room()
    }

    /// Blocks until [`has_room`](Self::has_room), or until the log has failed, which the next append tells.
    pub fn wait_for_room(&self) {
        let core = &self.handle.core;
        // A writer that hangs wakes nobody.
        while !core.queue.wait_for_room(Duration::from_millis(POISON_LOOK_MS)) && core.poison.reason().is_none() {}
    }

    /// Forgets every record after `last_kept` (all that are not purged, if none). In order with appends; durable before any
    /// later append is. Blocks on the disk if the record at `last_kept` is no longer in memory.
    pub fn truncate_after(&self, last_kept: Option<u64>) -> io::Result<()> {
        let core = &self.handle.core;
        let _order = self.handle.order.lock().unwrap_or_else(PoisonError::into_inner);
        core.poison.check()?;
        let bounds = self.bounds();
        let Some((last, _)) = bounds.last else { return Ok(()) };
        if last_kept.is_some_and(|keep| keep >= last) {
            return Ok(());
        }
        let purged = bounds.purged.map(|(index, _)| index);
        if last_kept.is_some() && last_kept < purged {
            return Err(invalid("records that are purged cannot be kept or removed"));
        }
        let kept = match last_kept.filter(|keep| Some(*keep) != purged) {
            None => None,
            Some(keep) => Some((keep, self.head_of(keep)?)),
        };
        core.tail().truncate_after(kept);
        self.queue(0, Job::Truncate { last_kept: last_kept.or(purged) });
        Ok(())
    }

    /// Forgets records up to and with `upto`, which may lie beyond the last one; `marker` is kept in their place.
    /// Returns at once; durable with a later sync, marker first. An `upto` that is purged already changes nothing.
    pub fn purge(&self, upto: u64, marker: Bytes) -> io::Result<()> {
        let core = &self.handle.core;
        let _order = self.handle.order.lock().unwrap_or_else(PoisonError::into_inner);
        core.poison.check()?;
        if marker.len() > MAX_MARK_BYTES {
            return Err(invalid("the purge marker is over its length limit"));
        }
        if self.bounds().purged.is_some_and(|(index, _)| index >= upto) {
            return Ok(());
        }
        core.tail().purge(upto, marker.clone());
        self.queue(0, Job::Purge { upto, marker });
        Ok(())
    }

    /// Replaces the vote: readable at once, durable when `done` hears `Ok`.
    pub fn save_vote(&self, vote: Bytes, done: Completion) {
        let core = &self.handle.core;
        let _order = self.handle.order.lock().unwrap_or_else(PoisonError::into_inner);
        let allowed = if vote.len() > MAX_MARK_BYTES { Err(invalid("the vote is over its length limit")) } else { core.poison.check() };
        if let Err(error) = allowed {
            return done(Err(error));
        }
        core.tail().vote = Some(vote.clone());
        self.queue(0, Job::Vote { vote, done });
    }

    /// Calls `done` once everything given to the log before is durable, or has failed.
    pub fn barrier(&self, done: Completion) {
        let core = &self.handle.core;
        let _order = self.handle.order.lock().unwrap_or_else(PoisonError::into_inner);
        match core.poison.check() {
            Ok(()) => self.queue(0, Job::Barrier { done }),
            Err(error) => done(Err(error)),
        }
    }

    /// Replaces the committed mark: readable at once, written with the next append and no sync of its own.
    pub fn save_committed(&self, committed: Bytes) {
        let mut tail = self.handle.core.tail();
        tail.committed = Some(committed);
        tail.committed_is_new = true;
    }

    /// The vote.
    pub fn vote(&self) -> Option<Bytes> {
        self.handle.core.tail().vote.clone()
    }

    /// The committed mark; after a crash an older one.
    pub fn committed(&self) -> Option<Bytes> {
        self.handle.core.tail().committed.clone()
    }

    /// Where the log begins and ends, unwritten records included.
    pub fn bounds(&self) -> LogBounds {
        self.handle.core.tail().bounds().clone()
    }

    /// Records `start..end` as far as they are present from `start` on, and while their bytes stay within `max_bytes`;
    /// at least one if `start` is present. Recent ones come from memory; older ones block on the disk.
    pub fn read(&self, start: u64, end: u64, max_bytes: usize) -> io::Result<Vec<LogRecord>> {
        loop {
            let (generation, end) = {
                let tail = self.handle.core.tail();
                let records = tail.read(start, end, max_bytes);
                let Some((last, _)) = &tail.bounds().last else { return Ok(records) };
                let is_purged = tail.bounds().purged.as_ref().is_some_and(|(purged, _)| start <= *purged);
                if !records.is_empty() || start > *last || start >= end || is_purged {
                    return Ok(records);
                }
                (tail.generation(), end.min(tail.first_cached().unwrap_or(last + 1)))
            };
            let read = self.read_stored(start, end, max_bytes);
            // Records may have been truncated or purged while they were read: then look again.
            let tail = self.handle.core.tail();
            let is_purged = tail.bounds().purged.as_ref().is_some_and(|(purged, _)| start <= *purged);
            if tail.generation() == generation && !is_purged {
                return read;
            }
        }
    }

    /// Whether [`read`](Self::read) of `start` is answered from memory, without blocking.
    pub fn is_cached(&self, start: u64) -> bool {
        let tail = self.handle.core.tail();
        tail.first_cached().map_or(tail.bounds().last.is_none(), |first| first <= start)
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
        files::read_dir(&self.handle.core.dir)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
    }

    /// Bytes of the records that are not purged, to within a mebibyte.
    pub fn log_bytes(&self) -> u64 {
        self.handle.core.tail().log_bytes()
    }

    /// The last index that may be purged if at least `keep_bytes` of records are to stay; none if nothing may go.
    pub fn purge_keeping(&self, keep_bytes: u64) -> Option<u64> {
        self.handle.core.tail().purge_keeping(keep_bytes)
    }

    fn check(&self, records: &[LogRecord]) -> io::Result<()> {
        let mut next = self.handle.core.tail().next_index();
        for record in records {
            if next.is_some_and(|next| next != record.index) {
                return Err(invalid("records must follow the last one without a gap"));
            }
            if record.head.len() + record.payload.len() > MAX_RECORD_BYTES {
                return Err(invalid("a record is over its length limit"));
            }
            next = record.index.checked_add(1);
        }
        Ok(())
    }

    fn head_of(&self, index: u64) -> io::Result<Bytes> {
        let record = self.read(index, index + 1, 0)?.pop();
        record.map(|record| record.head).ok_or_else(|| damaged("the record to keep is missing"))
    }

    fn read_stored(&self, start: u64, end: u64, max_bytes: usize) -> io::Result<Vec<LogRecord>> {
        let mut records = Vec::new();
        let mut bytes = 0;
        for index in start..end {
            let found = self.handle.core.image().find(index);
            let (segment, place) = found.ok_or_else(|| damaged("a record is missing in the middle of the log"))?;
            bytes += place.record_bytes();
            if !records.is_empty() && bytes > max_bytes {
                break;
            }
            records.push(read_at(&segment, place, index)?);
        }
        Ok(records)
    }

    /// Queues a job; its completion hears an error if the writer is gone.
    fn queue(&self, bytes: usize, job: Job) {
        if let Err(Job::Append { done, .. } | Job::Vote { done, .. }) = self.handle.core.queue.push(bytes, job) {
            done(Err(io::Error::other("the Raft log is closed")));
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.core.queue.close();
        let Some(writer) = self.writer.take() else { return };
        if self.core.poison.reason().is_some() {
            #[allow(clippy::mem_forget, reason = "the writer may never return from the disk, nor sled, which flushes when it is dropped")]
            std::mem::forget(Arc::clone(&self.core));
            return;
        }
        // The last handle may die inside a completion, on the writer's own thread.
        if writer.thread().id() != std::thread::current().id() && writer.join().is_err() {
            tracing::error!("the Raft log's writer panicked");
        }
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}
