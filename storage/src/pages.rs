//! Order pages: the events of one entry, cut so that a page stays within 4 KiB.
//!
//! Body of a page, integers little-endian: the entry's stamp (8), then each event as length (4) and its encoding. An event
//! that alone is larger than a page gets a page of its own.

use std::io;

use bytes::Bytes;
use holdfast_inventory::{Event, EventKind, LogIndex, OrderRef, SkuId, Stamp, StatusAt, codec};
use serde::{Deserialize, Serialize};

use crate::frame::{damaged, seal, unseal};
use crate::limits::PAGE_BYTES;
use crate::order_keys::{buyer_key, page_key, place_of, sku_key, status_key};

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
        let (stamp, mut rest) = unseal(key, value)?.split_first_chunk::<8>().ok_or_else(|| damaged("a page is too short"))?;
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
pub(crate) type Put = (Vec<u8>, Bytes);

/// The latest status of an order, with the event that set it: an older event never overwrites a newer one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StatusV1 {
    pub(crate) at: Place,
    pub(crate) status: StatusAt,
}

impl StatusV1 {
    pub(crate) fn read(key: &[u8], value: &[u8]) -> io::Result<Self> {
        codec::decode(unseal(key, value)?).map_err(|error| damaged(&format!("an order's status: {error}")))
    }
}

/// What the events of a page add to the log beside the page.
pub(crate) struct Derived {
    /// Keys by which lists find the page or the order.
    pub(crate) marks: Vec<Put>,
    /// Statuses that changed, in order.
    pub(crate) statuses: Vec<(OrderRef, StatusV1)>,
}

/// Everything that an entry's events add to the log.
pub(crate) fn puts_of(index: LogIndex, stamp: Stamp, events: &[Event]) -> Vec<Put> {
    let mut puts = Vec::new();
    let mut page = Draft::new(index, stamp);
    for (at, event) in events.iter().enumerate() {
        let bytes = codec::encode(event);
        if !page.has_room_for(&bytes) {
            page.finish(&events[..at], &mut puts);
            page = Draft { begin: at, ..Draft::new(index, stamp) };
        }
        page.push(&bytes);
    }
    page.finish(events, &mut puts);
    puts
}

/// A page being filled with the events from `begin` on.
struct Draft {
    index: LogIndex,
    stamp: Stamp,
    begin: usize,
    body: Vec<u8>,
}

impl Draft {
    fn new(index: LogIndex, stamp: Stamp) -> Self {
        let mut body = Vec::with_capacity(PAGE_BYTES);
        body.extend_from_slice(&stamp.0.to_le_bytes());
        Self { index, stamp, begin: 0, body }
    }

    fn has_room_for(&self, event: &[u8]) -> bool {
        self.body.len() == 8 || self.body.len() + 4 + event.len() <= PAGE_BYTES
    }

    fn push(&mut self, event: &[u8]) {
        // An event is far below 4 GiB: its texts are bounded at the edge of the cluster.
        self.body.extend_from_slice(&u32::try_from(event.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.body.extend_from_slice(event);
    }

    /// Adds the page of the events from `begin` to the end of `events`, if there are any.
    fn finish(self, events: &[Event], puts: &mut Vec<Put>) {
        let events = &events[self.begin..];
        let Some(first) = events.first() else { return };
        let place = (self.index, first.position);
        let derived = derive(place, self.stamp, events);
        puts.push(sealed(place, &self.body));
        puts.extend(derived.marks);
        puts.extend(derived.statuses.iter().map(|(order, status)| status_put(*order, status)));
    }
}

fn sealed(place: Place, body: &[u8]) -> Put {
    let key = page_key(place);
    let value = seal(&key, &[body]).into();
    (key, value)
}

/// The marks and statuses of the events in a page that begins at `first`.
pub(crate) fn derive(first: Place, stamp: Stamp, events: &[Event]) -> Derived {
    let mut skus: Vec<SkuId> = Vec::new();
    let mut derived = Derived { marks: Vec::new(), statuses: Vec::new() };
    for event in events {
        match &event.kind {
            EventKind::Accepted { order, .. } => skus.extend(order.lines.iter().map(|line| line.sku)),
            EventKind::Changed { order, status, .. } => {
                let status = StatusAt { status: *status, since: stamp };
                derived.statuses.push((*order, StatusV1 { at: (first.0, event.position), status }));
            }
            EventKind::BuyerForgotten { buyer, latest } => {
                derived.marks.push((buyer_key(*buyer, (latest.index, latest.position)), Bytes::new()));
            }
            EventKind::Adjusted { .. } | EventKind::SoldOut { .. } | EventKind::BackInStock { .. } => {}
        }
    }
    skus.sort_unstable();
    skus.dedup();
    derived.marks.extend(skus.into_iter().map(|sku| (sku_key(sku, first), Bytes::new())));
    derived
}

/// The value that keeps an order's latest status.
pub(crate) fn status_put(order: OrderRef, status: &StatusV1) -> Put {
    let key = status_key(order);
    let value = seal(&key, &[&codec::encode(status)]).into();
    (key, value)
}
