//! Statuses that changed since their orders' acceptance, as the database keeps them: of neighbours, written together.
//!
//! A group is the orders of one entry within [`STATUS_GROUP`] positions. What a round of the writer has of a group is one item; an
//! order's status is the newest of all that the group's items say. Two items of a group have the same key only if their newest change
//! is the same one: a round written again after a crash. It may have less to say then, of what a peer had sent before the crash, and
//! so is joined with what is there. Confirming the orders of a batch one soon after the other costs a few items so, and confirming
//! single orders of long ago as many as there are orders.

use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;

use holdfast_inventory::{OrderRef, StatusAt, codec};
use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Slice};
use crate::frame::{damaged, seal, unseal};
use crate::limits::STATUS_GROUP;
use crate::order_keys::{ALL_STATUSES, StatusKey, statuses_key, statuses_range};
use crate::order_log::OrderCore;
use crate::pages::{Place, Put};

/// The latest status of an order, with the event that set it: an older event never overwrites a newer one's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StatusV1 {
    pub(crate) at: Place,
    pub(crate) status: StatusAt,
}

/// An item's body: each order's position within the group, and its status.
type StatusesV2 = Vec<(u8, StatusV1)>;

/// Statuses of any orders, in order.
pub(crate) type ByOrder = BTreeMap<OrderRef, StatusV1>;

/// Keeps a status unless a newer one is there.
pub(crate) fn put_newest(statuses: &mut ByOrder, order: OrderRef, status: StatusV1) {
    statuses.entry(order).and_modify(|known| *known = if known.at < status.at { status } else { *known }).or_insert(status);
}

/// The first order of the group that `order` is in.
pub(crate) fn group_of(order: OrderRef) -> OrderRef {
    OrderRef { position: order.position - order.position % STATUS_GROUP, ..order }
}

/// The places of the group that begins with `group`.
pub(crate) fn whole(group: OrderRef) -> RangeInclusive<OrderRef> {
    group..=OrderRef { position: group.position | (STATUS_GROUP - 1), ..group }
}

/// The items that keep `statuses`, in order of their keys.
pub(crate) fn puts_of(statuses: &ByOrder) -> impl Iterator<Item = Put> {
    let mut rest = statuses.iter().peekable();
    std::iter::from_fn(move || {
        let group = group_of(*rest.peek()?.0);
        let (mut newest, mut body) = (Place::default(), StatusesV2::new());
        while let Some((order, status)) = rest.next_if(|(order, _)| group_of(**order) == group) {
            newest = newest.max(status.at);
            // Below the size of a group, which fits.
            body.push((u8::try_from(order.position - group.position).unwrap_or(u8::MAX), *status));
        }
        let key = statuses_key(group, newest);
        let value = seal(&key, &[&codec::encode(&body)]).into();
        Some((key, value))
    })
}

/// What two items under one key say together, as a third one.
pub(crate) fn joined(key: &[u8], one: &[u8], other: &[u8]) -> io::Result<Slice> {
    let mut statuses = ByOrder::new();
    read(key, one, &mut statuses)?;
    read(key, other, &mut statuses)?;
    let put = puts_of(&statuses).find(|(joined, _)| joined == key);
    put.map(|(_, value)| value).ok_or_else(|| damaged("an order's status is under another one's key"))
}

/// Adds to `statuses` what the item says, newer than what is there.
pub(crate) fn read(key: &[u8], value: &[u8], statuses: &mut ByOrder) -> io::Result<()> {
    let body = unseal(key, value)?;
    let undecoded = |error: codec::CodecError| damaged(&format!("an order's status: {error}"));
    match StatusKey::read(key)? {
        StatusKey::One(order) => put_newest(statuses, order, codec::decode(body).map_err(undecoded)?),
        StatusKey::Group(group) => {
            for (offset, status) in codec::decode::<StatusesV2>(body).map_err(undecoded)? {
                let position = group.position.checked_add(offset.into()).filter(|_| u16::from(offset) < STATUS_GROUP);
                let position = position.ok_or_else(|| damaged("a status is of no order of its group"))?;
                put_newest(statuses, OrderRef { position, ..group }, status);
            }
        }
    }
    Ok(())
}

/// What the database has of a group.
pub(crate) fn stored(engine: &Engine, group: OrderRef) -> io::Result<ByOrder> {
    let (from, to) = statuses_range(group);
    let mut statuses = ByOrder::new();
    for item in engine.range(&from, &to) {
        let (key, value) = item?;
        read(&key, &value, &mut statuses)?;
    }
    Ok(statuses)
}

/// Reads every status back.
pub(crate) fn check(engine: &Engine) -> io::Result<()> {
    engine.range(ALL_STATUSES.0, ALL_STATUSES.1).try_for_each(|item| item.and_then(|(key, value)| read(&key, &value, &mut ByOrder::new())))
}

