//! A state from the bytes of a snapshot. Bytes may come cut anywhere; nothing is believed before it is checked: every
//! record in its place, sums as written, every SKU conserved.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use super::gradual_map::GradualMap;
use super::sku_table::SkuTable;
use super::snapshot_part::{Head, MAGIC, Part, Sums, VERSION};
use super::{Founding, Inventory, Sku};
use crate::SkuId;
use crate::codec::{self, CodecError, MAX_DECODED_BYTES};
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
    begun: bool,
    state: Option<Box<Inventory>>,
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
        while let Some((length, rest)) = self.buffer[at..].split_first_chunk::<8>() {
            let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
            if length > MAX_DECODED_BYTES {
                return Err(SnapshotError::Damaged("a part is longer than any may be"));
            }
            let Some(part) = rest.get(..length) else { break };
            let part = codec::decode(part)?;
            at += size_of::<u64>() + length;
            self.take(part)?;
        }
        self.buffer.drain(..at);
        Ok(())
    }

    /// The state, if all of it was pushed.
    pub fn finish(self) -> Result<Inventory, SnapshotError> {
        let (Some(mut state), Some(end), true) = (self.state, self.end, self.buffer.is_empty()) else {
            return Err(SnapshotError::Damaged("it ends too early"));
        };
        let placed = state.keys.is_well_placed() && state.buyers.is_well_placed() && state.adjustments.is_well_placed();
        if !placed || state.sums() != end || state.buyer_cursor >= state.buyers.shards() {
            return Err(SnapshotError::Damaged("records are missing, changed or out of place"));
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
        if self.begun || self.buffer.len() < PREFIX_BYTES {
            return Ok(0);
        }
        let version = u16::from_le_bytes([self.buffer[4], self.buffer[5]]);
        if self.buffer[..MAGIC.len()] != MAGIC {
            return Err(SnapshotError::Damaged("it does not begin like one"));
        }
        if version != VERSION {
            return Err(SnapshotError::Version(version));
        }
        self.begun = true;
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
            (part, _, None) => part,
            (_, _, Some(_)) => return Err(SnapshotError::Damaged("something follows its end")),
        };
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
            Part::Head(_) | Part::End(_) => false,
            Part::Skus(skus) => skus.into_iter().all(|sku| self.skus.push(sku)),
            Part::Keys(records) => self.keys.push_shard(records),
            Part::Buyers(records) => self.buyers.push_shard(records),
            Part::Adjustments(records) => self.adjustments.push_shard(records),
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
