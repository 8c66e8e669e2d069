//! The one thread that writes the log: what gathered while it synced becomes the next group, one sync for all of it.
//!
//! Order of a group: its jobs in the order they came, in one write; one sync; then every completion. So a completion's `Ok`
//! says that its job and all before it are durable. Truncations and purges are records like any other: nothing is rewritten,
//! and segments whose entries are all purged leave once the purge is durable.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::abort;
use crate::background::give_way;
use crate::dir_lock::DirLock;
use crate::limits::{LOG_BATCH_BYTES, LOG_QUEUE_BYTES, LOG_QUEUE_JOBS};
use crate::log_appender::Appender;
use crate::log_group::{Edit, Group};
use crate::log_image::LogImage;
use crate::log_recovery::Position;
use crate::log_seen::LogSeen;
use crate::log_segment::{Segment, SegmentBytes};
use crate::log_supply::{Maker, Supply, supply};
use crate::log_tail::LogTail;
use crate::planted::{self, Planted};
use crate::poison::Poison;
use crate::queue::{BoundedQueue, Drained};
use crate::watchdog::Watchdog;
use crate::{Completion, LogRecord, Syncer};

/// One thing to write.
pub(crate) enum Job {
    /// The committed mark was new when these were queued: every entry up to it is before them in the queue, or among them.
    Append {
        records: Vec<LogRecord>,
        generation: u64,
        committed: Option<Bytes>,
        done: Completion,
    },
    Truncate {
        last_kept: Option<u64>,
    },
    Purge {
        upto: u64,
        marker: Bytes,
    },
    Vote {
        vote: Bytes,
        done: Completion,
    },
    /// Nothing but the news that all before it is durable.
    Barrier {
        done: Completion,
    },
}

/// What the log's handles and its threads share. No one holds both locks.
pub(crate) struct LogCore {
    pub(crate) dir: PathBuf,
    pub(crate) segment_bytes: SegmentBytes,
    pub(crate) syncer: Arc<dyn Syncer>,
    pub(crate) queue: BoundedQueue<Job>,
    pub(crate) poison: Arc<Poison>,
    watchdog: Watchdog,
    tail: Mutex<LogTail>,
    image: Mutex<LogImage>,
    _lock: Arc<DirLock>,
}

impl LogCore {
    pub(crate) fn new(files: LogFiles, tail: LogTail, image: LogImage, lock: Arc<DirLock>) -> Self {
        let LogFiles { dir, segment_bytes, syncer, poison, watchdog } = files;
        let queue = BoundedQueue::new(LOG_QUEUE_BYTES, LOG_QUEUE_JOBS);
        let (tail, image) = (Mutex::new(tail), Mutex::new(image));
        Self { dir, segment_bytes, syncer, queue, poison, watchdog, tail, image, _lock: lock }
    }

    /// What readers see.
    pub(crate) fn tail(&self) -> MutexGuard<'_, LogTail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is on disk.
    pub(crate) fn image(&self) -> MutexGuard<'_, LogImage> {
        self.image.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a log is and how it is written.
pub(crate) struct LogFiles {
    pub(crate) dir: PathBuf,
    pub(crate) segment_bytes: SegmentBytes,
    pub(crate) syncer: Arc<dyn Syncer>,
    pub(crate) poison: Arc<Poison>,
    pub(crate) watchdog: Watchdog,
}

/// Where writing goes on after recovery.
pub(crate) struct Resume {
    pub(crate) position: Position,
    pub(crate) seen: LogSeen,
    /// A segment that was made ahead.
    pub(crate) ready: Option<Segment>,
}

/// Runs until the queue is closed and empty. A panic poisons the log: nobody waits for a writer that is gone.
pub(crate) fn run_to_the_end(core: &LogCore, resume: Resume) {
    let error = match catch_unwind(AssertUnwindSafe(|| run(core, resume))) {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error,
        Err(_) => io::Error::other("it panicked"),
    };
    core.poison.raise("the Raft log's writer stopped", &error);
    core.queue.close();
    while let Drained::Items(jobs) = core.queue.drain(LOG_BATCH_BYTES, false) {
        for job in jobs {
            if let Job::Append { done, .. } | Job::Vote { done, .. } | Job::Barrier { done } = job {
                done(core.poison.check());
            }
        }
    }
}

fn run(core: &LogCore, resume: Resume) -> io::Result<()> {
    let (supply, work) = supply(resume.ready);
    std::thread::scope(|scope| {
        std::thread::Builder::new().name("log-segments".into()).spawn_scoped(scope, || {
            give_way();
            let maker = Maker::new(&core.dir, core.segment_bytes.most, Arc::clone(&core.syncer));
            if let Err(error) = work.run(maker) {
                core.poison.raise("the Raft log's segments could not be made or removed", &error);
            }
        })?;
        let mut writer = Writer::new(core, supply, &resume.position, resume.seen)?;
        while let Drained::Items(jobs) = core.queue.drain(LOG_BATCH_BYTES, true) {
            writer.write(jobs);
        }
        writer.finish();
        Ok(())
    })
}

/// Turns jobs into groups of the log.
pub(crate) struct Writer<'a> {
    core: &'a LogCore,
    appender: Appender<'a>,
    group: Group,
    /// Generation and index of the group's last entry.
    written: Option<(u64, u64)>,
    /// Who is told after the sync.
    waiting: Vec<Completion>,
}

