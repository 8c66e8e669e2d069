//! Which pages accept orders with a SKU, as the database keeps it.
//!
//! A region is [`MARK_REGION`] entries. What a round of the writer has of one region is an item for each mark while there are few, and lists
//! of many marks else: a sale of seats has a mark for each order, and a new key in the middle of sled costs ten times what an order does.
//! Marks that stand apart are found by their keys. Lists are read a region at once, one region after the other into the past, so
//! it does not matter how often a mark is written, nor beside which others: after a crash a round is written again, cut differently.
//! A list never takes the place of another one with the same first and last page: its marks stand apart then.

use std::collections::BTreeMap;
use std::io;

use holdfast_inventory::{LogIndex, SkuId, codec};
use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Slice};
use crate::frame::{damaged, seal, unseal};
use crate::limits::{MARK_BYTES, MARK_LIST_BYTES, MARK_LIST_PAGES, MARK_REGION, MARKS_APART, MAX_VALUE_BYTES};
use crate::order_keys::{ALL_MARK_LISTS, list_begins, mark_list_key, mark_lists_from, place_of, sku_key};
use crate::order_log::OrderCore;
use crate::pages::{Place, Put};

/// The SKUs of which each page accepts orders, ascending.
pub(crate) type Marks = BTreeMap<Place, Vec<SkuId>>;

/// A list's body.
#[derive(Serialize, Deserialize)]
struct MarkListV1 {
    /// Pages in order, by entry within the region and position.
    pages: Vec<(u8, u16)>,
    /// Marks by SKU and page: how far the SKU is from the one before, and which of `pages`.
    marks: Vec<(u32, u8)>,
}

fn region_of(place: Place) -> u64 {
    place.0.0 / MARK_REGION
}

/// Where a region begins.
fn start_of(region: u64) -> Place {
    (LogIndex(region.saturating_mul(MARK_REGION)), 0)
}

/// The items that keep `marks`, in the order of their pages.
pub(crate) fn puts_of(marks: &Marks) -> Vec<Put> {
    let (mut puts, mut rest) = (Vec::new(), marks.iter().peekable());
    while let Some((first, _)) = rest.peek() {
        let region = region_of(**first);
        let pages: Vec<_> = std::iter::from_fn(|| rest.next_if(|(place, _)| region_of(**place) == region)).collect();
        if pages.iter().map(|(_, skus)| skus.len()).sum::<usize>() <= MARKS_APART {
            puts.extend(pages.into_iter().flat_map(|(place, skus)| skus.iter().map(|sku| apart((*sku, *place)))));
        } else {
            puts.extend(lists(&pages));
        }
    }
    puts
}

fn apart((sku, place): (SkuId, Place)) -> Put {
    (sku_key(sku, place), Slice::default())
}

/// Lists of the marks of pages of one region.
fn lists(mut pages: &[(&Place, &Vec<SkuId>)]) -> Vec<Put> {
    let mut puts = Vec::new();
    while !pages.is_empty() {
        let weighed = pages.iter().scan(0, |bytes, (_, skus)| {
            *bytes += MARK_BYTES * (1 + skus.len());
            Some(*bytes)
        });
        // One that does not fit beside another has a list of its own: a mark takes less of it than its order's line takes of the page.
        let mut count = weighed.take(MARK_LIST_PAGES).take_while(|bytes| *bytes <= MARK_LIST_BYTES).count().max(1);
        let mut put = list(&pages[..count]);
        while count > 1 && put.1.len() > MAX_VALUE_BYTES {
            count /= 2;
            put = list(&pages[..count]);
        }
        puts.push(put);
        pages = &pages[count..];
    }
    puts
}

