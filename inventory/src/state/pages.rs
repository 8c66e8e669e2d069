//! A map from order to record that is written at its end: orders come in rising order, so a page of records is a
//! sorted list and most writes touch the last page. Pages are shared like the shards of
//! [`GradualMap`](super::gradual_map::GradualMap), and the sum of keyed hashes is kept in the same way.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::gradual_map::Told;
use super::hashing::{Domain, Keyed};
use super::limits::PAGE_RECORDS;
use crate::{LogIndex, OrderRef, Secret};

/// An [`OrderRef`] in eight bytes: 48 bits of index, 16 of position. Sorts like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Packed(pub(super) u64);

impl Packed {
    /// Packs; `None` if the index is none that a log can have.
    pub(super) fn try_new(order: OrderRef) -> Option<Self> {
        (order.index.0 < 1 << 48).then(|| Self(order.index.0 << 16 | u64::from(order.position)))
    }

    pub(super) fn order(self) -> OrderRef {
        OrderRef { index: LogIndex(self.0 >> 16), position: (self.0 & 0xffff) as u16 }
    }
}

type Page<V> = Vec<(Packed, V)>;

/// See the top of the file.
#[derive(Clone)]
pub(super) struct Pages<V> {
    by_first: BTreeMap<Packed, Arc<Page<V>>>,
    len: usize,
    sum: u128,
    secret: Secret,
}

impl<V: Clone + Told> Pages<V> {
    pub(super) fn new(secret: Secret) -> Self {
        Self { by_first: BTreeMap::new(), len: 0, sum: 0, secret }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn sum(&self) -> u128 {
        self.sum
    }

    pub(super) fn get(&self, at: Packed) -> Option<&V> {
        let (_, page) = self.by_first.range(..=at).next_back()?;
        let place = place(page, at).ok()?;
        Some(&page[place].1)
    }

    /// Appends a record.
    ///
    /// # Panics
    /// If it is not later than every record before: ids only grow.
    pub(super) fn push(&mut self, at: Packed, value: V) {
        self.sum = self.sum.wrapping_add(self.hash(at, &value));
        self.len += 1;
        if let Some(mut last) = self.by_first.last_entry()
            && last.get().len() < PAGE_RECORDS
        {
            let page = Arc::make_mut(last.get_mut());
            assert!(page.last().is_none_or(|&(before, _)| before < at), "order ids only grow");
            page.push((at, value));
            return;
        }
        assert!(self.by_first.last_key_value().is_none_or(|(&before, _)| before < at), "order ids only grow");
        let mut page = Page::with_capacity(PAGE_RECORDS);
        page.push((at, value));
        self.by_first.insert(at, Arc::new(page));
    }

    /// Changes a record in its place; false if there is none.
    pub(super) fn update(&mut self, at: Packed, change: impl FnOnce(&mut V)) -> bool {
        let Some((_, page)) = self.by_first.range_mut(..=at).next_back() else { return false };
        let Ok(place) = place(page, at) else { return false };
        let value = &mut Arc::make_mut(page)[place].1;
        let before = value.clone();
        change(value);
        let after = value.clone();
        self.sum = self.sum.wrapping_sub(self.hash(at, &before)).wrapping_add(self.hash(at, &after));
        true
    }

    pub(super) fn remove(&mut self, at: Packed) -> Option<V> {
        let (&first, page) = self.by_first.range_mut(..=at).next_back()?;
        let place = place(page, at).ok()?;
        let (_, value) = Arc::make_mut(page).remove(place);
        if page.is_empty() {
            self.by_first.remove(&first);
        }
        self.len -= 1;
        self.sum = self.sum.wrapping_sub(self.hash(at, &value));
        Some(value)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.by_first.values().flat_map(|page| page.iter().map(|(_, value)| value))
    }

    /// First keys of the pages, for a walk page by page.
    pub(super) fn page_keys(&self) -> impl Iterator<Item = Packed> {
        self.by_first.keys().copied()
    }

    pub(super) fn page(&self, first: Packed) -> Option<&Arc<Page<V>>> {
        self.by_first.get(&first)
    }

    /// Appends a page as a snapshot tells it; false if it is empty or out of order.
    pub(super) fn push_page(&mut self, first: Packed, records: Page<V>) -> bool {
        let after_last = self.by_first.last_key_value().and_then(|(_, page)| page.last()).is_none_or(|&(last, _)| last < first);
        let sorted = records.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if !after_last || !sorted || records.first().is_none_or(|&(at, _)| at < first) {
            return false;
        }
        for (at, value) in &records {
            self.sum = self.sum.wrapping_add(self.hash(*at, value));
        }
        self.len += records.len();
        self.by_first.insert(first, Arc::new(records));
        true
    }

    fn hash(&self, at: Packed, value: &V) -> u128 {
        let mut hash = Keyed::new(&self.secret, Domain::Record);
        hash.u64(at.0);
        value.tell(&mut hash);
        hash.wide()
    }
}

fn place<V>(page: &[(Packed, V)], at: Packed) -> Result<usize, usize> {
    page.binary_search_by_key(&at, |&(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: Secret = Secret([1; 16]);

    #[test]
    fn records_are_found_changed_and_removed_across_pages() {
        let mut pages = Pages::new(SECRET);
        let count = PAGE_RECORDS as u64 * 3 + 5;
        (0..count).for_each(|n| pages.push(Packed(n * 2), n));
        assert!(pages.update(Packed(600), |n| *n = 9));
        assert!(!pages.update(Packed(601), |n| *n = 9));
        assert_eq!((pages.get(Packed(600)), pages.get(Packed(602)), pages.get(Packed(603))), (Some(&9), Some(&301), None));
        (0..count).for_each(|n| assert!(pages.remove(Packed(n * 2)).is_some()));
        assert_eq!((pages.len(), pages.sum(), pages.page_keys().count()), (0, 0, 0));
    }

    #[test]
    fn a_packed_order_reads_back() {
        let order = OrderRef { index: LogIndex((1 << 48) - 1), position: 65_535 };
        assert_eq!(Packed::try_new(order).map(Packed::order), Some(order));
        assert_eq!(Packed::try_new(OrderRef { index: LogIndex(1 << 48), position: 0 }), None);
    }
}
