//! The one thread that writes the log: what gathered while it synced becomes the next group, one sync for all of it.
//!
//! Order of a group: its jobs in the order they came, applied in batches; one flush and sync; then every completion. So a
//! completion's `Ok` says that its job and all before it are durable. Removals of purged records come between groups,
//! after client traffic, and have no sync of their own: the marker before them is enough.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::dir_lock::DirLock;
use crate::engine::{Batch, Engine};
use crate::frame::seal;
use crate::limits::{LOG_BATCH_BYTES, LOG_REMOVE_KEYS};
use crate::log_keys::{COMMITTED_KEY, VOTE_KEY, end_of, put_purged, put_record, record_key, records_end};
use crate::log_seen::LogSeen;
use crate::log_tail::LogTail;
use crate::poison::Poison;
use crate::queue::{BoundedQueue, Drained};
use crate::watchdog::Watchdog;
use crate::{Completion, LogRecord};

/// One thing to write.
pub(crate) enum Job {
    Append { records: Vec<LogRecord>, generation: u64, done: Completion },
    Truncate { last_kept: Option<u64> },
    Purge { upto: u64, marker: Bytes },
    Vote { vote: Bytes, done: Completion },
}

/// What the log's handles and its writer share.
pub(crate) struct LogCore {
    pub(crate) engine: Engine,
    pub(crate) queue: BoundedQueue<Job>,
    pub(crate) poison: Arc<Poison>,
    pub(crate) watchdog: Watchdog,
    pub(crate) seen: LogSeen,
    pub(crate) tail: Mutex<LogTail>,
    pub(crate) _lock: Arc<DirLock>,
}

impl LogCore {
    pub(crate) fn tail(&self) -> MutexGuard<'_, LogTail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs until the queue is closed and empty. A panic of sled poisons the log: nobody waits for a writer that is gone.
pub(crate) fn run_to_the_end(core: &LogCore, leftovers: Option<u64>) {
    if catch_unwind(AssertUnwindSafe(|| run(core, leftovers))).is_err() {
        core.poison.raise("the Raft log's writer stopped", &io::Error::other("it panicked"));
        core.queue.close();
        while let Drained::Items(jobs) = core.queue.drain(LOG_BATCH_BYTES, false) {
            for job in jobs {
                if let Job::Append { done, .. } | Job::Vote { done, .. } = job {
                    done(core.poison.check());
                }
            }
        }
    }
}

fn run(core: &LogCore, leftovers: Option<u64>) {
    let mut writer = Writer { core, purging: leftovers.map(|upto| (0, upto)), group: Group::default() };
    loop {
        match core.queue.drain(LOG_BATCH_BYTES, writer.purging.is_none()) {
            Drained::Items(jobs) => writer.write(jobs),
            Drained::Idle => {}
            Drained::Closed => break,
        }
        writer.purge_some();
    }
    writer.finish();
}

struct Writer<'a> {
    core: &'a LogCore,
    /// Records that are purged but not removed yet: from, up to.
    purging: Option<(u64, u64)>,
    group: Group,
}

/// Jobs that one sync will cover.
#[derive(Default)]
struct Group {
    batch: Batch,
    waiting: Vec<Completion>,
    written: Option<(u64, u64)>,
}

