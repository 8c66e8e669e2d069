//! Which pages accept orders with a SKU, as the database keeps it.
//!
//! A region is [`MARK_REGION`] entries. What a round of the writer has of one region is an item for each mark while there are few, and lists
//! of many marks else: a sale of seats has a mark for each order, and a new key in the middle of sled costs ten times what an order does.
//! Marks that stand apart are found by their keys. Lists are read a region at once, one region after the other into the past, so
//! it does not matter how often a mark is written, nor beside which others: after a crash a round is written again, cut differently.
//! A list that takes the place of one with the same first and last page lacks at most what a peer had sent before a crash; that is still
//! missing then, and sent again.

use std::collections::BTreeMap;
use std::io;

use holdfast_inventory::{LogIndex, SkuId, codec};
use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Slice};
use crate::frame::{damaged, seal, unseal};
use crate::limits::{MARK_LIST_BYTES, MARK_REGION, MARKS_APART};
use crate::order_keys::{ALL_MARK_LISTS, mark_list_key, mark_lists_from, place_of, sku_key};
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

/// Most pages in a list.
const LISTED_PAGES: usize = u8::MAX as usize + 1;

/// What a page, or a mark, takes of a list: more than most do.
const LISTED_BYTES: usize = 4;

fn region_of(place: Place) -> u64 {
    place.0.0 / MARK_REGION
}

/// Where a region begins.
fn start_of(region: u64) -> Place {
    (LogIndex(region.saturating_mul(MARK_REGION)), 0)
}

/// The first region that has nothing before `end`.
fn region_from(end: Place) -> u64 {
    let region = region_of(end);
    region + u64::from(start_of(region) < end)
}

/// The items that keep `marks`, in the order of their pages.
pub(crate) fn puts_of(marks: &Marks) -> Vec<Put> {
    let (mut puts, mut rest) = (Vec::new(), marks.iter().peekable());
    while let Some((first, _)) = rest.peek() {
        let region = region_of(**first);
        let pages: Vec<_> = std::iter::from_fn(|| rest.next_if(|(place, _)| region_of(**place) == region)).collect();
        if pages.iter().map(|(_, skus)| skus.len()).sum::<usize>() <= MARKS_APART {
            let apart =
                |(place, skus): (&Place, &Vec<SkuId>)| skus.iter().map(|sku| (sku_key(*sku, *place), Slice::default())).collect::<Vec<_>>();
            puts.extend(pages.into_iter().flat_map(apart));
        } else {
            puts.extend(lists(&pages));
        }
    }
    puts
}

/// Lists of the marks of pages of one region.
fn lists(mut pages: &[(&Place, &Vec<SkuId>)]) -> Vec<Put> {
    let mut puts = Vec::new();
    while !pages.is_empty() {
        let weighed = pages.iter().scan(0, |bytes, (_, skus)| {
            *bytes += LISTED_BYTES * (1 + skus.len());
            Some(*bytes)
        });
        // One that does not fit beside another has a list of its own.
        let count = weighed.take(LISTED_PAGES).take_while(|bytes| *bytes <= MARK_LIST_BYTES).count().max(1);
        let (listed, rest) = pages.split_at(count);
        puts.extend(list(listed));
        pages = rest;
    }
    puts
}

#[allow(clippy::cast_possible_truncation, reason = "entries of a region and pages of a list are fewer than 256")]
fn list(pages: &[(&Place, &Vec<SkuId>)]) -> Option<Put> {
    let ((first, _), (last, _)) = (pages.first()?, pages.last()?);
    let mut marks: Vec<(SkuId, u8)> = Vec::new();
    for (at, (_, skus)) in pages.iter().enumerate() {
        marks.extend(skus.iter().map(|sku| (*sku, at as u8)));
    }
    marks.sort_unstable();
    let mut before = 0;
    let marks = marks.into_iter().map(|(SkuId(sku), page)| (sku - std::mem::replace(&mut before, sku), page)).collect();
    let pages = pages.iter().map(|((index, position), _)| ((index.0 % MARK_REGION) as u8, *position)).collect();
    let key = mark_list_key(**first, **last);
    let value = seal(&key, &[&codec::encode(&MarkListV1 { pages, marks })]).into();
    Some((key, value))
}

/// The marks in a list, by SKU and page.
pub(crate) fn read(key: &[u8], value: &[u8]) -> io::Result<Vec<(SkuId, Place)>> {
    let region = region_of(place_of(key)?);
    let list: MarkListV1 = codec::decode(unseal(key, value)?).map_err(|error| damaged(&format!("a list of marks: {error}")))?;
    let mut sku = 0_u32;
    let mark = |(gap, page): (u32, u8)| {
        sku = sku.checked_add(gap)?;
        let (entry, position) = *list.pages.get(usize::from(page)).filter(|(entry, _)| u64::from(*entry) < MARK_REGION)?;
        Some((SkuId(sku), (LogIndex(start_of(region).0.0 + u64::from(entry)), position)))
    };
    list.marks.into_iter().map(mark).collect::<Option<_>>().ok_or_else(|| damaged("a mark is of no page of its list"))
}

