//! The state as bytes, chunk by chunk, off the path of apply: taking a snapshot clones pointers, writing it reads the
//! clone.

use super::deadlines::Deadlines;
use super::limits::SNAPSHOT_CHUNK_BYTES;
use super::pages::Packed;
use super::snapshot_part::{Head, MAGIC, Part, Sums, VERSION};
use super::{Inventory, Session, Sku};
use crate::codec;
use crate::planted::{self, Planted};

/// Where a piece is found in the state.
#[derive(Clone, Copy)]
enum Place {
    Head,
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

/// The bytes of a snapshot in chunks of 64 KiB; the last one may be shorter. Equal logs give equal bytes.
pub struct SnapshotChunks {
    state: Inventory,
    places: std::vec::IntoIter<Place>,
    buffer: Vec<u8>,
}

impl Inventory {
    /// The state as it is now, as bytes. Costs one pointer per shard and page here; the rest as the chunks are asked
    /// for. Whoever holds the chunks unread keeps what later entries change in memory twice.
    pub fn snapshot(&self) -> SnapshotChunks {
        let mut buffer = MAGIC.to_vec();
        buffer.extend(VERSION.to_le_bytes());
        SnapshotChunks { state: self.clone(), places: self.places().into_iter(), buffer }
    }

    fn places(&self) -> Vec<Place> {
        let mut places = vec![Place::Head];
        places.extend((0..self.skus.chunks()).map(Place::Skus));
        places.extend((0..self.keys.shards()).map(Place::Keys));
        places.extend((0..self.buyers.shards()).map(Place::Buyers));
        places.extend((0..self.adjustments.shards()).map(Place::Adjustments));
        places.extend(self.orders.page_keys().map(Place::Orders));
        places.extend(self.held.page_keys().map(Place::Held));
        places.extend(chunks_of(&self.hold_deadlines).map(|(bucket, at)| Place::HoldsDue(bucket, at)));
        places.extend(chunks_of(&self.key_deadlines).map(|(bucket, at)| Place::KeysDue(bucket, at)));
        places.extend(chunks_of(&self.order_deadlines).map(|(bucket, at)| Place::OrdersDue(bucket, at)));
        places.extend(chunks_of(&self.adjustment_deadlines).map(|(bucket, at)| Place::AdjustmentsDue(bucket, at)));
        places.push(Place::End);
        places
    }

    fn part(&self, place: Place) -> Part {
        match place {
            Place::Head => Part::Head(Box::new(self.head())),
            Place::Skus(at) => Part::Skus(self.skus.chunk(at).map(|chunk| Vec::<Sku>::clone(chunk)).unwrap_or_default()),
            Place::Keys(_) if planted::is(Planted::ForgetKeysInSnapshot) => Part::Keys(Vec::new()),
            Place::Keys(at) => Part::Keys(owned(self.keys.sorted_shard(at))),
            Place::Buyers(at) => Part::Buyers(owned(self.buyers.sorted_shard(at))),
            Place::Adjustments(at) => Part::Adjustments(owned(self.adjustments.sorted_shard(at))),
            Place::Orders(first) => Part::Orders(first, self.orders.page(first).map(|page| page.to_vec()).unwrap_or_default()),
            Place::Held(first) => Part::Held(first, self.held.page(first).map(|page| page.to_vec()).unwrap_or_default()),
            Place::HoldsDue(bucket, at) => Part::HoldsDue(bucket, due(&self.hold_deadlines, bucket, at)),
            Place::KeysDue(bucket, at) => Part::KeysDue(bucket, due(&self.key_deadlines, bucket, at)),
            Place::OrdersDue(bucket, at) => Part::OrdersDue(bucket, due(&self.order_deadlines, bucket, at)),
            Place::AdjustmentsDue(bucket, at) => Part::AdjustmentsDue(bucket, due(&self.adjustment_deadlines, bucket, at)),
            Place::End => Part::End(self.sums()),
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
            let part = codec::encode(&self.state.part(place));
            // Eight bytes, so that no length can be too long for its field.
            self.buffer.extend((part.len() as u64).to_le_bytes());
            self.buffer.extend(part);
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

fn due<T: Copy>(deadlines: &Deadlines<T>, bucket: u64, at: usize) -> Vec<T> {
    deadlines.chunk(bucket, at).map(|chunk| chunk.to_vec()).unwrap_or_default()
}

fn owned<K, V: Clone>(records: Vec<(K, &V)>) -> Vec<(K, V)> {
    records.into_iter().map(|(key, value)| (key, value.clone())).collect()
}
