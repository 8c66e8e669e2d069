//! A state from the bytes of a snapshot. Bytes may come cut anywhere; nothing is believed before it is checked: no key twice, sums as
//! written, every SKU conserved.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use super::gradual_map::GradualMap;
use super::sku_table::SkuTable;
use super::snapshot_part::{Head, LENGTH_BYTES, MAGIC, Part, Shards, Sums, VERSION, VERSION_OF_SHARDS};
use super::{Founding, Inventory, Sku};
use crate::SkuId;
use crate::codec::{CodecError, MAX_DECODED_BYTES};
use crate::planted::{self, Planted};

/// Why a snapshot was not read.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// The bytes are not those of a snapshot, or some are missing.
    #[error("the snapshot is damaged: {0}")]
    Damaged(&'static str),
    /// A part does not decode.
    #[error("the snapshot is damaged: {0}")]
    Malformed(#[from] CodecError),
    /// Written by a build with another format.
    #[error("snapshot format version {0} is not known to this build")]
    Version(u16),
}

/// Reads what [`Inventory::snapshot`] wrote.
#[derive(Default)]
pub struct SnapshotReader {
    buffer: Vec<u8>,
    version: Option<u16>,
    state: Option<Box<Inventory>>,
    shards: Option<Shards>,
    end: Option<Sums>,
}

const PREFIX_BYTES: usize = MAGIC.len() + size_of::<u16>();

impl SnapshotReader {
    /// Waits for the first bytes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes. Keeps at most one unfinished part. After an error the reader is of no use.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), SnapshotError> {
        self.buffer.extend_from_slice(chunk);
        let mut at = self.read_prefix()?;
        let Some(version) = self.version else { return Ok(()) };
        while let Some((length, rest)) = self.buffer[at..].split_first_chunk::<LENGTH_BYTES>() {
            let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
            if length > MAX_DECODED_BYTES {
                return Err(SnapshotError::Damaged("a part is longer than any may be"));
            }
            let Some(part) = rest.get(..length) else { break };
            let part = Part::read(version, part)?;
            at += LENGTH_BYTES + length;
            self.take(part)?;
        }
        self.buffer.drain(..at);
        Ok(())
    }

    /// The state, if all of it was pushed.
    pub fn finish(self) -> Result<Inventory, SnapshotError> {
        let (Some(mut state), Some(shards), Some(end), true) = (self.state, self.shards, self.end, self.buffer.is_empty()) else {
            return Err(SnapshotError::Damaged("it ends too early"));
        };
        if state.sums() != end {
            return Err(SnapshotError::Damaged("records are missing or changed"));
        }
        let Shards { keys, buyers, adjustments } = shards;
        let placed = state.keys.place_all(keys) && state.buyers.place_all(buyers) && state.adjustments.place_all(adjustments);
        if !placed || state.buyer_cursor >= state.buyers.shards() {
            return Err(SnapshotError::Damaged("a key stands twice, or there can't be so many shards"));
        }
        if !state.skus.iter().all(Sku::is_conserved) {
            return Err(SnapshotError::Damaged("units of a SKU do not add up"));
        }
        if !state.holds_add_up() {
            return Err(SnapshotError::Damaged("held units are not those of the holds"));
        }
        state.note_slices();
        Ok(*state)
    }

    fn read_prefix(&mut self) -> Result<usize, SnapshotError> {
        if self.version.is_some() || self.buffer.len() < PREFIX_BYTES {
            return Ok(0);
        }
        let version = u16::from_le_bytes([self.buffer[4], self.buffer[5]]);
        if self.buffer[..MAGIC.len()] != MAGIC {
            return Err(SnapshotError::Damaged("it does not begin like one"));
        }
        if ![VERSION, VERSION_OF_SHARDS].contains(&version) {
            return Err(SnapshotError::Version(version));
        }
        self.version = Some(version);
        // A version that has no numbers of shards has a part for each.
        self.shards = (version == VERSION_OF_SHARDS).then(Shards::default);
        Ok(PREFIX_BYTES)
    }

    fn take(&mut self, part: Part) -> Result<(), SnapshotError> {
        let part = match (part, &self.state, &self.end) {
            (Part::Head(head), None, None) => {
                self.state = Some(Box::new(Inventory::unfilled(*head)));
                return Ok(());
            }
            (Part::End(sums), Some(_), None) => {
                self.end = Some(sums);
                return Ok(());
            }
            (Part::Shards(shards), Some(_), None) if self.shards.is_none() => {
                self.shards = Some(shards);
                return Ok(());
            }
            (part, _, None) => part,
            (_, _, Some(_)) => return Err(SnapshotError::Damaged("something follows its end")),
        };
        if self.version == Some(VERSION_OF_SHARDS)
            && let Some(shards) = &mut self.shards
        {
            shards.keys += usize::from(matches!(part, Part::Keys(_)));
            shards.buyers += usize::from(matches!(part, Part::Buyers(_)));
            shards.adjustments += usize::from(matches!(part, Part::Adjustments(_)));
        }
        if self.state.as_mut().is_some_and(|state| state.fill(part)) {
            Ok(())
        } else {
            Err(SnapshotError::Damaged("a part is out of order"))
        }
    }
}

