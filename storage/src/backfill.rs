//! Gaps in the order log that a snapshot left, and the blocks of pages that fill them.

use std::io;

use bytes::Bytes;
use holdfast_inventory::{Event, LogIndex, OrderRef, Stamp};
use serde::{Deserialize, Serialize};

use crate::Place;
use crate::engine::Slice;
use crate::limits::MISSING_RANGES;
use crate::memtable::Memtable;
use crate::order_keys::{after, page_key, place_of};
use crate::order_log::OrderCore;
use crate::pages::{Page, Puts, derive};
use crate::statuses::{ByOrder, group_of, stored};

/// A range of history that this node does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// First place that is missing.
    pub from: Place,
    /// Last entry that is missing, whole.
    pub through: LogIndex,
}

impl Missing {
    /// Whether some place from `from` on and before `to` is in the range.
    pub fn meets(&self, from: Place, to: Place) -> bool {
        self.from < to && from <= (self.through, u16::MAX)
    }
}

/// Pages of a range, as one peer gives them to another. Each page carries its own checksum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageBlock {
    /// Where the block begins.
    pub from: Place,
    /// Where the next block begins; none if the asked-for range is complete.
    pub next: Option<Place>,
    /// Last entry of the asked-for range.
    pub through: LogIndex,
    /// The pages, each with the place of its first event.
    pub pages: Vec<(Place, Bytes)>,
}

impl PageBlock {
    /// Where the block ends, exclusive.
    fn end(&self) -> Place {
        self.next.unwrap_or((LogIndex(self.through.0.saturating_add(1)), 0))
    }
}

impl Memtable {
    /// Records the gap between the last appended entry and `index`, if there is one.
    pub(crate) fn miss_before(&mut self, index: LogIndex) {
        let first = self.appended.map_or(0, |appended| appended.0 + 1);
        // A log that begins with entry 1 misses nothing: there is no entry 0.
        if first >= index.0 || (self.appended.is_none() && index.0 == 1) {
            return;
        }
        self.missing_is_new = true;
        let through = LogIndex(index.0 - 1);
        let is_full = self.missing.len() >= MISSING_RANGES;
        match self.missing.last_mut() {
            Some(last) if is_full || last.through.0 + 1 == first => last.through = through,
            _ => self.missing.push(Missing { from: (LogIndex(first), 0), through }),
        }
    }

    /// Where the history that begins at `from` ends for now; none if `from` itself is missing.
    fn whole_until(&self, from: Place) -> Option<Place> {
        let Some(next) = self.missing.iter().find(|range| range.through >= from.0) else {
            return Some((LogIndex(u64::MAX), u16::MAX));
        };
        (next.from > from).then_some(next.from)
    }

    /// Shrinks the missing range that begins at `from` to what is left from `end` on.
    fn found(&mut self, from: Place, end: Place) {
        self.missing_is_new = true;
        for range in self.missing.iter_mut().filter(|range| range.from == from) {
            range.from = end;
        }
        self.missing.retain(|range| range.from.0 <= range.through);
    }
}

impl OrderCore {
    pub(crate) fn events(&self, from: Place, max_bytes: usize) -> io::Result<Vec<(LogIndex, Stamp, Event)>> {
        let mut events = Vec::new();
        self.walk(from, max_bytes, (LogIndex(u64::MAX), u16::MAX), |page, _| {
            let index = page.first.0;
            let wanted = page.events.into_iter().filter(|event| (index, event.position) >= from);
            events.extend(wanted.map(|event| (index, page.stamp, event)));
        })?;
        Ok(events)
    }

    pub(crate) fn events_of(&self, index: LogIndex) -> io::Result<Option<Vec<Event>>> {
        let (mut events, end) = (Vec::new(), (LogIndex(index.0.saturating_add(1)), 0));
        let reached = self.walk((index, 0), usize::MAX, end, |page, _| events.extend(page.events))?;
        Ok(reached.filter(|reached| *reached >= end).map(|_| events))
    }

    pub(crate) fn pages(&self, from: Place, through: LogIndex, max_bytes: usize) -> io::Result<Option<PageBlock>> {
        if self.memtable().appended < Some(through) {
            return Ok(None);
        }
        let mut pages = Vec::new();
        let end = (LogIndex(through.0.saturating_add(1)), 0);
        let reached = self.walk(from, max_bytes, end, |page, value| pages.push((page.first, Bytes::copy_from_slice(&value))))?;
        Ok(reached.map(|reached| PageBlock { from, next: (reached < end).then_some(reached), through, pages }))
    }

    /// Visits the pages from `from` on until one would pass `max_bytes`, begin at `end`, or be missing. Gives the place where
    /// it stopped; none if `from` itself is missing.
    fn walk(&self, from: Place, max_bytes: usize, end: Place, mut visit: impl FnMut(Page, Slice)) -> io::Result<Option<Place>> {
        let Some(whole_until) = self.memtable().whole_until(from) else { return Ok(None) };
        let end = end.min(whole_until);
        let mut lower = match self.page_of(from)? {
            Some(page) => page_key(page.first),
            None => page_key(from),
        };
        let mut bytes = 0;
        while let Some((key, value)) = self.first_in(&lower, &page_key(end))? {
            if bytes > 0 && bytes + value.len() > max_bytes {
                return place_of(&key).map(Some);
            }
            bytes += value.len();
            let page = Page::read(&key, &value)?;
            lower = page_key(after(page.first));
            visit(page, value);
        }
        Ok(Some(end))
    }

    pub(crate) fn install(&self, block: &PageBlock) -> io::Result<()> {
        let end = block.end();
        let fits = |range: &Missing| range.from == block.from && end > block.from && end.0.0 <= range.through.0.saturating_add(1);
        if !self.memtable().missing.iter().any(fits) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the block does not continue a missing range"));
        }
        let mut pages = Vec::with_capacity(block.pages.len());
        let mut from = block.from;
        for (place, value) in &block.pages {
            if *place < from || *place >= end {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "the block's pages are not in order"));
            }
            pages.push((Page::read(&page_key(*place), value)?, value));
            from = after(*place);
        }
        for (page, value) in pages {
            self.install_page(&page, value)?;
        }
        self.memtable().found(block.from, end);
        self.filled.notify_one();
        Ok(())
    }

    /// Adds a page of the past: a status that a later event set stays.
    fn install_page(&self, page: &Page, value: &Bytes) -> io::Result<()> {
        let mut puts = Puts::default();
        derive(page.first, page.stamp, &page.events, &mut puts);
        let mut memtable = self.wait_for_room()?;
        memtable.put((page_key(page.first), value[..].into()));
        puts.items.into_iter().for_each(|put| memtable.put(put));
        puts.marks.into_iter().for_each(|(page, skus)| memtable.put_marks(page, skus));
        // The memtable stays locked from the look to the change: no newer status comes in between.
        let mut read: Option<(OrderRef, ByOrder)> = None;
        for (order, status) in puts.statuses {
            let group = group_of(order);
            let known = match (memtable.status(order), &read) {
                (Some(known), _) => Some(known),
                (None, Some((of, statuses))) if *of == group => statuses.get(&order).copied(),
                (None, _) => {
                    let (_, statuses) = read.insert((group, stored(&self.engine, group)?));
                    statuses.get(&order).copied()
                }
            };
            if known.is_none_or(|known| known.at < status.at) {
                memtable.put_status(order, status);
            }
        }
        Ok(())
    }
}
