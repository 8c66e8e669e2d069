//! Puts groups into segments: one write and one sync for each, and on to the next segment when one is full.
//!
//! A group that does not fit opens the next segment, which was made while this one filled up. The first group in a segment begins
//! with all that the log must remember besides its entries, so that older segments can go once their entries are purged.
//! A group larger than a segment makes its segment larger.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::abort;
use crate::limits::LOG_SECTOR_BYTES;
use crate::log_group::{Edit, Group};
use crate::log_recovery::{Position, made_mark};
use crate::log_seen::LogSeen;
use crate::log_segment::Segment;
use crate::log_supply::Supply;
use crate::log_writer::LogCore;
use crate::planted::{self, Planted};

const HEADER: u64 = LOG_SECTOR_BYTES as u64;

/// Writes at the end of the log. After an error it must not be used again.
pub(crate) struct Appender<'a> {
    core: &'a LogCore,
    supply: Supply,
    seen: LogSeen,
    current: Option<Current>,
    /// Of the last group.
    sequence: u64,
    is_made: bool,
}

/// The segment that is being written.
struct Current {
    segment: Arc<Segment>,
    capacity: u64,
    end: u64,
}

impl Current {
    fn open(segment: Arc<Segment>, end: u64) -> io::Result<Self> {
        Ok(Self { capacity: segment.capacity()?, segment, end })
    }

    fn is_fresh(&self) -> bool {
        self.end == HEADER
    }

    fn has_room(&self, bytes: u64) -> bool {
        self.end + bytes <= self.capacity
    }
}

impl<'a> Appender<'a> {
    pub(crate) fn new(core: &'a LogCore, supply: Supply, position: &Position, seen: LogSeen) -> io::Result<Self> {
        let last = core.image().segments.back().cloned();
        let current = last.map(|segment| Current::open(segment, position.end)).transpose()?;
        Ok(Self { core, supply, seen, current, sequence: position.sequence, is_made: position.is_made })
    }

    /// Writes a group and syncs it; then what it changes is applied to the image.
    ///
    /// Order: write, sync, note of the sync, image; whoever is told afterwards hears of durable bytes.
    pub(crate) fn append(&mut self, group: Group) -> io::Result<()> {
        let (segment, offset, group) = self.place(group)?;
        let sequence = self.sequence + 1;
        let (bytes, edits) = group.seal(segment.salt, sequence);
        abort::point("log-write");
        segment.file.write_all_at(&bytes, offset)?;
        abort::point("log-sync");
        if !planted::is(Planted::LogNotSynced) {
            self.core.syncer.sync(&segment.file)?;
        }
        abort::point("log-synced");
        self.sequence = sequence;
        self.seen.raise(sequence)?;
        let unused = {
            let mut image = self.core.image();
            for edit in edits {
                image.apply(edit, segment.number, position_u32(offset)?)?;
            }
            image.take_unused(segment.number)
        };
        if !unused.is_empty() {
            self.supply.take_back(unused)?;
        }
        self.make_ahead()
    }

    /// Finds room for a group, which becomes longer if it opens a segment.
    fn place(&mut self, group: Group) -> io::Result<(Arc<Segment>, u64, Group)> {
        let mut current = match self.current.take() {
            Some(current) => current,
            None => self.next_segment(0, 0)?,
        };
        self.mark_made()?;
        if !current.is_fresh() && !current.has_room(group.padded_bytes()) {
            current = self.next_segment(current.segment.number, current.capacity)?;
        }
        let group = if current.is_fresh() {
            let image = self.core.image();
            let mut beginning = image.beginning();
            beginning.append(group);
            if let Some(vote) = image.vote.clone().filter(|_| planted::is(Planted::OldVoteBehindNewer)) {
                beginning.add_edit(Edit::Vote(vote));
            }
            beginning
        } else {
            group
        };
        let bytes = group.padded_bytes();
        if !current.has_room(bytes) {
            current.segment.grow(current.end + bytes, &*self.core.syncer)?;
            current.capacity = current.end + bytes;
        }
        let place = (Arc::clone(&current.segment), current.end, group);
        current.end += bytes;
        self.current = Some(current);
        Ok(place)
    }

    fn next_segment(&mut self, number: u32, capacity: u64) -> io::Result<Current> {
        self.supply.ask(number + 1, self.core.segment_bytes.after(capacity))?;
        let segment = Arc::new(self.supply.take()?);
        self.core.image().segments.push_back(Arc::clone(&segment));
        Current::open(segment, HEADER)
    }

    /// Once there is a segment, the log must never be taken for a new one again; before the first group of all.
    fn mark_made(&mut self) -> io::Result<()> {
        if !self.is_made {
            made_mark(&self.core.dir).write(&[])?;
            self.is_made = true;
        }
        Ok(())
    }

    /// Has the next segment made while half of this one is still free.
    fn make_ahead(&mut self) -> io::Result<()> {
        match &self.current {
            Some(current) if current.end > current.capacity / 2 => {
                self.supply.ask(current.segment.number + 1, self.core.segment_bytes.after(current.capacity))
            }
            _ => Ok(()),
        }
    }
}

/// Positions within a segment are below 4 GiB: a segment is at most full, or as long as one group.
fn position_u32(position: u64) -> io::Result<u32> {
    u32::try_from(position).map_err(io::Error::other)
}
