//! One SKU: its numbers, and the only functions that move units between them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::hashing::Keyed;
use crate::planted::{self, Planted};
use crate::{LogIndex, Mode, SessionId, Settings, SkuId, SkuName, SkuView, Stamp, Version};

/// Units that one session may sell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    /// Whose.
    pub session: SessionId,
    /// How many; never zero.
    pub units: u64,
}

/// What is sold, with all its numbers at one applied index.
///
/// Always: `stock = pool + Σ slice + held + confirmed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sku {
    /// Its number.
    pub id: SkuId,
    /// Its name.
    pub name: Arc<SkuName>,
    /// What its owner may change.
    pub settings: Arc<Settings>,
    /// Version of the settings, from 1.
    pub version: Version,
    /// Whether orders draw from slices or from the pool.
    pub mode: Mode,
    /// Since when its owner has stopped the sale, if so.
    pub stopped: Option<Stamp>,
    /// Units ever added, net.
    pub stock: u64,
    /// Units that no node has.
    pub pool: u64,
    /// Units of held orders.
    pub held: u64,
    /// Units of confirmed orders.
    pub confirmed: u64,
    /// What nodes may sell, by session, ascending.
    #[serde(deserialize_with = "crate::cautious::list")]
    pub slices: SmallVec<[Slice; 4]>,
    /// Last entry that changed anything here.
    pub changed_at: LogIndex,
    /// Σ slice, kept so that no order adds them up.
    pub(super) sliced: u64,
}

/// Where units of an order are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Held,
    Confirmed,
}

impl Sku {
    /// Units that nobody has bought or holds.
    pub fn available(&self) -> u64 {
        self.pool + self.sliced
    }

    /// Units in all slices together.
    pub fn sliced(&self) -> u64 {
        self.sliced
    }

    /// Units in the slice of a session.
    pub fn slice(&self, session: SessionId) -> u64 {
        self.slices.iter().find(|slice| slice.session == session).map_or(0, |slice| slice.units)
    }

    /// The numbers as one session sees them.
    pub fn view(&self, session: Option<SessionId>) -> SkuView {
        SkuView {
            sku: self.id,
            mode: self.mode,
            stock: self.stock,
            pool: self.pool,
            slice: session.map_or(0, |session| self.slice(session)),
            slices: self.sliced,
            held: self.held,
            confirmed: self.confirmed,
            opens_at: self.settings.opens_at,
            closes_at: self.settings.closes_at,
            stopped: self.stopped.is_some(),
            per_buyer_limit: self.settings.per_buyer_limit,
            hold_ttl: self.settings.hold_ttl,
            late_confirm: self.settings.late_confirm,
            version: self.version,
        }
    }

    /// Whether `stock = pool + Σ slice + held + confirmed`, the sum of slices added up anew.
    pub fn is_conserved(&self) -> bool {
        let sliced = self.slices.iter().try_fold(0_u64, |sum, slice| sum.checked_add(slice.units));
        let sold = self.held.checked_add(self.confirmed);
        let total = self.pool.checked_add(self.sliced).zip(sold).and_then(|(free, sold)| free.checked_add(sold));
        sliced == Some(self.sliced) && total == Some(self.stock) && self.slices.iter().all(|slice| slice.units > 0)
    }

    /// Since when nothing has been sold any more by `clock`, if so.
    pub(super) fn closed_since(&self, clock: Stamp) -> Option<Stamp> {
        let by_hours = self.settings.closes_at.filter(|&closes_at| closes_at <= clock);
        [by_hours, self.stopped].into_iter().flatten().min()
    }

    /// Takes the units of an order line: from the session's slice first, then from the pool.
    ///
    /// # Panics
    /// If both together hold fewer: the plan was wrong, and selling on would oversell.
    pub(super) fn take(&mut self, session: SessionId, units: u64, to: Taken) {
        let units = if planted::is(Planted::SellWhatIsNotThere) { units.min(self.slice(session) + self.pool) } else { units };
        let from_slice = self.slice(session).min(units);
        if from_slice > 0 {
            self.shrink_slice(session, from_slice);
        }
        self.pool = less(self.pool, units - from_slice);
        match to {
            Taken::Held => self.held = more(self.held, units),
            Taken::Confirmed => self.confirmed = more(self.confirmed, units),
        }
    }

    /// Held units become sold.
    pub(super) fn confirm(&mut self, units: u64) {
        self.held = less(self.held, units);
        self.confirmed = more(self.confirmed, units);
    }

    /// Units of an order that ended come back to the pool.
    pub(super) fn put_back(&mut self, units: u64, from: Taken) {
        match from {
            Taken::Held => self.held = less(self.held, units),
            Taken::Confirmed => self.confirmed = less(self.confirmed, units),
        }
        self.pool = more(self.pool, units);
        if planted::is(Planted::ReturnStockTwice) {
            self.pool = more(self.pool, units);
            self.stock = more(self.stock, units);
        }
        if planted::is(Planted::ReturnUnitTooMany) {
            self.pool = more(self.pool, 1);
        }
    }

    /// Units from the pool into a slice.
    pub(super) fn grant(&mut self, session: SessionId, units: u64) {
        self.pool = less(self.pool, units);
        self.sliced = more(self.sliced, units);
        match self.slices.binary_search_by_key(&session, |slice| slice.session) {
            Ok(at) => self.slices[at].units = more(self.slices[at].units, units),
            Err(at) => self.slices.insert(at, Slice { session, units }),
        }
    }

    /// Units from a slice back to the pool; returns how many there were of those asked for.
    pub(super) fn give_back(&mut self, session: SessionId, units: u64) -> u64 {
        let given = self.slice(session).min(units);
        if given > 0 {
            self.shrink_slice(session, given);
            self.pool = more(self.pool, given);
        }
        given
    }

    /// Every slice back to the pool.
    pub(super) fn pool_all(&mut self) {
        self.pool = more(self.pool, self.sliced);
        self.sliced = 0;
        self.slices.clear();
    }

    fn shrink_slice(&mut self, session: SessionId, units: u64) {
        self.sliced = less(self.sliced, units);
        if let Ok(at) = self.slices.binary_search_by_key(&session, |slice| slice.session) {
            self.slices[at].units = less(self.slices[at].units, units);
            if self.slices[at].units == 0 {
                self.slices.remove(at);
            }
        }
    }

    /// Writes the numbers that replicas must agree on.
    pub(super) fn tell(&self, hash: &mut Keyed) {
        let flags = u64::from(self.mode == Mode::Pooled) | u64::from(self.stopped.is_some()) << 1;
        hash.u64(u64::from(self.id.0) << 32 | flags).u64(self.version.0).u64(self.stock).u64(self.pool).u64(self.sliced);
        hash.u64(self.held).u64(self.confirmed);
        for slice in &self.slices {
            hash.u64(slice.session.0).u64(slice.units);
        }
    }
}

#[allow(clippy::expect_used)] // Unchecked, a count that wraps would sell units that do not exist.
fn less(from: u64, units: u64) -> u64 {
    from.checked_sub(units).expect("no count of units falls below zero")
}

#[allow(clippy::expect_used)] // See `less`.
fn more(to: u64, units: u64) -> u64 {
    to.checked_add(units).expect("no count of units passes its range")
}