/// Reads every list back.
pub(crate) fn check(engine: &Engine) -> io::Result<()> {
    engine.range(ALL_MARK_LISTS.0, ALL_MARK_LISTS.1).try_for_each(|item| item.and_then(|(key, value)| read(&key, &value).map(drop)))
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
    /// What comes in after this call need not be found. Memory is asked first: what the writer moves is in the database before it leaves there.
    pub(crate) fn of(core: &'a OrderCore, sku: SkuId) -> Self {
        let unwritten = core.memtable().marked(sku);
        Self { engine: &core.engine, sku, unwritten, region: u64::MAX, listed: Vec::new() }
    }

    /// The newest page before `end`, which never grows. Takes one off `regions` for each region that it reads, and reads none when
    /// none are left.
    pub(crate) fn before(&mut self, end: Place, regions: &mut usize) -> io::Result<Marked> {
        let apart = self.engine.range(&sku_key(self.sku, Place::default()), &sku_key(self.sku, end)).next_back().transpose()?;
        let apart = apart.map(|(key, _)| place_of(&key)).transpose()?;
        let known = apart.max(last_before(&self.unwritten, end));
        loop {
            let found = known.max(last_before(&self.listed, end));
            if let Some(place) = found.filter(|place| region_of(*place) >= self.region) {
                return Ok(Marked::Page(place));
            }
            let newest = self.region.min(region_from(end));
            let list = self.engine.range(ALL_MARK_LISTS.0, &mark_lists_from(start_of(newest))).next_back().transpose()?;
            let Some((key, _)) = list else { return Ok(found.map_or(Marked::End, Marked::Page)) };
            let region = region_of(place_of(&key)?);
            self.region = region + 1;
            if found.is_none_or(|place| region_of(place) < self.region) {
                if *regions == 0 {
                    return Ok(Marked::NoneFrom(start_of(self.region)));
                }
                *regions -= 1;
                self.listed = self.read(region)?;
                self.region = region;
            }
        }
    }

    /// The SKU's pages in the lists of a region, in order.
    fn read(&self, region: u64) -> io::Result<Vec<Place>> {
        let mut pages = Vec::new();
        for item in self.engine.range(&mark_lists_from(start_of(region)), &mark_lists_from(start_of(region + 1))) {
            let (key, value) = item?;
            pages.extend(read(&key, &value)?.into_iter().filter(|(sku, _)| *sku == self.sku).map(|(_, page)| page));
        }
        pages.sort_unstable();
        Ok(pages)
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
        for (key, value) in puts_of(marks) {
            assert!(value.len() <= MAX_VALUE_BYTES);
            batch.put(&key, value);
        }
        engine.apply(batch).unwrap();
    }

    fn pages_of(marks: &Marks, sku: SkuId) -> Vec<Place> {
        marks.iter().filter(|(_, skus)| skus.contains(&sku)).map(|(page, _)| *page).collect()
    }

    /// All pages of a walk that begins anew wherever one ends that may read so many regions, as calls with a cursor do.
    fn walk(engine: &Engine, (sku, unwritten): (SkuId, &Marks), regions: usize) -> Vec<Place> {
        let (mut pages, mut end) = (Vec::new(), (LogIndex(u64::MAX), u16::MAX));
        loop {
            let mut walk = MarkedPages { engine, sku, unwritten: pages_of(unwritten, sku), region: u64::MAX, listed: Vec::new() };
            let (from, mut left) = (end, regions);
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
            regions in 1..4_usize,
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
            check(&engine).unwrap();
            let skus: BTreeSet<SkuId> = all.values().flatten().copied().chain([SkuId(301)]).collect();
            for sku in skus {
                let expected: Vec<Place> = pages_of(&all, sku).into_iter().rev().collect();
                prop_assert_eq!(walk(&engine, (sku, &unwritten), regions), expected);
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
    fn a_mark_of_no_page_is_damage() {
        let key = mark_list_key((LogIndex(70), 3), (LogIndex(70), 3));
        let read = |list: MarkListV1| read(&key, &seal(&key, &[&codec::encode(&list)]));
        let good = read(MarkListV1 { pages: vec![(6, 3)], marks: vec![(5, 0), (2, 0)] }).unwrap();
        assert_eq!(good, [(SkuId(5), (LogIndex(70), 3)), (SkuId(7), (LogIndex(70), 3))]);
        assert!(read(MarkListV1 { pages: vec![(6, 3)], marks: vec![(5, 1)] }).is_err());
        assert!(read(MarkListV1 { pages: vec![(64, 3)], marks: vec![(5, 0)] }).is_err());
        assert!(read(MarkListV1 { pages: vec![(6, 3)], marks: vec![(5, 0), (u32::MAX, 0)] }).is_err());
    }
}