impl<'a> Writer<'a> {
    /// Goes on where recovery ended.
    pub(crate) fn new(core: &'a LogCore, supply: Supply, position: &Position, seen: LogSeen) -> io::Result<Self> {
        let appender = Appender::new(core, supply, position, seen)?;
        Ok(Self { core, appender, group: Group::default(), written: None, waiting: Vec::new() })
    }

    /// Writes and syncs, then tells everyone who waits.
    pub(crate) fn write(&mut self, jobs: Vec<Job>) {
        let result = self.take_all(jobs).and_then(|()| self.flush());
        if let Err(error) = &result {
            // The kernel may have lost what it was given: never try the sync again.
            self.core.poison.raise("the Raft log could not be written", error);
        }
        abort::point("log-told");
        for done in self.waiting.drain(..) {
            done(result.as_ref().copied().map_err(copy_of));
        }
    }

    /// Takes every job, also after a failure, so that each completion is heard.
    fn take_all(&mut self, jobs: Vec<Job>) -> io::Result<()> {
        let mut result = self.core.poison.check();
        for job in jobs {
            let taken = self.take(job, result.is_ok());
            result = result.and(taken);
        }
        result
    }

    fn take(&mut self, job: Job, is_writing: bool) -> io::Result<()> {
        match job {
            Job::Append { records, generation, committed, done } => {
                self.wait(done, Planted::AcknowledgeBeforeSync);
                if is_writing { self.add(&records, generation, committed) } else { Ok(()) }
            }
            Job::Barrier { done } => {
                self.waiting.push(done);
                Ok(())
            }
            Job::Vote { vote, done } => {
                abort::point("vote");
                self.wait(done, Planted::VoteBeforeSync);
                self.group.add_edit(Edit::Vote(vote));
                Ok(())
            }
            Job::Truncate { last_kept } => {
                if !planted::is(Planted::TruncationNotWritten) {
                    self.group.add_edit(Edit::Truncate { next: last_kept.map(|kept| kept + 1) });
                }
                Ok(())
            }
            Job::Purge { upto, marker } => {
                self.group.add_edit(Edit::Purge { upto, marker });
                Ok(())
            }
        }
    }

    /// Has someone told after the sync; with the planted bug `hasty` now.
    fn wait(&mut self, done: Completion, hasty: Planted) {
        if planted::is(hasty) { done(Ok(())) } else { self.waiting.push(done) }
    }

    /// The committed mark follows its entries: a log that ends before it could not be started from.
    fn add(&mut self, records: &[LogRecord], generation: u64, committed: Option<Bytes>) -> io::Result<()> {
        for record in records {
            if self.group.padded_bytes() >= LOG_BATCH_BYTES as u64 {
                self.flush()?;
            }
            self.group.add_entry(record);
            self.written = Some((generation, record.index));
        }
        if let Some(committed) = committed {
            self.group.add_edit(Edit::Committed(committed));
        }
        Ok(())
    }

    /// Makes durable what was gathered.
    fn flush(&mut self) -> io::Result<()> {
        let group = std::mem::take(&mut self.group);
        if group.is_empty() {
            return Ok(());
        }
        let _watched = self.core.watchdog.watch();
        self.appender.append(group)?;
        if let Some((generation, index)) = self.written.take() {
            self.core.tail().mark_written(generation, index);
        }
        Ok(())
    }

    /// Writes the last mark, so that a node stopped in good order starts from where it was.
    pub(crate) fn finish(&mut self) {
        if self.core.poison.reason().is_some() {
            return;
        }
        let committed = self.core.tail().take_new_committed();
        if let Some(committed) = committed {
            self.group.add_edit(Edit::Committed(committed));
        }
        if let Err(error) = self.flush() {
            self.core.poison.raise("the Raft log could not be closed", &error);
        }
    }
}

/// The same error once more, for the next of many that wait for one sync.
fn copy_of(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}
