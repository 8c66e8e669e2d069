//! The Raft log of the storage crate as openraft wants it.
//!
//! An append is readable when it returns and durable when its callback is called, from the writer's thread; votes and
//! entries go through one queue and never overtake each other.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use holdfast_storage::{LogRecord, LogStore};
use openraft::storage::{IOFlushed, RaftLogReader, RaftLogStorage};
use openraft::vote::RaftLeaderId;
use openraft::{LogState, OptionalSend};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::blocking::blocking;
use crate::limits;
use crate::mirror::{BodyV1, LogIdV1, VoteV1, from_disk, to_disk};
use crate::planted::{self, Planted};
use crate::types::{LogEntry, LogId, TypeConfig, Vote};

/// The log; a cheap handle.
#[derive(Clone)]
pub(crate) struct Log {
    store: LogStore,
    /// Where a log that was never purged begins: 0 in a cluster, and anywhere in openraft's suite.
    begin: Arc<AtomicU64>,
}

/// What a record's head says.
#[derive(Serialize, Deserialize)]
struct HeadV1 {
    term: u64,
    leader: u64,
    kind: KindV1,
}

#[derive(Serialize, Deserialize)]
enum KindV1 {
    Blank,
    Normal,
    Members,
}

impl Log {
    /// The records below.
    pub(crate) fn store(&self) -> &LogStore {
        &self.store
    }

    pub(crate) fn new(store: LogStore) -> Self {
        Self { store, begin: Arc::default() }
    }

    /// First index that is not purged.
    fn first(&self) -> u64 {
        self.store.bounds().purged.map_or_else(|| self.begin.load(Ordering::Acquire), |(purged, _)| purged + 1)
    }

    fn note_begin(&self, first: u64) {
        let bounds = self.store.bounds();
        if bounds.last.is_none() && bounds.purged.is_none() {
            self.begin.store(first, Ordering::Release);
        }
    }

    /// Returns when everything given to the log before is durable.
    pub(crate) async fn barrier(&self) -> io::Result<()> {
        let (done, reached) = oneshot::channel();
        // A dropped receiver means the caller is gone: nobody is left to tell.
        self.store.barrier(Box::new(move |result| drop(done.send(result))));
        reached.await.unwrap_or_else(|_| Err(io::Error::other("the log's writer has stopped")))
    }

    async fn save_vote_bytes(&self, vote: Bytes) -> io::Result<()> {
        let (done, saved) = oneshot::channel();
        // A dropped receiver means the caller is gone: nobody is left to tell.
        self.store.save_vote(vote, Box::new(move |result| drop(done.send(result))));
        if planted::is(Planted::VoteNotAwaited) {
            return Ok(());
        }
        saved.await.unwrap_or_else(|_| Err(io::Error::other("the log's writer has stopped")))
    }

    /// A prefix of `start..end`, never empty if `start` is present. Recent entries come from memory, older ones block.
    async fn read(&self, start: u64, end: u64) -> io::Result<Vec<LogEntry>> {
        let records = if self.store.is_cached(start) {
            self.store.read(start, end, limits::APPEND_BYTES)?
        } else {
            let store = self.store.clone();
            blocking(move || store.read(start, end, limits::APPEND_BYTES)).await??
        };
        records.into_iter().map(to_entry).collect()
    }
}

impl RaftLogReader<TypeConfig> for Log {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + OptionalSend>(&mut self, range: R) -> io::Result<Vec<LogEntry>> {
        let (start, end) = half_open(&range);
        let mut start = start.max(self.first());
        let mut entries = Vec::new();
        while start < end {
            let more = self.read(start, end).await?;
            let Some(last) = more.last() else { break };
            start = last.log_id.index() + 1;
            entries.extend(more);
        }
        Ok(entries)
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        let Some(bytes) = self.store.vote() else { return Ok(None) };
        Ok(Some(from_disk::<VoteV1>(&bytes).map_err(damaged)?.into()))
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<LogEntry>> {
        self.read(start, end).await
    }
}

impl RaftLogStorage<TypeConfig> for Log {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let bounds = self.store.bounds();
        let purged = match &bounds.purged {
            Some((_, marker)) => Some(from_disk::<LogIdV1>(marker).map_err(damaged)?.into()),
            None => None,
        };
        let last = match &bounds.last {
            Some((index, head)) => {
                let head: HeadV1 = from_disk(head).map_err(damaged)?;
                Some(LogId::new(RaftLeaderId::new(head.term, head.leader), *index))
            }
            None => purged,
        };
        Ok(LogState { last_purged_log_id: purged, last_log_id: last })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        self.save_vote_bytes(to_disk(&VoteV1::from(vote))).await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        self.store.save_committed(to_disk(&committed.as_ref().map(LogIdV1::from)));
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(committed_id(&self.store)?.map(LogId::from))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = LogEntry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let records: Vec<LogRecord> = entries.into_iter().map(|entry| to_record(&entry)).collect();
        if !self.store.has_room() {
            let store = self.store.clone();
            blocking(move || store.wait_for_room()).await?;
        }
        if let Some(first) = records.first().filter(|first| first.index > 0) {
            self.note_begin(first.index);
        }
        if planted::is(Planted::CallBackBeforeSync) {
            callback.io_completed(Ok(()));
            self.store.append(records, Box::new(drop));
        } else {
            self.store.append(records, Box::new(move |result| callback.io_completed(result)));
        }
        Ok(())
    }

    async fn truncate_after(&mut self, last_kept: Option<LogId>) -> io::Result<()> {
        self.store.truncate_after(last_kept.map(|id| id.index()))
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        self.store.purge(upto.index(), to_disk(&LogIdV1::from(&upto)))
    }
}

/// Last index that a stopped node's log knows to be committed.
pub(crate) fn committed_in(store: &LogStore) -> io::Result<Option<u64>> {
    Ok(committed_id(store)?.map(|id| id.index))
}

fn committed_id(store: &LogStore) -> io::Result<Option<LogIdV1>> {
    let Some(bytes) = store.committed() else { return Ok(None) };
    from_disk(&bytes).map_err(damaged)
}

pub(crate) fn to_record(entry: &LogEntry) -> LogRecord {
    let (kind, payload) = match BodyV1::from(&entry.payload) {
        BodyV1::Blank => (KindV1::Blank, Bytes::new()),
        BodyV1::Normal(bytes) => (KindV1::Normal, bytes),
        BodyV1::Members(membership) => (KindV1::Members, to_disk(&membership)),
    };
    let leader = entry.log_id.committed_leader_id();
    let head = to_disk(&HeadV1 { term: leader.term, leader: leader.node_id, kind });
    LogRecord { index: entry.log_id.index(), head, payload }
}

/// An entry as it was appended.
pub(crate) fn to_entry(record: LogRecord) -> io::Result<LogEntry> {
    let head: HeadV1 = from_disk(&record.head).map_err(damaged)?;
    let body = match head.kind {
        KindV1::Blank => BodyV1::Blank,
        KindV1::Normal => BodyV1::Normal(record.payload),
        KindV1::Members => BodyV1::Members(from_disk(&record.payload).map_err(damaged)?),
    };
    Ok(openraft::Entry { log_id: LogId::new(RaftLeaderId::new(head.term, head.leader), record.index), payload: body.into() })
}

fn half_open(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    (start, end)
}

fn damaged(error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("Raft log: {error}"))
}
