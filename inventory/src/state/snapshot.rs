//! The state as bytes, chunk by chunk, off the path of apply: taking a snapshot clones pointers, writing it reads the
//! clone.

use std::sync::Arc;

use super::deadlines::Deadlines;
use super::limits::SNAPSHOT_CHUNK_BYTES;
use super::pages::Packed;
use super::snapshot_part::{Head, MAGIC, Part, PartsOnto, Shards, Sums, VERSION};
use super::{Inventory, Session, Sku};
use crate::planted::{self, Planted};

/// Where a piece is found in the state.
#[derive(Clone, Copy)]
enum Place {
    Head,
    Shards,
    Skus(usize),
    Keys(usize),
    Buyers(usize),
    Adjustments(usize),
    Orders(Packed),
    Held(Packed),
    HoldsDue(u64, usize),
    KeysDue(u64, usize),
    OrdersDue(u64, usize),
    AdjustmentsDue(u64, usize),
    End,
}

/// The bytes of a snapshot in chunks of 64 KiB; the last one may be shorter. Equal logs give equal bytes,
/// unless one state came from a snapshot of a version that did not keep the order of records.
pub struct SnapshotChunks {
    /// Without what finds a record by its key: that is not in a snapshot, and what is not held here is not copied when it is
    /// written to.
    state: Inventory,
    shards: Shards,
    places: std::vec::IntoIter<Place>,
    buffer: Vec<u8>,
}

impl Inventory {
    /// The state as it is now, as bytes. Costs one pointer per shard and page here; the rest as the chunks are asked
    /// for. Whoever holds the chunks unread keeps records that later entries change in memory twice.
    pub fn snapshot(&self) -> SnapshotChunks {
        self.clone().into_snapshot()
    }

    /// [`Inventory::snapshot`] of a state that nobody needs any more.
    pub fn into_snapshot(mut self) -> SnapshotChunks {
        let mut buffer = MAGIC.to_vec();
        buffer.extend(VERSION.to_le_bytes());
        let shards = Shards {
            keys: self.keys.give_up_places(),
            buyers: self.buyers.give_up_places(),
            adjustments: self.adjustments.give_up_places(),
        };
        let places = self.places().into_iter();
        SnapshotChunks { state: self, shards, places, buffer }
    }

    fn places(&self) -> Vec<Place> {
        let mut places = vec![Place::Head, Place::Shards];
        places.extend((0..self.skus.chunks()).map(Place::Skus));
        places.extend((0..self.keys.pages()).map(Place::Keys));
        places.extend((0..self.buyers.pages()).map(Place::Buyers));
        places.extend((0..self.adjustments.pages()).map(Place::Adjustments));
        places.extend(self.orders.page_keys().map(Place::Orders));
        places.extend(self.held.page_keys().map(Place::Held));
        places.extend(chunks_of(&self.hold_deadlines).map(|(bucket, at)| Place::HoldsDue(bucket, at)));
        places.extend(chunks_of(&self.key_deadlines).map(|(bucket, at)| Place::KeysDue(bucket, at)));
        places.extend(chunks_of(&self.order_deadlines).map(|(bucket, at)| Place::OrdersDue(bucket, at)));
        places.extend(chunks_of(&self.adjustment_deadlines).map(|(bucket, at)| Place::AdjustmentsDue(bucket, at)));
        places.push(Place::End);
        places
    }

    fn write_part(&self, place: Place, shards: Shards, parts: &mut PartsOnto<'_>) {
        match place {
            Place::Head => parts.other(&Part::Head(Box::new(self.head()))),
            Place::Shards => parts.other(&Part::Shards(shards)),
            Place::Skus(at) => parts.other(&Part::Skus(self.skus.chunk(at).map(|chunk| Vec::<Sku>::clone(chunk)).unwrap_or_default())),
            Place::Keys(_) if planted::is(Planted::ForgetKeysInSnapshot) => parts.keys(&[]),
            Place::Keys(at) => parts.keys(self.keys.page(at)),
            Place::Buyers(at) => parts.buyers(self.buyers.page(at)),
            Place::Adjustments(at) => parts.other(&Part::Adjustments(self.adjustments.page(at).to_vec())),
            Place::Orders(first) => parts.orders(first, all(self.orders.page(first))),
            Place::Held(first) => parts.other(&Part::Held(first, all(self.held.page(first)).to_vec())),
            Place::HoldsDue(bucket, at) => parts.holds_due(bucket, all(self.hold_deadlines.chunk(bucket, at))),
            Place::KeysDue(bucket, at) => parts.keys_due(bucket, all(self.key_deadlines.chunk(bucket, at))),
            Place::OrdersDue(bucket, at) => parts.orders_due(bucket, all(self.order_deadlines.chunk(bucket, at))),
            Place::AdjustmentsDue(bucket, at) => parts.adjustments_due(bucket, all(self.adjustment_deadlines.chunk(bucket, at))),
            Place::End => parts.other(&Part::End(self.sums())),
        }
    }

    fn head(&self) -> Head {
        Head {
            last_index: self.last_index,
            clock: self.clock,
            digest: self.digest,
            epoch: self.epoch,
            is_bootstrapped: self.is_bootstrapped,
            params: self.params().clone(),
            secret: *self.secret(),
            members: self.members.to_vec(),
            sessions: self.sessions.iter().map(Session::clone).collect(),
            keyless: self.keyless,
            buyer_cursor: self.buyer_cursor,
        }
    }

    pub(super) fn sums(&self) -> Sums {
        let due = self.hold_deadlines.len() + self.key_deadlines.len() + self.order_deadlines.len() + self.adjustment_deadlines.len();
        Sums {
            skus: self.skus.len() as u64,
            keys: if planted::is(Planted::ForgetKeysInSnapshot) { 0 } else { self.keys.sum() },
            buyers: self.buyers.sum(),
            adjustments: self.adjustments.sum(),
            orders: self.orders.sum(),
            held: self.held.sum(),
            deadlines: due,
        }
    }
}

impl Iterator for SnapshotChunks {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        while self.buffer.len() < SNAPSHOT_CHUNK_BYTES {
            let Some(place) = self.places.next() else { break };
            self.state.write_part(place, self.shards, &mut PartsOnto(&mut self.buffer));
        }
        if self.buffer.is_empty() {
            return None;
        }
        let rest = self.buffer.split_off(self.buffer.len().min(SNAPSHOT_CHUNK_BYTES));
        Some(std::mem::replace(&mut self.buffer, rest))
    }
}

fn chunks_of<T: Copy>(deadlines: &Deadlines<T>) -> impl Iterator<Item = (u64, usize)> {
    deadlines.bucket_keys().flat_map(|(bucket, chunks)| (0..chunks).map(move |at| (bucket, at)))
}

fn all<T>(shared: Option<&Arc<Vec<T>>>) -> &[T] {
    shared.map_or(&[], |shared| shared)
}
