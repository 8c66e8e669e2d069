//! What a Desk keeps of one SKU: a mirror of its numbers, what is provisional, who waits.

use std::collections::VecDeque;

use crate::desk::Records;
use crate::desk::limits::{LOW_WATER, POOL_SHARE, REFILL_LASTS};
use crate::desk::pending::Pending;
use crate::desk::rate::Rate;
use crate::planted::{self, Planted};
use crate::{LogIndex, Mode, Moment, SkuId, SkuView, Stamp};

/// One SKU at this node.
pub(super) struct Shelf<W> {
    /// The numbers at the last applied entry that touched them.
    pub(super) view: SkuView,
    /// An applied index, and its stamp, at which `view` is true.
    pub(super) read_at: (LogIndex, Stamp),
    /// Which life of the mirror `view` was read in; another than the Desk's: read again.
    pub(super) generation: u64,
    /// Units admitted or being returned, without an outcome.
    pub(super) provisional: u64,
    pub(super) rate: Rate,
    /// When a refill was asked for last, if its units have not come.
    pub(super) refill_asked: Option<Moment>,
    /// Units that the leader was told are needed for who waits, and that have not come.
    pub(super) told_needed: u64,
    /// Who waits for units of this SKU, or for a proof that there are none. In order of arrival.
    pub(super) waiting: VecDeque<Pending<W>>,
    /// Whether it stands in the Desk's list of active SKUs.
    pub(super) active: bool,
}

impl<W> Shelf<W> {
    fn new(view: SkuView, read_at: (LogIndex, Stamp), generation: u64) -> Self {
        Self {
            view,
            read_at,
            generation,
            provisional: 0,
            rate: Rate::default(),
            refill_asked: None,
            told_needed: 0,
            waiting: VecDeque::new(),
            active: false,
        }
    }

    pub(super) fn refresh(&mut self, view: SkuView, read_at: (LogIndex, Stamp), generation: u64) {
        if view.slice > self.view.slice {
            self.refill_asked = None;
            self.told_needed = self.told_needed.saturating_sub(view.slice - self.view.slice);
        }
        self.view = view;
        self.read_at = read_at;
        self.generation = generation;
    }

    /// Units that may be admitted now. Of a sliced SKU's pool only a part is drawn unasked, so that nodes do not race
    /// for it; a request that waited in vain for a refill may draw on all of it.
    pub(super) fn sellable(&self, patient: bool) -> u64 {
        let pool = match self.view.mode {
            Mode::Sliced if !patient => self.view.pool / POOL_SHARE,
            Mode::Sliced | Mode::Pooled => self.view.pool,
        };
        let most = self.view.slice.saturating_add(pool) + u64::from(planted::is(Planted::AdmitBeyondSlice));
        most.saturating_sub(self.provisional)
    }

    /// Units of the slice that nothing was promised of.
    pub(super) fn unpromised(&self) -> u64 {
        self.view.slice.saturating_sub(self.provisional)
    }

    /// Whether asking the leader could bring units: the SKU is sliced, and pool or others have some.
    pub(super) fn may_refill(&self) -> bool {
        self.view.mode == Mode::Sliced && self.view.available() > self.view.slice
    }

    /// Whether the slice will be empty before a refill lands.
    pub(super) fn is_low(&self) -> bool {
        let low = self.rate.last().saturating_mul(LOW_WATER.0) / 1000;
        self.may_refill() && self.unpromised() < low
    }

    /// Units that would serve this node for a while.
    pub(super) fn appetite(&self) -> u64 {
        self.rate.last().saturating_mul(REFILL_LASTS.0) / 1000
    }

    pub(super) fn waiting_units(&self, sku: SkuId) -> u64 {
        self.waiting.iter().filter(|pending| !pending.waits_for_proof).map(|pending| pending.units_of(sku)).sum()
    }
}

/// The shelves by SKU number; numbers are dense, so this is a plain vector.
pub(super) struct Shelves<W>(Vec<Option<Box<Shelf<W>>>>);

impl<W> Shelves<W> {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn get(&self, sku: SkuId) -> Option<&Shelf<W>> {
        self.0.get(sku.0 as usize)?.as_deref()
    }

    pub(super) fn get_mut(&mut self, sku: SkuId) -> Option<&mut Shelf<W>> {
        self.0.get_mut(sku.0 as usize)?.as_deref_mut()
    }

    /// The shelf of `sku`, read from `records` if it is missing or of an earlier life. None if there is no such SKU.
    pub(super) fn load(&mut self, sku: SkuId, generation: u64, records: &impl Records) -> Option<&mut Shelf<W>> {
        let at = sku.0 as usize;
        let is_current = self.get(sku).is_some_and(|shelf| shelf.generation == generation);
        if !is_current {
            // Only a SKU that exists makes the vector grow: a number from outside never does.
            let view = records.view(sku)?;
            let read_at = records.applied();
            if self.0.len() <= at {
                self.0.resize_with(at + 1, || None);
            }
            match &mut self.0[at] {
                Some(shelf) => shelf.refresh(view, read_at, generation),
                empty => *empty = Some(Box::new(Shelf::new(view, read_at, generation))),
            }
        }
        self.get_mut(sku)
    }

    /// All shelves, by SKU.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Shelf<W>> {
        self.0.iter_mut().filter_map(Option::as_deref_mut)
    }
}
