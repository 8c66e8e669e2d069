//! The pieces that a snapshot is made of, each encoded by itself behind its length.
//!
//! A snapshot is `MAGIC`, the format version, and then: one head; the numbers of shards; SKUs; pages of keys, buyers and
//! adjustments; pages of orders and holds; chunks of deadlines; one end. All in fixed order, so that equal logs give equal
//! bytes. Pages and chunks are written as they are cut and in the order in which their records stand: that is state, since it
//! decides what later entries do to the bytes of later snapshots. So nothing is sorted or looked for.
//!
//! What there are millions of is written by [`Plain`], everything else by serde.

use serde::{Deserialize, Serialize};

use super::limits::SNAPSHOT_PART_BYTES;
use super::pages::Packed;
use super::plain_records::{self, Plain, read_all};
use super::records::{Adjustment, Buyer, HeldOrder, KeyEntry, OrderRecord};
use super::{Session, Sku};
use crate::codec::{self, CodecError};
use crate::plain::{Onto, Rest};
use crate::{BuyerHash, Epoch, KeyHash, LogIndex, NodeId, Params, Secret, Stamp};

/// First bytes of every snapshot.
pub(super) const MAGIC: [u8; 4] = *b"HFIS";

/// Bytes of the length before each part.
pub(super) const LENGTH_BYTES: usize = 8;

/// Version of the format.
pub(super) const VERSION: u16 = 3;

/// The version before: shards of keys, buyers and adjustments instead of pages, each sorted, no numbers of shards, and all by serde.
pub(super) const VERSION_OF_SHARDS: u16 = 2;

/// A piece; the variant order is the format of what serde writes.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Part {
    Head(Box<Head>),
    Skus(Vec<Sku>),
    Keys(Vec<(KeyHash, KeyEntry)>),
    Buyers(Vec<(BuyerHash, Buyer)>),
    Adjustments(Vec<(KeyHash, Adjustment)>),
    Orders(Packed, Vec<(Packed, OrderRecord)>),
    Held(Packed, Vec<(Packed, HeldOrder)>),
    HoldsDue(u64, Vec<Packed>),
    KeysDue(u64, Vec<KeyHash>),
    OrdersDue(u64, Vec<Packed>),
    AdjustmentsDue(u64, Vec<KeyHash>),
    End(Sums),
    Shards(Shards),
}

/// The first byte of a part that is not written by serde, behind all that serde may write.
const KEYS: u8 = 128;
const BUYERS: u8 = 129;
const ORDERS: u8 = 130;
const HOLDS_DUE: u8 = 131;
const KEYS_DUE: u8 = 132;
const ORDERS_DUE: u8 = 133;
const ADJUSTMENTS_DUE: u8 = 134;

/// Appends parts, each behind its length.
pub(super) struct PartsOnto<'a>(pub(super) &'a mut Vec<u8>);

impl PartsOnto<'_> {
    pub(super) fn keys(&mut self, records: &[(KeyHash, KeyEntry)]) {
        self.list(KEYS, records);
    }

    pub(super) fn buyers(&mut self, records: &[(BuyerHash, Buyer)]) {
        self.list(BUYERS, records);
    }

    pub(super) fn orders(&mut self, first: Packed, records: &[(Packed, OrderRecord)]) {
        self.plain(ORDERS, &first.0.to_le_bytes(), records);
    }

    pub(super) fn holds_due(&mut self, bucket: u64, entries: &[Packed]) {
        self.plain(HOLDS_DUE, &bucket.to_le_bytes(), entries);
    }

    pub(super) fn keys_due(&mut self, bucket: u64, entries: &[KeyHash]) {
        self.plain(KEYS_DUE, &bucket.to_le_bytes(), entries);
    }

    pub(super) fn orders_due(&mut self, bucket: u64, entries: &[Packed]) {
        self.plain(ORDERS_DUE, &bucket.to_le_bytes(), entries);
    }

    pub(super) fn adjustments_due(&mut self, bucket: u64, entries: &[KeyHash]) {
        self.plain(ADJUSTMENTS_DUE, &bucket.to_le_bytes(), entries);
    }

    pub(super) fn other(&mut self, part: &Part) {
        self.behind_its_length(|bytes| codec::encode_onto(part, bytes));
    }

    /// Records that are one list whatever it is cut into: so a page of buyers of thousands of SKUs each is no part that is too long.
    fn list<T: Plain>(&mut self, kind: u8, records: &[T]) {
        let mut records = records.iter().peekable();
        while records.peek().is_some() {
            self.behind_its_length(|bytes| {
                let begin = bytes.len();
                bytes.push(kind);
                while bytes.len() - begin < SNAPSHOT_PART_BYTES
                    && let Some(record) = records.next()
                {
                    record.write(&mut Onto(bytes));
                }
            });
        }
    }

    /// Records in a part by themselves, which their number bounds.
    fn plain<T: Plain>(&mut self, kind: u8, at: &[u8], records: &[T]) {
        self.behind_its_length(|bytes| {
            bytes.push(kind);
            bytes.extend_from_slice(at);
            plain_records::write_all(records, bytes);
        });
    }

    /// Eight bytes of length, so that none can be too long for them.
    fn behind_its_length(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let begin = self.0.len();
        self.0.extend([0; LENGTH_BYTES]);
        write(self.0);
        let (length, part) = self.0[begin..].split_at_mut(LENGTH_BYTES);
        length.copy_from_slice(&(part.len() as u64).to_le_bytes());
    }
}

