//! What the log's readers see: its ends, and the recent records in memory. Changes before anything is written.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::limits::{LOG_MARK_BYTES, LOG_TAIL_BYTES, RECORD_OVERHEAD_BYTES};
use crate::{LogBounds, LogRecord};

/// What a record takes in memory and, nearly, on disk.
pub(crate) fn record_bytes(record: &LogRecord) -> usize {
    record.head.len() + record.payload.len() + RECORD_OVERHEAD_BYTES
}

/// The log as its readers see it.
#[derive(Default)]
pub(crate) struct LogTail {
    /// Contiguous, up to the last record; unwritten ones are always here.
    records: VecDeque<LogRecord>,
    bytes: usize,
    /// Last record that is on disk; records up to it may leave memory.
    written: Option<u64>,
    /// Grows with each truncation: a writer's news about records from before it are void.
    generation: u64,
    bounds: LogBounds,
    /// Bytes of all records ever taken in, at some indices, ascending.
    marks: VecDeque<(u64, u64)>,
    total_bytes: u64,
    purged_bytes: u64,
    pub(crate) vote: Option<Bytes>,
    pub(crate) committed: Option<Bytes>,
    /// Whether the committed mark was not given to the writer yet.
    pub(crate) committed_is_new: bool,
}

impl LogTail {
    pub(crate) fn new(vote: Option<Bytes>, committed: Option<Bytes>) -> Self {
        Self { vote, committed, ..Self::default() }
    }

    pub(crate) fn bounds(&self) -> &LogBounds {
        &self.bounds
    }

    /// The committed mark, if it was not taken since it was saved.
    pub(crate) fn take_new_committed(&mut self) -> Option<Bytes> {
        std::mem::take(&mut self.committed_is_new).then(|| self.committed.clone()).flatten()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// The only index that may be appended next; none if any may, because nothing was ever there.
    pub(crate) fn next_index(&self) -> Option<u64> {
        let last = self.bounds.last.as_ref().or(self.bounds.purged.as_ref());
        last.map(|(index, _)| index + 1)
    }

    pub(crate) fn push(&mut self, record: LogRecord) {
        let bytes = record_bytes(&record);
        self.pass(record.index, bytes);
        self.bytes += bytes;
        self.bounds.last = Some((record.index, record.head.clone()));
        self.records.push_back(record);
    }

    /// Counts a record that is on disk and not taken into memory.
    pub(crate) fn pass(&mut self, index: u64, bytes: usize) {
        self.total_bytes += bytes as u64;
        if self.marks.back().is_none_or(|(_, total)| self.total_bytes - total >= LOG_MARK_BYTES) {
            self.marks.push_back((index, self.total_bytes));
        }
    }

    /// Hears that the disk has every record up to `index` of that generation.
    pub(crate) fn mark_written(&mut self, generation: u64, index: u64) {
        if generation == self.generation {
            self.written = Some(index);
        }
        self.evict();
    }

    fn evict(&mut self) {
        while self.bytes > LOG_TAIL_BYTES
            && let Some(front) = self.records.front()
            && self.written.is_some_and(|written| front.index <= written)
        {
            self.pop_front();
        }
    }

    fn pop_front(&mut self) {
        if let Some(record) = self.records.pop_front() {
            self.bytes -= record_bytes(&record);
        }
    }

    /// Forgets records after `last_kept`, which is `head`'s index, or everything beyond the purged ones.
    pub(crate) fn truncate_after(&mut self, last_kept: Option<(u64, Bytes)>) {
        let keep = last_kept.as_ref().map(|(index, _)| *index);
        while let Some(record) = self.records.pop_back_if(|record| keep.is_none_or(|keep| record.index > keep)) {
            self.bytes -= record_bytes(&record);
        }
        while self.marks.pop_back_if(|(index, _)| keep.is_none_or(|keep| *index > keep)).is_some() {}
        self.total_bytes = self.marks.back().map_or(self.purged_bytes, |(_, total)| *total);
        self.written = self.written.zip(keep).map(|(written, keep)| written.min(keep));
        self.generation += 1;
        self.bounds.last = last_kept;
    }

    /// Forgets records up to `upto`, which may lie beyond the last.
    pub(crate) fn purge(&mut self, upto: u64, marker: Bytes) {
        while self.records.front().is_some_and(|record| record.index <= upto) {
            self.pop_front();
        }
        while let Some((_, total)) = self.marks.pop_front_if(|(index, _)| *index <= upto) {
            self.purged_bytes = total;
        }
        self.bounds.purged = Some((upto, marker));
        if self.bounds.last.as_ref().is_some_and(|(last, _)| *last <= upto) {
            self.bounds.last = None;
            self.purged_bytes = self.total_bytes;
        }
    }

    /// Bytes from the purged index to the end, to within [`LOG_MARK_BYTES`].
    pub(crate) fn log_bytes(&self) -> u64 {
        self.total_bytes - self.purged_bytes
    }

    /// The last index that may go if at least `keep_bytes` are to stay.
    pub(crate) fn purge_keeping(&self, keep_bytes: u64) -> Option<u64> {
        let fitting = self.marks.iter().take_while(|(_, total)| self.total_bytes - total >= keep_bytes);
        fitting.last().map(|(index, _)| *index)
    }

    /// First record in memory; none if it is empty.
    pub(crate) fn first_cached(&self) -> Option<u64> {
        self.records.front().map(|record| record.index)
    }

    /// Records `start..end` from memory, within `max_bytes` but at least one; empty if `start` is not in memory.
    pub(crate) fn read(&self, start: u64, end: u64, max_bytes: usize) -> Vec<LogRecord> {
        let Some(first) = self.first_cached().filter(|first| *first <= start) else { return Vec::new() };
        let skip = usize::try_from(start - first).unwrap_or(usize::MAX);
        let mut bytes = 0;
        self.records
            .iter()
            .skip(skip)
            .take_while(|record| {
                let is_first = bytes == 0;
                bytes += record_bytes(record);
                record.index < end && (is_first || bytes <= max_bytes)
            })
            .cloned()
            .collect()
    }
}
