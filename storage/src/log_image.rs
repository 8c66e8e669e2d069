//! What the written log comes to: vote, marks, and where each entry stands. The writer after each group and recovery apply the same
//! edits to it; readers ask it for entries that are no longer in memory.

use std::collections::VecDeque;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;

use crate::LogRecord;
use crate::frame::damaged;
use crate::limits::RECORD_OVERHEAD_BYTES;
use crate::log_group::{Edit, Group, entry_content_bytes, read_entry};
use crate::log_segment::Segment;

/// Where an entry stands: twelve bytes of memory for each entry of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    segment: u32,
    offset: u32,
    bytes: u32,
}

impl Place {
    /// What its record takes in memory.
    pub(crate) fn record_bytes(self) -> usize {
        entry_content_bytes(self.bytes) + RECORD_OVERHEAD_BYTES
    }
}

/// The log as its segments hold it.
#[derive(Debug, Default)]
pub(crate) struct LogImage {
    pub(crate) vote: Option<Bytes>,
    pub(crate) committed: Option<Bytes>,
    pub(crate) purged: Option<(u64, Bytes)>,
    /// The only index that may come next; any, if none.
    next: Option<u64>,
    /// Of entries that were written before the first segment at hand, the end: they must turn out to be purged.
    absent_before: Option<u64>,
    /// Of the entries up to `next`, ascending in index and in place.
    places: VecDeque<Place>,
    /// Ascending without a gap; entries are in these only.
    pub(crate) segments: VecDeque<Arc<Segment>>,
}

impl LogImage {
    /// Applies an edit of a group that begins at `offset` of `segment`. `InvalidData` if it contradicts what was before.
    pub(crate) fn apply(&mut self, edit: Edit, segment: u32, offset: u32) -> io::Result<()> {
        match edit {
            Edit::Begin { next } => return self.begin(next),
            Edit::Entry { index, offset: within, bytes } => {
                if self.next.is_some_and(|next| next != index) {
                    return Err(damaged(&format!("entry {index} follows on {:?}", self.next)));
                }
                self.next = Some(index + 1);
                self.places.push_back(Place { segment, offset: offset + within, bytes });
            }
            Edit::Truncate { next } => self.truncate(next),
            Edit::Purge { upto, marker } => self.purge(upto, marker),
            Edit::Vote(vote) => self.vote = Some(vote),
            Edit::Committed(committed) => self.committed = Some(committed),
        }
        Ok(())
    }

    fn begin(&mut self, next: Option<u64>) -> io::Result<()> {
        if self.segments.len() <= 1 {
            (self.next, self.absent_before) = (next, next);
            return Ok(());
        }
        if next == self.next { Ok(()) } else { Err(damaged(&format!("a segment begins at entry {next:?} instead of {:?}", self.next))) }
    }

    fn truncate(&mut self, next: Option<u64>) {
        let next = next.or_else(|| self.purged.as_ref().map(|(upto, _)| upto.saturating_add(1)));
        let first = self.first();
        let kept = next.zip(first).map_or(0, |(next, first)| next.saturating_sub(first));
        self.places.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
        self.next = next;
        self.absent_before = self.absent_before.min(next);
        self.settle_absent();
    }

    fn purge(&mut self, upto: u64, marker: Bytes) {
        let gone = self.first().map_or(0, |first| (upto.saturating_add(1)).saturating_sub(first));
        self.places.drain(..self.places.len().min(usize::try_from(gone).unwrap_or(usize::MAX)));
        self.next = self.next.max(Some(upto.saturating_add(1)));
        self.purged = Some((upto, marker));
        self.settle_absent();
    }

    /// Absent entries that are purged are not missed.
    fn settle_absent(&mut self) {
        let first_kept = self.purged.as_ref().map_or(0, |(upto, _)| upto.saturating_add(1));
        self.absent_before = self.absent_before.filter(|end| *end > first_kept);
    }

    /// Index of the first entry that has a place.
    fn first(&self) -> Option<u64> {
        self.next.map(|next| next - self.places.len() as u64)
    }

    /// Fails if entries that are not purged were in segments that are gone.
    pub(crate) fn check_whole(&self) -> io::Result<()> {
        match self.absent_before {
            Some(end) => Err(damaged(&format!("the segment with the entries before {end} is missing"))),
            None => Ok(()),
        }
    }

    /// What a new segment begins with, so that it can be the first one.
    pub(crate) fn beginning(&self) -> Group {
        let mut group = Group::default();
        group.add_edit(Edit::Begin { next: self.next });
        let purged = self.purged.clone().map(|(upto, marker)| Edit::Purge { upto, marker });
        let marks = [self.vote.clone().map(Edit::Vote), self.committed.clone().map(Edit::Committed), purged];
        marks.into_iter().flatten().for_each(|edit| group.add_edit(edit));
        group
    }

    /// Takes out the segments that hold no entry any more, the lowest first; not the one that is being written.
    pub(crate) fn take_unused(&mut self, written: u32) -> Vec<Arc<Segment>> {
        let needed = self.places.front().map_or(written, |place| place.segment);
        let unused = self.segments.iter().take_while(|segment| segment.number < needed).count();
        self.segments.drain(..unused).collect()
    }

    /// Sizes of the entries, ascending from the first index that has a place.
    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = (u64, Place)> + ExactSizeIterator + '_ {
        let first = self.first().unwrap_or(0);
        (0..self.places.len()).map(move |at| (first + at as u64, self.places[at]))
    }

    /// Where the entry of an index is.
    pub(crate) fn find(&self, index: u64) -> Option<(Arc<Segment>, Place)> {
        let place = *self.places.get(usize::try_from(index.checked_sub(self.first()?)?).ok()?)?;
        let first = self.segments.front()?.number;
        let segment = self.segments.get((place.segment.checked_sub(first)?) as usize)?;
        Some((Arc::clone(segment), place))
    }
}

/// Reads the entry of an index from its place, checked. Blocks on the disk.
pub(crate) fn read_at(segment: &Segment, place: Place, index: u64) -> io::Result<LogRecord> {
    let mut bytes = vec![0; place.bytes as usize];
    segment.file.read_exact_at(&mut bytes, u64::from(place.offset))?;
    let record = read_entry(&bytes)?;
    if record.index == index { Ok(record) } else { Err(damaged(&format!("entry {} is at the place of entry {index}", record.index))) }
}
