//! Reads a whole order log back, for the inspection of a stopped node.

use std::io;

use holdfast_inventory::{LogIndex, SkuId};

use crate::frame::damaged;
use crate::limits::MARK_REGION;
use crate::marks;
use crate::order_keys::{ALL_MARK_LISTS, ALL_MARKS_APART, ALL_PAGES, list_begins, mark_lists_from, page_begins, page_key, sku_key, sku_of};
use crate::order_log::OrderCore;
use crate::pages::{Page, Place, Puts, derive};
use crate::statuses;

/// That a page accepts orders with a SKU.
type Mark = (Place, SkuId);

impl OrderCore {
    /// `InvalidData` if an item can't be read, a mark names a page that accepts nothing of its SKU, or a page that is written lacks a mark.
    pub(crate) fn check_all(&self) -> io::Result<()> {
        let (mut from, mut apart) = ((LogIndex(0), 0), 0);
        while let Some(next) = self.first_page_or_list(from)? {
            let region = next.0.0 / MARK_REGION;
            let Some(end) = (region + 1).checked_mul(MARK_REGION) else { return Err(damaged("an entry beyond all that there can be")) };
            let end = (LogIndex(end), 0);
            apart += self.check_region((LogIndex(region * MARK_REGION), 0), end)?;
            from = end;
        }
        self.check_marks_apart(apart)?;
        statuses::check(&self.engine)
    }

    /// The first place from `from` on where a page or a list of marks begins.
    fn first_page_or_list(&self, from: Place) -> io::Result<Option<Place>> {
        let page = self.engine.range(&page_key(from), ALL_PAGES.1).next().transpose()?;
        let list = self.engine.range(&mark_lists_from(from), ALL_MARK_LISTS.1).next().transpose()?;
        let page = page.map(|(key, _)| page_begins(&key)).transpose()?;
        let list = list.map(|(key, _)| list_begins(&key)).transpose()?;
        Ok(page.into_iter().chain(list).min())
    }

    /// How many marks of the region's pages stand apart.
    fn check_region(&self, from: Place, end: Place) -> io::Result<u64> {
        let mut told = Vec::new();
        for item in self.engine.range(&page_key(from), &page_key(end)) {
            let (key, value) = item?;
            told.extend(marks_of(&key, &value)?);
        }
        let mut listed: Vec<Mark> = Vec::new();
        for item in self.engine.range(&mark_lists_from(from), &mark_lists_from(end)) {
            let (key, value) = item?;
            listed.extend(marks::read(&key, &value)?.into_iter().map(|(sku, page)| (page, sku)));
        }
        listed.sort_unstable();
        if listed.iter().any(|mark| told.binary_search(mark).is_err()) {
            return Err(damaged("a list of marks names a page without an order of the SKU"));
        }
        let mut apart = 0;
        for (page, sku) in told {
            let is_apart = self.engine.get(&sku_key(sku, page))?.is_some();
            if !is_apart && listed.binary_search(&(page, sku)).is_err() && self.is_written(page) {
                return Err(damaged("an order's page is not found by a SKU of it"));
            }
            apart += u64::from(is_apart);
        }
        Ok(apart)
    }

    /// That there are no others than the `known`, those of pages: so no page is read a second time, in the order of SKUs.
    fn check_marks_apart(&self, known: u64) -> io::Result<()> {
        let mut all = 0;
        for item in self.engine.range(ALL_MARKS_APART.0, ALL_MARKS_APART.1) {
            sku_of(&item?.0)?;
            all += 1;
        }
        if all != known {
            return Err(damaged("a SKU's mark names a page without an order of it"));
        }
        Ok(())
    }

    /// Whether the log says that it has the page, with all that is derived from it. Beyond that a crash leaves rounds in part.
    fn is_written(&self, page: Place) -> bool {
        let memtable = self.memtable();
        memtable.written >= Some(page.0) && !memtable.missing.iter().any(|range| range.from <= page && page.0 <= range.through)
    }
}