impl Writer<'_> {
    fn write(&mut self, jobs: Vec<Job>) {
        let watched = self.core.watchdog.watch();
        let result = self.core.poison.check().and_then(|()| self.take_all(jobs)).and_then(|()| self.commit());
        drop(watched);
        if let Err(error) = &result {
            // sled and the kernel may have lost what they were given: never try the sync again.
            self.core.poison.raise("the Raft log could not be written", error);
            self.group.batch = Batch::default();
            self.purging = None;
        }
        for done in self.group.waiting.drain(..) {
            done(result.as_ref().copied().map_err(copy_of));
        }
    }

    /// Takes every job, also after a failure, so that each completion is heard.
    fn take_all(&mut self, jobs: Vec<Job>) -> io::Result<()> {
        let mut result = Ok(());
        for job in jobs {
            let taken = self.take(job, result.is_ok());
            result = result.and(taken);
        }
        result
    }

    fn take(&mut self, job: Job, is_writing: bool) -> io::Result<()> {
        match job {
            Job::Append { records, generation, done } => {
                self.group.waiting.push(done);
                if !is_writing {
                    return Ok(());
                }
                self.group.written = records.last().map(|record| (generation, record.index));
                for record in &records {
                    put_record(&mut self.group.batch, record);
                    self.apply_if_large()?;
                }
                Ok(())
            }
            Job::Vote { vote, done } => {
                self.group.waiting.push(done);
                self.group.batch.put(VOTE_KEY, &seal(VOTE_KEY, &[&vote]));
                Ok(())
            }
            Job::Truncate { last_kept } if is_writing => self.truncate(last_kept),
            Job::Purge { upto, marker } if is_writing => {
                put_purged(&mut self.group.batch, upto, &marker);
                let from = self.purging.map_or(0, |(from, _)| from);
                self.purging = Some((from, upto));
                Ok(())
            }
            Job::Truncate { .. } | Job::Purge { .. } => Ok(()),
        }
    }

    fn apply_if_large(&mut self) -> io::Result<()> {
        if self.group.batch.bytes() < LOG_BATCH_BYTES { Ok(()) } else { self.apply() }
    }

    fn apply(&mut self) -> io::Result<()> {
        let batch = std::mem::take(&mut self.group.batch);
        if batch.is_empty() { Ok(()) } else { self.core.engine.apply(batch) }
    }

    /// Makes the group durable.
    fn commit(&mut self) -> io::Result<()> {
        self.add_committed();
        self.apply()?;
        let written = self.group.written.take();
        if let Some((generation, index)) = written {
            self.core.tail().mark_written(generation, index);
        }
        if self.group.waiting.is_empty() {
            return Ok(());
        }
        self.core.engine.sync()?;
        written.map_or(Ok(()), |(_, index)| self.core.seen.raise(index))
    }

    /// The committed mark rides along: it saves a replay, nothing depends on it.
    fn add_committed(&mut self) {
        let mut tail = self.core.tail();
        if std::mem::take(&mut tail.committed_is_new)
            && let Some(committed) = &tail.committed
        {
            self.group.batch.put(COMMITTED_KEY, &seal(COMMITTED_KEY, &[committed]));
        }
    }

    /// Removes records after `last_kept`, the highest first: a crash in between leaves a log without a gap.
    fn truncate(&mut self, last_kept: Option<u64>) -> io::Result<()> {
        self.apply()?;
        self.group.written = self.group.written.zip(last_kept).map(|((generation, index), kept)| (generation, index.min(kept)));
        self.core.seen.lower(last_kept)?;
        let from = last_kept.map_or_else(|| record_key(0, 0).to_vec(), end_of);
        loop {
            let mut batch = Batch::default();
            for item in self.core.engine.range(&from, &records_end()).rev().take(LOG_REMOVE_KEYS) {
                batch.remove(&item?.0);
            }
            let is_last = batch.keys() < LOG_REMOVE_KEYS;
            if !batch.is_empty() {
                self.core.engine.apply(batch)?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// Removes a bounded number of purged records.
    fn purge_some(&mut self) {
        let Some((from, upto)) = self.purging else { return };
        let _watched = self.core.watchdog.watch();
        match self.remove_range(from, upto) {
            Ok(next) => self.purging = next.map(|next| (next, upto)),
            Err(error) => {
                self.purging = None;
                self.core.poison.raise("purged records could not be removed", &error);
            }
        }
    }

    fn remove_range(&self, from: u64, upto: u64) -> io::Result<Option<u64>> {
        let mut batch = Batch::default();
        let mut last = from;
        for item in self.core.engine.range(&record_key(from, 0), &end_of(upto)).take(LOG_REMOVE_KEYS) {
            let (key, _) = item?;
            if let Some(index) = key.get(1..9).and_then(|index| index.try_into().ok()) {
                last = u64::from_be_bytes(index);
            }
            batch.remove(&key);
        }
        let is_last = batch.keys() < LOG_REMOVE_KEYS;
        if !batch.is_empty() {
            self.core.engine.apply(batch)?;
        }
        Ok((!is_last).then_some(last))
    }

    /// A last sync, so that a node stopped in good order starts from where it was.
    fn finish(&mut self) {
        if self.core.poison.reason().is_some() {
            return;
        }
        self.add_committed();
        let _watched = self.core.watchdog.watch();
        if let Err(error) = self.apply().and_then(|()| self.core.engine.sync()) {
            self.core.poison.raise("the Raft log could not be closed", &error);
        }
    }
}

/// The same error once more, for the next of many that wait for one sync.
fn copy_of(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}