impl OrderCore {
    /// All statuses of a group. Memory is asked first: what the writer moves meanwhile is in the database before it leaves there.
    fn statuses_of(&self, group: OrderRef) -> io::Result<ByOrder> {
        let mut statuses = self.memtable().statuses_of(group);
        for (order, status) in stored(&self.engine, group)? {
            put_newest(&mut statuses, order, status);
        }
        Ok(statuses)
    }
}

/// Statuses for who walks along orders: those of a group are read when the first of them is asked for.
#[derive(Default)]
pub(crate) struct StatusReader {
    group: Option<(OrderRef, ByOrder)>,
}

impl StatusReader {
    /// The order's status, if it changed.
    pub(crate) fn status(&mut self, core: &OrderCore, order: OrderRef) -> io::Result<Option<StatusV1>> {
        let group = group_of(order);
        let statuses = match self.group.take() {
            Some((of, statuses)) if of == group => statuses,
            _ => core.statuses_of(group)?,
        };
        let status = statuses.get(&order).copied();
        self.group = Some((group, statuses));
        Ok(status)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use holdfast_inventory::{LogIndex, Stamp, Status};
    use proptest::prelude::*;

    use super::*;
    use crate::DataSync;
    use crate::engine::Batch;
    use crate::limits::MAX_VALUE_BYTES;
    use crate::order_keys::status_key;

    /// Each order's changes have places of their own.
    fn status(order: OrderRef, change: u64) -> StatusV1 {
        let status = StatusAt { status: Status::Held { until: Stamp(u64::MAX), extended: true }, since: Stamp(u64::MAX - change) };
        StatusV1 { at: (LogIndex(u64::MAX - 99 + 2 * change + order.index.0), order.position), status }
    }

    fn order() -> impl Strategy<Value = OrderRef> {
        let near = |edge: u16| (0..70_u16).prop_map(move |n| edge.saturating_sub(n));
        let position = prop_oneof![near(69), near(u16::MAX), near(u16::MAX / 2)];
        (7..9_u64, position).prop_map(|(index, position)| OrderRef { index: LogIndex(index), position })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Rounds of the writer, with changes in any order as peers send them; one in the form of format 2; the last one written again
        /// as two, as after a crash.
        #[test]
        fn the_newest_status_of_each_order_is_found(
            rounds in prop::collection::vec(prop::collection::btree_set((order(), 0..9_u64), 0..90), 1..5),
            single in 0_usize..5,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let engine = Engine::open(&dir.path().join("db"), Arc::new(DataSync)).unwrap();
            let (mut model, mut told) = (ByOrder::new(), BTreeSet::new());
            let mut rounds: Vec<_> = rounds.into_iter().map(|mut round| {
                round.retain(|change| told.insert(*change));
                round
            }).collect();
            let again = rounds.last().cloned().unwrap_or_default();
            rounds.extend([again.iter().filter(|(_, change)| *change < 5).copied().collect(), again]);
            for (place, round) in rounds.iter().enumerate() {
                let mut statuses = ByOrder::new();
                for (order, change) in round {
                    put_newest(&mut statuses, *order, status(*order, *change));
                    put_newest(&mut model, *order, status(*order, *change));
                }
                let mut batch = Batch::default();
                if place == single {
                    // The writer of format 2 looked before it wrote.
                    for order in statuses.keys() {
                        let key = status_key(*order);
                        batch.put(&key, seal(&key, &[&codec::encode(&model[order])]).into());
                    }
                } else {
                    for (key, value) in puts_of(&statuses) {
                        prop_assert!(value.len() <= MAX_VALUE_BYTES);
                        batch.put(&key, value);
                    }
                }
                engine.apply(batch).unwrap();
            }
            check(&engine).unwrap();
            let groups: BTreeSet<_> = model.keys().map(|order| group_of(*order)).collect();
            let found: ByOrder = groups.into_iter().flat_map(|group| stored(&engine, group).unwrap()).collect();
            prop_assert_eq!(found, model);
        }
    }

    #[test]
    fn a_status_beyond_its_group_and_a_key_of_another_length_are_damage() {
        let group = OrderRef { index: LogIndex(7), position: 64 };
        let key = statuses_key(group, (LogIndex(9), 1));
        let value = |offset: u8| seal(&key, &[&codec::encode(&vec![(offset, status(group, 1))])]);
        let mut found = ByOrder::new();
        read(&key, &value(31), &mut found).unwrap();
        assert_eq!(found.keys().map(|order| order.position).collect::<Vec<_>>(), [95]);
        assert!(read(&key, &value(32), &mut found).is_err());
        let short = &key[..key.len() - 1];
        assert!(read(short, &seal(short, &[&codec::encode(&vec![(0_u8, status(group, 1))])]), &mut found).is_err());
    }
}