/// The SKUs of which a page accepts orders.
fn marks_of(key: &[u8], value: &[u8]) -> io::Result<Vec<Mark>> {
    let (page, mut puts) = (Page::read(key, value)?, Puts::default());
    derive(page.first, page.stamp, &page.events, &mut puts);
    Ok(puts.marks.into_iter().flat_map(|(place, skus)| skus.into_iter().map(move |sku| (place, sku))).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use holdfast_inventory::{Event, EventKind, KeyHash, Line, NodeId, Order, OrderRef, Stamp, Status};

    use super::*;
    use crate::engine::{Batch, Slice};
    use crate::order_keys::mark_list_key;
    use crate::pages::{Put, puts_of};
    use crate::{DataDir, OpenMode, OrderLog};

    /// An entry that accepts an order of each of `skus`.
    fn entry(index: u64, skus: u32) -> Vec<Event> {
        let accepted = |sku: u32| {
            let position = u16::try_from(sku).unwrap();
            let at = OrderRef { index: LogIndex(index), position };
            let lines = [Line { sku: SkuId(sku), units: 1 }].into_iter().collect();
            let order = Order { at, buyer: "ann".into(), lines, created: Stamp(7), node: NodeId(1), key: KeyHash(9), previous: None };
            Event { position, kind: EventKind::Accepted { order, status: Status::Confirmed } }
        };
        (0..skus).map(accepted).collect()
    }

    fn open(root: &Path) -> OrderLog {
        let data = DataDir::open(root, OpenMode::Create).unwrap();
        data.start(NodeId(1)).unwrap();
        data.orders().unwrap()
    }

    /// What a check says of a log with entry 1, into which the items of `put` came that the writer did not write.
    fn checked(skus: u32, put: impl FnOnce(&mut Vec<Put>)) -> io::Result<()> {
        let root = tempfile::tempdir().unwrap();
        let log = open(root.path());
        log.append(LogIndex(1), Stamp(7), &entry(1, skus)).unwrap();
        log.append(LogIndex(3), Stamp(7), &entry(3, 2)).unwrap();
        log.sync_through(LogIndex(3)).unwrap();
        assert_eq!(log.missing().len(), 1);
        let core = log.core();
        let (mut items, mut batch) = (Vec::new(), Batch::default());
        put(&mut items);
        for (key, value) in items {
            batch.put(&key, value);
        }
        core.engine.apply(batch).unwrap();
        log.check()
    }

    fn page_of(index: u64) -> Vec<Put> {
        puts_of(LogIndex(index), Stamp(7), &entry(index, 2)).items
    }

    fn marks_at(index: u64, skus: u32) -> Vec<Put> {
        marks::puts_of(&[((LogIndex(index), 0), (0..skus).map(SkuId).collect())].into())
    }

    #[test]
    fn what_the_writer_wrote_is_whole_with_few_marks_and_with_many() {
        checked(3, |_| ()).unwrap();
        checked(300, |_| ()).unwrap();
    }

    #[test]
    fn a_page_without_its_marks_is_damage_unless_it_is_missing_or_not_reached() {
        assert!(checked(3, |items| items.extend(page_of(0))).is_err());
        checked(3, |items| items.extend(page_of(2))).unwrap();
        checked(3, |items| items.extend(page_of(4))).unwrap();
        checked(3, |items| items.extend(page_of(0).into_iter().chain(marks_at(0, 2)))).unwrap();
    }

    #[test]
    fn keys_that_nobody_writes_are_damage() {
        let list = |first: u64, last: u64| (mark_list_key((LogIndex(first), 0), (LogIndex(last), 0)), Slice::default());
        for (first, last) in [(64, 6_400), (1, 6_400), (u64::MAX, u64::MAX)] {
            assert!(checked(3, |items| items.push(list(first, last))).is_err());
        }
        assert!(checked(3, |items| items.push((mark_lists_from((LogIndex(1), 0)), Slice::default()))).is_err());
        assert!(checked(3, |items| items.push((page_key((LogIndex(u64::MAX), 0)), Slice::default()))).is_err());
        let endless = [&page_key((LogIndex(u64::MAX), u16::MAX))[..], &[0; 10]].concat();
        assert!(checked(3, |items| items.push((endless, Slice::default()))).is_err());
    }

    #[test]
    fn a_mark_of_a_page_without_the_sku_is_damage() {
        assert!(checked(3, |items| items.extend(marks_at(1, 4))).is_err());
        assert!(checked(3, |items| items.extend(marks_at(1, 300))).is_err());
        assert!(checked(3, |items| items.extend(marks_at(900, 1))).is_err());
        assert!(checked(3, |items| items.extend(marks_at(900, 300))).is_err());
    }
}
