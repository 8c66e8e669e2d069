//! What one entry does besides changing state: its history and the SKUs it touches.

use crate::{Event, EventKind, LogIndex, SkuId, Stamp};

/// Gathers while one entry is applied.
pub(super) struct EntryContext {
    /// The entry.
    pub(super) index: LogIndex,
    /// The cluster clock from this entry on.
    pub(super) clock: Stamp,
    /// History so far.
    pub(super) events: Vec<Event>,
    /// SKUs changed so far, with what was available of each before.
    pub(super) touched: Vec<Touched>,
}

/// A SKU that this entry changed.
pub(super) struct Touched {
    pub(super) sku: SkuId,
    /// Units in pool and slices before the entry; none for a SKU that this entry created.
    pub(super) available_before: Option<u64>,
}

impl EntryContext {
    pub(super) fn new(index: LogIndex, clock: Stamp) -> Self {
        Self { index, clock, events: Vec::new(), touched: Vec::new() }
    }

    /// Position that the next event gets.
    ///
    /// # Panics
    /// Past 65,535: the bounds on judged and swept records keep acceptances and changes far below.
    #[allow(clippy::expect_used)]
    pub(super) fn next_position(&self) -> u16 {
        u16::try_from(self.events.len()).expect("the bounds of an entry keep its events below 65,536")
    }

    pub(super) fn tell(&mut self, kind: EventKind) {
        let position = self.next_position();
        self.events.push(Event { position, kind });
    }

    /// Adds a notice that history can miss: what no longer fits an entry's positions is left out, on every node alike.
    pub(super) fn notice(&mut self, kind: EventKind) {
        if u16::try_from(self.events.len()).is_ok() {
            self.tell(kind);
        }
    }
}