/// A list of the marks of some pages; there is one at least.
#[allow(clippy::cast_possible_truncation, reason = "entries of a region and pages of a list are no more than a byte can tell")]
fn list(pages: &[(&Place, &Vec<SkuId>)]) -> Put {
    let mut marks: Vec<(SkuId, u8)> = Vec::new();
    for (at, (_, skus)) in pages.iter().enumerate() {
        marks.extend(skus.iter().map(|sku| (*sku, at as u8)));
    }
    marks.sort_unstable();
    let mut before = 0;
    let marks = marks.into_iter().map(|(SkuId(sku), page)| (sku - std::mem::replace(&mut before, sku), page)).collect();
    let key = mark_list_key(*pages[0].0, *pages[pages.len() - 1].0);
    let pages = pages.iter().map(|((index, position), _)| ((index.0 % MARK_REGION) as u8, *position)).collect();
    let value = seal(&key, &[&codec::encode(&MarkListV1 { pages, marks })]).into();
    (key, value)
}

/// What is to be written for `put`, an item with marks: another list under the same key, of a round before a crash, has marks that this one lacks.
pub(crate) fn beside_before(engine: &Engine, put: Put) -> io::Result<Vec<Put>> {
    let (key, value) = &put;
    let is_taken = is_list(key) && engine.get(key)?.is_some_and(|before| before != *value);
    if is_taken { Ok(read(key, value)?.into_iter().map(apart).collect()) } else { Ok(vec![put]) }
}

fn is_list(key: &[u8]) -> bool {
    key.starts_with(ALL_MARK_LISTS.0)
}

/// The marks in a list, by SKU and page.
pub(crate) fn read(key: &[u8], value: &[u8]) -> io::Result<Vec<(SkuId, Place)>> {
    let start = start_of(region_of(list_begins(key)?)).0.0;
    let list: MarkListV1 = codec::decode(unseal(key, value)?).map_err(|error| damaged(&format!("a list of marks: {error}")))?;
    let page = |(entry, position): (u8, u16)| (u64::from(entry) < MARK_REGION).then(|| (LogIndex(start + u64::from(entry)), position));
    let pages: Vec<Place> =
        list.pages.into_iter().map(page).collect::<Option<_>>().ok_or_else(|| damaged("a page is not of its list's region"))?;
    let is_own = |first: &Place, last: &Place| mark_list_key(*first, *last) == key && pages.is_sorted_by(|a, b| a < b);
    if !pages.first().zip(pages.last()).is_some_and(|(first, last)| is_own(first, last)) {
        return Err(damaged("a list of marks is not the one that its key names"));
    }
    let mut sku = 0_u32;
    let mark = |(gap, page): (u32, u8)| {
        sku = sku.checked_add(gap)?;
        pages.get(usize::from(page)).map(|page| (SkuId(sku), *page))
    };
    list.marks.into_iter().map(mark).collect::<Option<_>>().ok_or_else(|| damaged("a mark is of no page of its list"))
}

/// What comes next on a walk along a SKU's pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marked {
    /// This page.
    Page(Place),
    /// Not known yet: no page from here on.
    NoneFrom(Place),
    /// Nothing.
    End,
}

/// Walks along the pages with orders of one SKU, newest first.
pub(crate) struct MarkedPages<'a> {
    engine: &'a Engine,
    sku: SkuId,
    /// Pages that were not written when the walk began, in order.
    unwritten: Vec<Place>,
    /// No list of this region or a newer one is still to be read.
    region: u64,
    /// Pages in the lists of the region that was read last, in order.
    listed: Vec<Place>,
}

impl<'a> MarkedPages<'a> {
    /// Those before `end`. What comes in after this call need not be found. Memory is asked first: what the writer moves is in the database
    /// before it leaves there.
    pub(crate) fn of(core: &'a OrderCore, sku: SkuId, end: Place) -> Self {
        let memtable = core.memtable();
        let mut unwritten: Vec<Place> = memtable.active().marked(sku, end).collect();
        let writing = memtable.writing();
        drop(memtable);
        unwritten.extend(writing.iter().flat_map(|table| table.marked(sku, end)));
        unwritten.sort_unstable();
        Self { engine: &core.engine, sku, unwritten, region: u64::MAX, listed: Vec::new() }
    }