impl Part {
    /// Reads a part of a snapshot of this version, without its length.
    pub(super) fn read(version: u16, bytes: &[u8]) -> Result<Self, CodecError> {
        match bytes.split_first() {
            Some((&kind, rest)) if kind >= KEYS && version == VERSION => {
                Self::read_plain(kind, &mut Rest(rest)).ok_or_else(|| CodecError::Malformed("records are cut off or not known".into()))
            }
            _ => codec::decode(bytes),
        }
    }

    fn read_plain(kind: u8, rest: &mut Rest<'_>) -> Option<Self> {
        Some(match kind {
            KEYS => Self::Keys(read_all(rest)?),
            BUYERS => Self::Buyers(read_all(rest)?),
            ORDERS => Self::Orders(Packed::read(rest)?, read_all(rest)?),
            HOLDS_DUE => Self::HoldsDue(rest.chunk().map(u64::from_le_bytes)?, read_all(rest)?),
            KEYS_DUE => Self::KeysDue(rest.chunk().map(u64::from_le_bytes)?, read_all(rest)?),
            ORDERS_DUE => Self::OrdersDue(rest.chunk().map(u64::from_le_bytes)?, read_all(rest)?),
            ADJUSTMENTS_DUE => Self::AdjustmentsDue(rest.chunk().map(u64::from_le_bytes)?, read_all(rest)?),
            _ => return None,
        })
    }
}

/// How many shards the maps have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shards {
    pub(super) keys: usize,
    pub(super) buyers: usize,
    pub(super) adjustments: usize,
}

/// What there is one of.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) last_index: LogIndex,
    pub(super) clock: Stamp,
    pub(super) digest: u128,
    pub(super) epoch: Epoch,
    pub(super) is_bootstrapped: bool,
    pub(super) params: Params,
    pub(super) secret: Secret,
    pub(super) members: Vec<NodeId>,
    pub(super) sessions: Vec<Session>,
    pub(super) keyless: u64,
    pub(super) buyer_cursor: usize,
}

/// Sums of keyed hashes over what was written: what was read must come to the same.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sums {
    pub(super) skus: u64,
    pub(super) keys: u128,
    pub(super) buyers: u128,
    pub(super) adjustments: u128,
    pub(super) orders: u128,
    pub(super) held: u128,
    pub(super) deadlines: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SkuId;
    use crate::codec::MAX_DECODED_BYTES;
    use crate::state::records::Bought;

    #[test]
    fn a_page_of_buyers_of_many_skus_is_read_back_from_several_parts() {
        let bought = |sku| Bought { sku: SkuId(sku), units: 70_000 };
        let buyer = |hash| {
            let more = (1..5_000).map(bought).collect();
            (BuyerHash(hash), Buyer { keys: 1, latest: Packed(1), first: Some(bought(0)), more: Some(Box::new(more)) })
        };
        let buyers: Vec<_> = (0..512).map(buyer).collect();
        let mut bytes = Vec::new();
        PartsOnto(&mut bytes).buyers(&buyers);
        assert!(bytes.len() > MAX_DECODED_BYTES, "{} bytes show nothing", bytes.len());

        let (mut read, mut rest) = (Vec::new(), &bytes[..]);
        while let Some((length, after)) = rest.split_first_chunk::<LENGTH_BYTES>() {
            let (part, after) = after.split_at(usize::try_from(u64::from_le_bytes(*length)).expect("a length"));
            assert!(part.len() < 2 * SNAPSHOT_PART_BYTES);
            match Part::read(VERSION, part) {
                Ok(Part::Buyers(records)) => read.extend(records),
                other => panic!("{other:?}"),
            }
            rest = after;
        }
        assert_eq!(read, buyers);
    }

    #[test]
    fn what_is_written_by_hand_is_refused_in_the_version_before() {
        let mut bytes = Vec::new();
        PartsOnto(&mut bytes).keys_due(5, &[KeyHash(7)]);
        let part = &bytes[LENGTH_BYTES..];
        assert_eq!(Part::read(VERSION, part).expect("an own part"), Part::KeysDue(5, vec![KeyHash(7)]));
        assert!(Part::read(VERSION_OF_SHARDS, part).is_err());
    }
}