impl Inventory {
    fn unfilled(head: Head) -> Self {
        let secret = head.secret;
        let mut state = Self {
            last_index: head.last_index,
            clock: head.clock,
            digest: head.digest,
            epoch: head.epoch,
            is_bootstrapped: head.is_bootstrapped,
            members: head.members.into(),
            skus: SkuTable::new(secret),
            keys: GradualMap::unfilled(secret),
            buyers: GradualMap::unfilled(secret),
            adjustments: GradualMap::unfilled(secret),
            keyless: head.keyless,
            buyer_cursor: head.buyer_cursor,
            ..Self::founded(Founding { params: head.params, secret })
        };
        head.sessions.into_iter().for_each(|session| state.sessions.insert(session));
        state
    }

    /// Puts a part in its place; false if it has none.
    fn fill(&mut self, part: Part) -> bool {
        match part {
            Part::Head(_) | Part::End(_) | Part::Shards(_) => false,
            Part::Skus(skus) => skus.into_iter().all(|sku| self.skus.push(sku)),
            Part::Keys(records) => self.keys.push_page(records),
            Part::Buyers(records) => records.iter().all(|(_, buyer)| buyer.is_normal()) && self.buyers.push_page(records),
            Part::Adjustments(records) => self.adjustments.push_page(records),
            Part::Orders(first, records) => self.orders.push_page(first, records),
            Part::Held(first, records) => self.held.push_page(first, records),
            Part::HoldsDue(bucket, entries) => self.hold_deadlines.push_chunk(bucket, entries),
            Part::KeysDue(bucket, entries) if planted::is(Planted::ReadDeadlinesLate) => {
                self.key_deadlines.push_chunk(bucket.saturating_add(1), entries)
            }
            Part::KeysDue(bucket, entries) => self.key_deadlines.push_chunk(bucket, entries),
            Part::OrdersDue(bucket, entries) => self.order_deadlines.push_chunk(bucket, entries),
            Part::AdjustmentsDue(bucket, entries) => self.adjustment_deadlines.push_chunk(bucket, entries),
        }
    }

    /// Whether the units that each SKU counts as held are those of the orders that hold them: one that ends gives its own back.
    fn holds_add_up(&self) -> bool {
        let mut held = BTreeMap::<SkuId, u64>::new();
        for line in self.held.values().flat_map(|held| &held.order.lines) {
            let units = held.entry(line.sku).or_default();
            *units = units.saturating_add(line.units.into());
        }
        self.skus.iter().all(|sku| sku.held == held.remove(&sku.id).unwrap_or(0)) && held.is_empty()
    }

    /// Which session has a slice of what follows from the SKUs.
    fn note_slices(&mut self) {
        let skus = self.skus.clone();
        for sku in skus.iter() {
            for slice in &sku.slices {
                self.sessions.note_slice(slice.session, sku.id, true);
            }
        }
    }
}

// Shared parts of a state are never sent by reference: a snapshot read on one thread serves on all.
const _: fn() = || {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Arc<Inventory>>();
};