    /// The newest page before `end`, which never grows. Takes one off `lists` for each list that it reads, and begins no further region when
    /// none are left.
    pub(crate) fn before(&mut self, end: Place, lists: &mut usize) -> io::Result<Marked> {
        let apart = self.engine.range(&sku_key(self.sku, Place::default()), &sku_key(self.sku, end)).next_back().transpose()?;
        let apart = apart.map(|(key, _)| place_of(&key)).transpose()?;
        let known = apart.max(last_before(&self.unwritten, end));
        loop {
            let found = known.max(last_before(&self.listed, end));
            if let Some(place) = found.filter(|place| region_of(*place) >= self.region) {
                return Ok(Marked::Page(place));
            }
            // What begins at `end` or later has no page before it.
            let to = end.min(start_of(self.region));
            let list = self.engine.range(ALL_MARK_LISTS.0, &mark_lists_from(to)).next_back().transpose()?;
            let Some((key, _)) = list else { return Ok(found.map_or(Marked::End, Marked::Page)) };
            let region = region_of(list_begins(&key)?);
            self.region = region + 1;
            if found.is_none_or(|place| region_of(place) < self.region) {
                if *lists == 0 {
                    return Ok(Marked::NoneFrom(end.min(start_of(self.region))));
                }
                self.listed.clear();
                for item in self.engine.range(&mark_lists_from(start_of(region)), &mark_lists_from(to)) {
                    let (key, value) = item?;
                    *lists = lists.saturating_sub(1);
                    self.listed.extend(read(&key, &value)?.into_iter().filter(|(sku, _)| *sku == self.sku).map(|(_, page)| page));
                }
                self.listed.sort_unstable();
                self.region = region;
            }
        }
    }
}

