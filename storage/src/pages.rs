//! Order pages: the events of one entry, cut so that a page stays within 4 KiB.
//!
//! Body of a page, integers little-endian: the entry's stamp (8), then each event as length (4) and its encoding. An event
//! that alone is larger than a page gets a page of its own.

use std::io;

use holdfast_inventory::{Event, EventKind, LogIndex, OrderRef, SkuId, Stamp, StatusAt, codec};

use crate::engine::Slice;
use crate::frame::{FRAME_BYTES, close, damaged, unseal};
use crate::limits::{MAX_VALUE_BYTES, PAGE_BYTES};
use crate::order_keys::{buyer_key, page_key, place_of};
use crate::statuses::StatusV1;

/// Bytes of a page's stamp.
const STAMP_BYTES: usize = 8;

/// Where an event stands in history: its entry, and its position within it.
pub type Place = (LogIndex, u16);

/// A page as it is read.
pub(crate) struct Page {
    pub(crate) first: Place,
    pub(crate) stamp: Stamp,
    pub(crate) events: Vec<Event>,
}

impl Page {
    pub(crate) fn read(key: &[u8], value: &[u8]) -> io::Result<Self> {
        let first = place_of(key)?;
        let (stamp, mut rest) = unseal(key, value)?.split_first_chunk::<STAMP_BYTES>().ok_or_else(|| damaged("a page is too short"))?;
        let mut events = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            let (event, after) = after.split_at_checked(length).ok_or_else(|| damaged("a page ends within an event"))?;
            events.push(codec::decode(event).map_err(|error| damaged(&format!("an event in a page: {error}")))?);
            rest = after;
        }
        if rest.is_empty() {
            Ok(Self { first, stamp: Stamp(u64::from_le_bytes(*stamp)), events })
        } else {
            Err(damaged("bytes follow a page's events"))
        }
    }
}

/// A key and its value, to be written.
pub(crate) type Put = (Vec<u8>, Slice);

/// What events add to the log.
#[derive(Default)]
pub(crate) struct Puts {
    /// Pages, and where buyers' chains end.
    pub(crate) items: Vec<Put>,
    /// The SKUs, ascending, of which pages accept orders.
    pub(crate) marks: Vec<(Place, Vec<SkuId>)>,
    /// Statuses that changed, in order.
    pub(crate) statuses: Vec<(OrderRef, StatusV1)>,
}

/// What the events of an entry add to the log.
pub(crate) fn puts_of(index: LogIndex, stamp: Stamp, events: &[Event]) -> Puts {
    let mut puts = Puts::default();
    let mut page = Draft::new(index, stamp);
    for (at, event) in events.iter().enumerate() {
        let before = page.value.len();
        page.push(event);
        if page.value.len() > FRAME_BYTES + PAGE_BYTES && page.begin < at {
            page.finish(before, &events[..at], &mut puts);
        }
    }
    page.finish(page.value.len(), events, &mut puts);
    puts
}

/// A page being filled with the events from `begin` on.
struct Draft {
    index: LogIndex,
    stamp: Stamp,
    begin: usize,
    /// Room for a frame, the stamp, the events.
    value: Vec<u8>,
}

impl Draft {
    fn new(index: LogIndex, stamp: Stamp) -> Self {
        let mut value = Vec::with_capacity(MAX_VALUE_BYTES);
        value.extend_from_slice(&[0; FRAME_BYTES]);
        value.extend_from_slice(&stamp.0.to_le_bytes());
        Self { index, stamp, begin: 0, value }
    }

    fn push(&mut self, event: &Event) {
        let at = self.value.len();
        self.value.extend_from_slice(&[0; 4]);
        codec::encode_event_onto(event, &mut self.value);
        // An event is far below 4 GiB: its texts are bounded at the edge of the cluster.
        let length = u32::try_from(self.value.len() - at - 4).unwrap_or(u32::MAX);
        self.value[at..at + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// Adds the page of the first `bytes`, which hold the events from `begin` to the end of `events`, if there are any. What is
    /// behind them begins the next page.
    fn finish(&mut self, bytes: usize, events: &[Event], puts: &mut Puts) {
        let Some(first) = events.get(self.begin) else { return };
        let place = (self.index, first.position);
        let key = page_key(place);
        close(&key, &mut self.value[..bytes]);
        puts.items.push((key, self.value[..bytes].into()));
        derive(place, self.stamp, &events[self.begin..], puts);
        self.begin = events.len();
        self.value.drain(FRAME_BYTES + STAMP_BYTES..bytes);
    }
}

/// What the events in a page that begins at `first` add to the log beside the page.
pub(crate) fn derive(first: Place, stamp: Stamp, events: &[Event], puts: &mut Puts) {
    let mut skus: Vec<SkuId> = Vec::new();
    for event in events {
        match &event.kind {
            EventKind::Accepted { order, .. } => skus.extend(order.lines.iter().map(|line| line.sku)),
            EventKind::Changed { order, status, .. } => {
                let status = StatusAt { status: *status, since: stamp };
                puts.statuses.push((*order, StatusV1 { at: (first.0, event.position), status }));
            }
            EventKind::BuyerForgotten { buyer, latest } => {
                puts.items.push((buyer_key(*buyer, (latest.index, latest.position)), Slice::default()));
            }
            EventKind::Adjusted { .. } | EventKind::SoldOut { .. } | EventKind::BackInStock { .. } => {}
        }
    }
    skus.sort_unstable();
    skus.dedup();
    skus.shrink_to_fit();
    if !skus.is_empty() {
        puts.marks.push((first, skus));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event((position, bytes): (u16, usize)) -> Event {
        let kind = EventKind::Adjusted { sku: SkuId(1), delta: 1, stock: 2, reason: "x".repeat(bytes).into(), reference: None };
        Event { position, kind }
    }

    proptest! {
        #[test]
        fn pages_hold_all_events_in_order_and_as_many_as_fit(texts in prop::collection::vec(prop_oneof![0..90_usize, 0..5_000_usize], 0..200)) {
            let events: Vec<Event> = (0..).zip(texts).map(event).collect();
            let pages = puts_of(LogIndex(9), Stamp(7), &events);
            let mut read = Vec::new();
            let mut room = 0;
            for (key, value) in &pages.items {
                let page = Page::read(key, value).unwrap();
                prop_assert_eq!((page.first, page.stamp), ((LogIndex(9), page.events[0].position), Stamp(7)));
                prop_assert!(room < 4 + codec::encode(&page.events[0]).len(), "it had room on the page before");
                prop_assert!(value.len() <= FRAME_BYTES + PAGE_BYTES || page.events.len() == 1, "{} bytes", value.len());
                room = (FRAME_BYTES + PAGE_BYTES).saturating_sub(value.len());
                read.extend(page.events);
            }
            prop_assert_eq!(read, events);
        }
    }
}
