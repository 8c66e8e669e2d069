//! The records of which a snapshot has millions, written and read by hand: fields of fixed width, several times faster than by
//! serde.

use super::limits::DENSE_PAGE_RECORDS;
use super::pages::Packed;
use super::records::{Bought, Buyer, KeyEntry, OrderRecord, Phase};
use crate::plain::{Onto, Rest};
use crate::{BuyerHash, Fingerprint, KeyHash, SkuId, Stamp};

/// Written field by field, without a length or a name.
pub(super) trait Plain: Sized {
    /// Least bytes that one takes.
    const LEAST_BYTES: usize;

    fn write(&self, onto: &mut Onto<'_>);

    /// None if what comes is none.
    fn read(rest: &mut Rest<'_>) -> Option<Self>;
}

/// Appends records.
pub(super) fn write_all<T: Plain>(records: &[T], bytes: &mut Vec<u8>) {
    bytes.reserve(records.len() * T::LEAST_BYTES);
    let mut onto = Onto(bytes);
    for record in records {
        record.write(&mut onto);
    }
}

/// Reads as many records as there are; none if the bytes end within one.
pub(super) fn read_all<T: Plain>(rest: &mut Rest<'_>) -> Option<Vec<T>> {
    let mut records = Vec::with_capacity((rest.0.len() / T::LEAST_BYTES).min(DENSE_PAGE_RECORDS));
    while !rest.0.is_empty() {
        records.push(T::read(rest)?);
    }
    Some(records)
}

impl<K: Plain, V: Plain> Plain for (K, V) {
    const LEAST_BYTES: usize = K::LEAST_BYTES + V::LEAST_BYTES;

    #[inline]
    fn write(&self, onto: &mut Onto<'_>) {
        self.0.write(onto);
        self.1.write(onto);
    }

    #[inline]
    fn read(rest: &mut Rest<'_>) -> Option<Self> {
        Some((K::read(rest)?, V::read(rest)?))
    }
}

impl Plain for KeyHash {
    const LEAST_BYTES: usize = 16;

    #[inline]
    fn write(&self, onto: &mut Onto<'_>) {
        onto.chunk(self.0.to_le_bytes());
    }

    #[inline]
    fn read(rest: &mut Rest<'_>) -> Option<Self> {
        rest.chunk().map(u128::from_le_bytes).map(Self)
    }
}

impl Plain for BuyerHash {
    const LEAST_BYTES: usize = 16;

    #[inline]
    fn write(&self, onto: &mut Onto<'_>) {
        onto.chunk(self.0.to_le_bytes());
    }

    #[inline]
    fn read(rest: &mut Rest<'_>) -> Option<Self> {
        rest.chunk().map(u128::from_le_bytes).map(Self)
    }
}

impl Plain for Packed {
    const LEAST_BYTES: usize = 8;

    #[inline]
    fn write(&self, onto: &mut Onto<'_>) {
        onto.chunk(self.0.to_le_bytes());
    }

    #[inline]
    fn read(rest: &mut Rest<'_>) -> Option<Self> {
        rest.chunk().map(u64::from_le_bytes).map(Self)
    }
}

impl Plain for KeyEntry {
    const LEAST_BYTES: usize = Packed::LEAST_BYTES + 8 + BuyerHash::LEAST_BYTES;

    #[inline]
    fn write(&self, onto: &mut Onto<'_>) {
        self.order.write(onto);
        onto.chunk(self.fingerprint.0.to_le_bytes());
        self.buyer.write(onto);
    }

    #[inline]
    fn read(rest: &mut Rest<'_>) -> Option<Self> {
        let (order, fingerprint) = (Packed::read(rest)?, Fingerprint(u64::from_le_bytes(rest.chunk()?)));
        Some(Self { order, fingerprint, buyer: BuyerHash::read(rest)? })
    }
}

impl Plain for OrderRecord {
    const LEAST_BYTES: usize = 8 + 8 + 4 + 1;

    #[inline]
    fn write(&self, onto: &mut Onto<'_>) {
        onto.chunk(self.since.0.to_le_bytes());
        onto.chunk(self.content.to_le_bytes());
        onto.chunk(self.key_until_minute.to_le_bytes());
        onto.chunk([self.flags()]);
    }

    #[inline]
    fn read(rest: &mut Rest<'_>) -> Option<Self> {
        let (since, content) = (Stamp(u64::from_le_bytes(rest.chunk()?)), u64::from_le_bytes(rest.chunk()?));
        let key_until_minute = u32::from_le_bytes(rest.chunk()?);
        let [flags] = rest.chunk()?;
        let phase = match flags >> 1 {
            0 => Phase::Held,
            1 => Phase::Confirmed,
            2 => Phase::Released,
            3 => Phase::Expired,
            4 => Phase::Cancelled,
            _ => return None,
        };
        Some(Self { since, content, key_until_minute, phase, keyed: flags & 1 == 1 })
    }
}

impl Plain for Buyer {
    const LEAST_BYTES: usize = 1 + Packed::LEAST_BYTES + 1 + 1;

    #[inline]
    fn write(&self, onto: &mut Onto<'_>) {
        onto.number(self.keys.into());
        self.latest.write(onto);
        onto.chunk([self.first.is_some().into()]);
        onto.number(self.more.as_ref().map_or(0, |more| more.len() as u64));
        for bought in self.bought() {
            onto.number(bought.sku.0.into());
            onto.number(bought.units.into());
        }
    }

    #[inline]
    fn read(rest: &mut Rest<'_>) -> Option<Self> {
        let (keys, latest) = (rest.narrow()?, Packed::read(rest)?);
        let (has_first, more) = (rest.flag()?, rest.number()?);
        let mut buyer = Self { keys, latest, first: None, more: None };
        if has_first {
            buyer.first = Some(bought(rest)?);
        }
        for _ in 0..more {
            buyer.more.get_or_insert_default().push(bought(rest)?);
        }
        Some(buyer)
    }
}

fn bought(rest: &mut Rest<'_>) -> Option<Bought> {
    Some(Bought { sku: SkuId(rest.narrow()?), units: rest.narrow()? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number() -> impl Strategy<Value = u64> + Clone {
        prop_oneof![0_u64..300, any::<u16>().prop_map(u64::from), any::<u32>().prop_map(u64::from), any::<u64>()]
    }

    fn packed() -> impl Strategy<Value = Packed> {
        number().prop_map(Packed)
    }

    fn key() -> impl Strategy<Value = (KeyHash, KeyEntry)> {
        (any::<u128>(), packed(), number(), any::<u128>()).prop_map(|(key, order, fingerprint, buyer)| {
            (KeyHash(key), KeyEntry { order, fingerprint: Fingerprint(fingerprint), buyer: BuyerHash(buyer) })
        })
    }

    fn phase() -> impl Strategy<Value = Phase> {
        prop::sample::select(vec![Phase::Held, Phase::Confirmed, Phase::Released, Phase::Expired, Phase::Cancelled])
    }

    fn order() -> impl Strategy<Value = (Packed, OrderRecord)> {
        let record = (number(), number(), any::<u32>(), phase(), any::<bool>());
        (packed(), record).prop_map(|(order, (since, content, key_until_minute, phase, keyed))| {
            (order, OrderRecord { since: Stamp(since), content, key_until_minute, phase, keyed })
        })
    }

    fn buyer() -> impl Strategy<Value = (BuyerHash, Buyer)> {
        let bought = || (any::<u32>(), 0_u32..300).prop_map(|(sku, units)| Bought { sku: SkuId(sku), units });
        let more = prop_oneof![Just(None), prop::collection::vec(bought(), 1..4).prop_map(|more| Some(Box::new(more)))];
        (any::<u128>(), 0_u32..300, packed(), prop::option::of(bought()), more)
            .prop_map(|(buyer, keys, latest, first, more)| (BuyerHash(buyer), Buyer { keys, latest, first, more }))
    }

    /// What is read back; none of what is left when the last byte is missing.
    fn back<T: Plain + Clone + PartialEq + std::fmt::Debug>(records: &[T]) -> Result<(), TestCaseError> {
        let mut bytes = Vec::new();
        write_all(records, &mut bytes);
        prop_assert!(bytes.len() >= records.len() * T::LEAST_BYTES);
        let read = read_all::<T>(&mut Rest(&bytes));
        prop_assert_eq!(read.as_deref(), Some(records));
        if bytes.pop().is_some() {
            prop_assert!(read_all::<T>(&mut Rest(&bytes)).is_none_or(|read| read.len() < records.len()));
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn every_record_reads_back(
            keys in prop::collection::vec(key(), 0..9),
            orders in prop::collection::vec(order(), 0..9),
            buyers in prop::collection::vec(buyer(), 0..9),
        ) {
            back(&keys)?;
            back(&orders)?;
            back(&buyers)?;
        }
    }

    #[test]
    fn a_number_of_records_that_do_not_follow_is_not_believed() {
        let mut bytes = Vec::new();
        let buyer = Buyer::new(Packed(1));
        buyer.write(&mut Onto(&mut bytes));
        bytes.truncate(bytes.len() - 1);
        Onto(&mut bytes).number(u64::MAX);
        assert_eq!(Buyer::read(&mut Rest(&bytes)), None);
    }
}