fn last_before(pages: &[Place], end: Place) -> Option<Place> {
    pages[..pages.partition_point(|page| *page < end)].last().copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::DataSync;
    use crate::engine::Batch;
    use crate::limits::MAX_VALUE_BYTES;

    fn page() -> impl Strategy<Value = (Place, Vec<SkuId>)> {
        let sku = prop_oneof![0..4_u32, 0..300_u32, (0..9_u32).prop_map(|n| (1 << 24) - n)];
        let skus = prop::collection::btree_set(sku.prop_map(SkuId), 1..90).prop_map(|skus| skus.into_iter().collect());
        ((0..5 * MARK_REGION, 0..3_u16).prop_map(|(index, position)| (LogIndex(index), position)), skus)
    }

    fn write(engine: &Engine, marks: &Marks) {
        let mut batch = Batch::default();
        for (key, value) in puts_of(marks).into_iter().flat_map(|put| beside_before(engine, put).unwrap()) {
            assert!(value.len() <= MAX_VALUE_BYTES);
            batch.put(&key, value);
        }
        engine.apply(batch).unwrap();
    }

    fn pages_of(marks: &Marks, sku: SkuId) -> Vec<Place> {
        marks.iter().filter(|(_, skus)| skus.contains(&sku)).map(|(page, _)| *page).collect()
    }

    /// All pages of a walk that begins anew wherever one ends that may read so many lists, as calls with a cursor do.
    fn walk(engine: &Engine, (sku, unwritten): (SkuId, &Marks), lists: usize) -> Vec<Place> {
        let (mut pages, mut end) = (Vec::new(), (LogIndex(u64::MAX), u16::MAX));
        loop {
            let mut walk = MarkedPages { engine, sku, unwritten: pages_of(unwritten, sku), region: u64::MAX, listed: Vec::new() };
            let (from, mut left) = (end, lists);
            loop {
                match walk.before(end, &mut left).unwrap() {
                    Marked::End => return pages,
                    Marked::Page(page) => {
                        assert!(page < end);
                        pages.push(page);
                        end = page;
                    }
                    Marked::NoneFrom(place) => {
                        assert!(left == 0 && place <= end && place < from, "a walk that ends early has got on");
                        end = place;
                        break;
                    }
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Rounds of the writer with few marks and many, the last of them written again in parts as after a crash, and one not written.
        #[test]
        fn a_walk_finds_each_page_once_and_newest_first(
            rounds in prop::collection::vec(prop::collection::btree_map(page().prop_map(|(place, _)| place), page().prop_map(|(_, skus)| skus), 0..40), 1..6),
            again in 1..40_usize,
            lists in 1..9_usize,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let engine = Engine::open(&dir.path().join("db"), Arc::new(DataSync)).unwrap();
            let mut all = Marks::new();
            let mut rounds: Vec<Marks> = rounds;
            for round in &mut rounds {
                // A page accepts what it accepts, whoever writes it.
                for (place, skus) in round.iter_mut() {
                    *skus = all.entry(*place).or_insert_with(|| skus.clone()).clone();
                }
            }
            let unwritten = rounds.pop().unwrap_or_default();
            for round in &rounds {
                write(&engine, round);
            }
            let last: Vec<_> = rounds.last().into_iter().flatten().map(|(place, skus)| (*place, skus.clone())).collect();
            for part in last.chunks(again) {
                write(&engine, &part.iter().cloned().collect());
            }
            let skus: BTreeSet<SkuId> = all.values().flatten().copied().chain([SkuId(301)]).collect();
            for sku in skus {
                let expected: Vec<Place> = pages_of(&all, sku).into_iter().rev().collect();
                prop_assert_eq!(walk(&engine, (sku, &unwritten), lists), expected);
            }
        }
    }

    #[test]
    fn few_marks_stand_apart_and_many_in_lists_that_are_full() {
        let marks = |pages: u64| -> Marks { (0..pages).map(|index| ((LogIndex(index), 0), (0..2).map(SkuId).collect())).collect() };
        assert_eq!(puts_of(&marks(64)).len(), 128);
        let one_more: Marks = marks(64).into_iter().chain([((LogIndex(63), 1), vec![SkuId(7)])]).collect();
        assert_eq!(puts_of(&one_more).len(), 1);
        // A sale of one SKU in large entries.
        let pages: Marks = (0..600).map(|position| ((LogIndex(9), position), vec![SkuId(1)])).collect();
        assert_eq!(puts_of(&pages).len(), 3);
    }

    #[test]
    fn lists_of_ids_far_apart_fit() {
        let skus = |page: u16| (0..12_u32).map(|n| SkuId(n * 350_000_000 + u32::from(page) * 70_000)).collect();
        let marks: Marks = (0..500_u16).map(|page| ((LogIndex(u64::from(page / 9)), page % 9), skus(page))).collect();
        let puts = puts_of(&marks);
        let read: BTreeSet<_> = puts.iter().flat_map(|(key, value)| read(key, value).unwrap()).collect();
        assert_eq!(read.len(), 500 * 12);
        assert!(puts.iter().all(|(_, value)| value.len() <= MAX_VALUE_BYTES));
    }

    #[test]
    fn what_is_not_the_list_of_its_key_is_damage() {
        let key = mark_list_key((LogIndex(70), 3), (LogIndex(71), 0));
        let list = |pages: &[(u8, u16)], marks: &[(u32, u8)]| {
            read(&key, &seal(&key, &[&codec::encode(&MarkListV1 { pages: pages.to_vec(), marks: marks.to_vec() })]))
        };
        let good = list(&[(6, 3), (6, 9), (7, 0)], &[(5, 0), (2, 2)]).unwrap();
        assert_eq!(good, [(SkuId(5), (LogIndex(70), 3)), (SkuId(7), (LogIndex(71), 0))]);
        let bad: [(&[_], &[_]); 7] = [
            (&[(6, 3), (7, 0)], &[(5, 2)]),
            (&[(6, 3), (7, 0)], &[(5, 0), (u32::MAX, 0)]),
            (&[(6, 3), (64, 3), (7, 0)], &[(5, 0)]),
            (&[(6, 3), (6, 1), (7, 0)], &[(5, 0)]),
            (&[(6, 3), (7, 1)], &[(5, 0)]),
            (&[(6, 4), (7, 0)], &[(5, 0)]),
            (&[], &[]),
        ];
        for (pages, marks) in bad {
            assert!(list(pages, marks).is_err(), "{pages:?} {marks:?}");
        }
    }
}
