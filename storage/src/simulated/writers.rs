//! The writers of the stores as tasks of the simulated node, instead of threads.
//!
//! A sync takes time before it is done: what gathers meanwhile is the next group, as with the threads.

use std::io;
use std::sync::{Arc, Condvar, LockResult, MutexGuard, WaitTimeoutResult};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::Notify;

use super::disk::MemoryDisk;
use super::files;
use super::planted::{self, Planted};
use crate::limits::{LOG_BATCH_BYTES, ORDER_GATHER_MS};
use crate::log_supply::{Maker, Supply};
use crate::log_writer::{Job, LogCore, Resume, Writer};
use crate::order_log::OrderCore;
use crate::page_writer::write_round;
use crate::queue::Drained;

/// A `Condvar` that also wakes a task.
#[derive(Default)]
pub(crate) struct Bell {
    threads: Condvar,
    task: Notify,
}

impl Bell {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn notify_one(&self) {
        self.threads.notify_one();
        self.task.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.notify_one();
    }

    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.threads.wait(guard)
    }

    pub(crate) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        limit: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        self.threads.wait_timeout(guard, limit)
    }

    async fn rung(&self) {
        self.task.notified().await;
    }
}

/// Starts the writer of a log; there is no thread to join.
#[allow(clippy::unnecessary_wraps, reason = "the signature of the other one")]
pub(crate) fn start_log_writer(core: &Arc<LogCore>, resume: Resume) -> io::Result<Option<JoinHandle<()>>> {
    let core = Arc::clone(core);
    tokio::spawn(async move {
        if let Err(error) = write_log(&core, resume).await {
            core.poison.raise("the Raft log's writer stopped", &error);
        }
    });
    Ok(None)
}

async fn write_log(core: &LogCore, resume: Resume) -> io::Result<()> {
    let mut maker = Maker::new(&core.dir, core.segment_bytes.most, Arc::clone(&core.syncer));
    let (made, taken) = std::sync::mpsc::sync_channel(1);
    let serve = move |request| match maker.serve(request)? {
        Some(segment) => made.send(segment).map_err(io::Error::other),
        None => Ok(()),
    };
    let supply = Supply::new(resume.ready, Box::new(serve), taken);
    let mut writer = Writer::new(core, supply, &resume.position, resume.seen)?;
    loop {
        match core.queue.drain(LOG_BATCH_BYTES, false) {
            Drained::Items(jobs) => {
                let jobs: Vec<Job> = jobs.into_iter().map(spoil).collect();
                let took = files::at(&core.dir, |disk| disk.draw_sync_time()).unwrap_or_default();
                tokio::time::sleep(took).await;
                if jobs.iter().any(|job| matches!(job, Job::Vote { .. })) {
                    files::at(&core.dir, MemoryDisk::expect_vote);
                }
                writer.write(jobs);
            }
            Drained::Idle => core.queue.filled.rung().await,
            Drained::Closed => break,
        }
    }
    writer.finish();
    Ok(())
}

/// Plants what is to be planted.
fn spoil(job: Job) -> Job {
    match job {
        Job::Append { records, generation, committed, done } if planted::is(Planted::EntriesUnsynced) => {
            done(Ok(()));
            Job::Append { records, generation, committed, done: Box::new(drop) }
        }
        Job::Vote { vote, done } if planted::is(Planted::VoteUnsynced) => {
            done(Ok(()));
            Job::Vote { vote, done: Box::new(drop) }
        }
        job => job,
    }
}

/// Starts the writer of an order log; there is no thread to join.
#[allow(clippy::unnecessary_wraps, reason = "the signature of the other one")]
pub(crate) fn start_page_writer(core: &Arc<OrderCore>) -> io::Result<Option<JoinHandle<()>>> {
    let core = Arc::clone(core);
    tokio::spawn(async move {
        while !core.memtable().is_closed && core.poison.reason().is_none() {
            core.filled.rung().await;
            tokio::time::sleep(Duration::from_millis(ORDER_GATHER_MS)).await;
            round(&core);
        }
    });
    Ok(None)
}

/// Writes what is gathered, and syncs it if someone waits for that: for who would wait for the thread.
pub(crate) fn round(core: &OrderCore) {
    let (gathered, sync) = {
        let mut memtable = core.memtable();
        let sync = memtable.is_sync_due();
        (memtable.gather(), sync)
    };
    if let Err(error) = write_round(core, &gathered, sync) {
        core.poison.raise("the order log could not be written", &error);
    }
}
