//! The order log against what it promises: found by order, listed by SKU and buyer, followed by place, filled where it misses.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test may panic, and its numbers are small")]

mod common;

use std::path::Path;

use common::history::{accepted, at, changed, forgotten, order, stamp};
use holdfast_inventory::{BuyerHash, Event, LogIndex, NodeId, OrderRef, SkuId, Status};
use holdfast_storage::{BuyerChain, DataDir, ListPage, OpenMode, OrderLog, Query};

fn open(root: &Path) -> OrderLog {
    let dir = DataDir::open(root, OpenMode::Create).unwrap();
    dir.start(NodeId(1)).unwrap();
    dir.orders().unwrap()
}

fn append(log: &OrderLog, index: u64, events: &[Event]) {
    log.append(LogIndex(index), stamp(index), events).unwrap();
}

/// Entries 1 to `last`, each with `per_entry` orders of SKU `index % 3`, and every one confirmed in the next entry.
fn fill(log: &OrderLog, first: u64, last: u64, per_entry: u16) {
    for index in first..=last {
        append(log, index, &entry(index, per_entry));
    }
}

fn entry(index: u64, per_entry: u16) -> Vec<Event> {
    let mut events: Vec<_> = (0..per_entry)
        .map(|position| accepted(order(at(index, position), &format!("buyer-{position}"), &[(index % 3) as u32], None)))
        .collect();
    if index > 1 {
        events.extend((0..per_entry).map(|position| changed(per_entry + position, at(index - 1, position), Status::Confirmed)));
    }
    events
}

fn list_all(log: &OrderLog, mut query: Query) -> Vec<OrderRef> {
    let mut all = Vec::new();
    loop {
        let ListPage { orders, next } = log.list(&query).unwrap().expect("nothing is missing");
        assert!(orders.len() <= query.limit);
        all.extend(orders.iter().map(|stored| stored.order.at));
        let Some(next) = next else { return all };
        query.before = Some(next);
    }
}

#[test]
fn an_order_is_found_at_once_and_after_it_was_written() {
    let root = tempfile::tempdir().unwrap();
    let log = open(root.path());
    fill(&log, 1, 20, 100);
    for _ in 0..2 {
        for position in [0, 1, 50, 99] {
            let stored = log.order(at(7, position)).unwrap().unwrap();
            assert_eq!(stored.order, order(at(7, position), &format!("buyer-{position}"), &[1], None));
            assert_eq!((stored.status.status, stored.status.since), (Status::Confirmed, stamp(8)));
            assert_eq!(stored.accepted_status.word(), "held");
        }
        assert_eq!(log.order(at(20, 3)).unwrap().unwrap().status.status.word(), "held");
        assert_eq!(log.order(at(7, 100)).unwrap(), None, "a change is no order");
        assert_eq!(log.order(at(21, 0)).unwrap(), None);
        log.sync_through(LogIndex(20)).unwrap();
    }
    drop(log);
    let log = open(root.path());
    assert_eq!((log.appended_index(), log.durable_index()), (Some(LogIndex(20)), Some(LogIndex(20))));
    assert_eq!(log.order(at(7, 99)).unwrap().unwrap().status.status, Status::Confirmed);
    assert!(log.missing().is_empty() && !log.was_reset());
}

#[test]
fn lists_by_sku_and_status_are_newest_first_and_follow_a_cursor() {
    let root = tempfile::tempdir().unwrap();
    let log = open(root.path());
    fill(&log, 1, 15, 60);
    log.sync_through(LogIndex(15)).unwrap();
    fill(&log, 16, 30, 60);
    let expected = |keep: &dyn Fn(OrderRef) -> bool| -> Vec<_> {
        let all = (1..=30).rev().flat_map(|index| (0..60).rev().map(move |position| at(index, position)));
        all.filter(|order| keep(*order)).collect()
    };
    for limit in [1, 7, 100, 1_000] {
        assert_eq!(list_all(&log, Query { limit, ..Query::default() }), expected(&|_| true));
        let by_sku = Query { sku: Some(SkuId(2)), limit, ..Query::default() };
        assert_eq!(list_all(&log, by_sku.clone()), expected(&|order| order.index.0 % 3 == 2));
        let held = Query { statuses: vec!["held"], limit, ..Query::default() };
        assert_eq!(list_all(&log, held), expected(&|order| order.index.0 == 30));
        let none = Query { sku: Some(SkuId(9)), limit, ..Query::default() };
        assert!(list_all(&log, none).is_empty());
    }
}

/// Entry `index` of a sale of seats: an order for each of `seats`, a few on a page, one SKU each that comes again in every tenth entry.
fn seats(index: u64, seats: u16) -> Vec<Event> {
    let sku = |position: u16| (index % 10) as u32 * 1_000 + u32::from(position);
    (0..seats).map(|position| accepted(order(at(index, position), &"long name ".repeat(20), &[sku(position)], None))).collect()
}

#[test]
fn orders_of_many_skus_are_listed_by_each_before_and_after_they_are_written() {
    let root = tempfile::tempdir().unwrap();
    let log = open(root.path());
    let fill = |indexes: std::ops::Range<u64>| indexes.for_each(|index| append(&log, index, &seats(index, 40)));
    fill(1..401);
    log.sync_through(LogIndex(400)).unwrap();
    fill(401..431);
    let expected =
        |first: u64, position| (1..431).rev().filter(|index| index % 10 == first).map(|index| at(index, position)).collect::<Vec<_>>();
    for _ in 0..2 {
        for (first, position) in [(0, 0), (3, 39), (7, 17)] {
            let sku = SkuId(first as u32 * 1_000 + u32::from(position));
            for limit in [1, 7, 1_000] {
                assert_eq!(list_all(&log, Query { sku: Some(sku), limit, ..Query::default() }), expected(first, position));
            }
        }
        assert!(list_all(&log, Query { sku: Some(SkuId(40)), limit: 9, ..Query::default() }).is_empty());
        log.sync_through(LogIndex(430)).unwrap();
    }
    log.check().unwrap();
}

/// The writer has lists to write all the while, some of them again and again as memory holds both.
#[test]
fn a_list_by_sku_has_every_order_that_was_there_before_while_the_writer_moves_them() {
    const LAST: u64 = 1_500;
    let root = tempfile::tempdir().unwrap();
    let log = open(root.path());
    std::thread::scope(|scope| {
        scope.spawn(|| (1..=LAST).for_each(|index| append(&log, index, &seats(index, 60))));
        let mut lists = 0;
        loop {
            let before = log.appended_index().map_or(0, |index| index.0);
            let orders = list_all(&log, Query { sku: Some(SkuId(3_017)), limit: 1_000, ..Query::default() });
            let expected: Vec<_> = (1..=before).rev().filter(|index| index % 10 == 3).map(|index| at(index, 17)).collect();
            assert!(orders.ends_with(&expected) && orders.is_sorted_by(|a, b| a > b), "{before}: {orders:?}");
            lists += 1;
            if before == LAST {
                break;
            }
        }
        assert!(lists > 9, "{lists} lists while it moved");
    });
}

/// A node that missed a part of a sale of seats: at each block it is checked, and lists what it should once all is there.
#[test]
fn marks_of_pages_from_a_peer_stand_in_lists_beside_the_own() {
    let (full_root, late_root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (full, mut late) = (open(full_root.path()), open(late_root.path()));
    (1..=90).for_each(|index| append(&full, index, &seats(index, 40)));
    (1..=20).for_each(|index| append(&late, index, &seats(index, 40)));
    late.jump_to(LogIndex(70)).unwrap();
    (71..=90).for_each(|index| append(&late, index, &seats(index, 40)));
    let query = Query { sku: Some(SkuId(3_017)), limit: 4, ..Query::default() };
    let mut blocks = 0;
    while let Some(gap) = late.missing().first().copied() {
        let block = full.pages(gap.from, gap.through, 60_000).unwrap().unwrap();
        late.install(&block).unwrap();
        blocks += 1;
        // Its last handle writes everything out, and nothing writes while it is checked.
        drop(late);
        late = open(late_root.path());
        late.check().unwrap();
    }
    assert!(blocks > 3, "{blocks} blocks");
    assert_eq!(list_all(&late, query.clone()), list_all(&full, query.clone()));
    assert_eq!(list_all(&late, query).len(), 9);
}

#[test]
fn a_walk_along_a_seldom_sku_is_bounded_and_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let log = open(root.path());
    append(&log, 1, &[accepted(order(at(1, 0), "ann", &[77_777], None))]);
    // More lists than one call reads.
    for index in 2..=600 * 64 {
        append(&log, index, &if index % 64 == 0 { seats(index, 150) } else { Vec::new() });
    }
    log.sync_through(LogIndex(600 * 64)).unwrap();
    let query = Query { sku: Some(SkuId(77_777)), limit: 10, ..Query::default() };
    let page = log.list(&query).unwrap().unwrap();
    assert!(page.orders.is_empty() && page.next.is_some());
    assert_eq!(list_all(&log, query), [at(1, 0)]);
}

#[test]
fn one_call_reads_a_bounded_part_and_gives_a_cursor() {
    let root = tempfile::tempdir().unwrap();
    let log = open(root.path());
    fill(&log, 1, 600, 1);
    let query = Query { statuses: vec!["expired"], limit: 10, ..Query::default() };
    let page = log.list(&query).unwrap().unwrap();
    assert!(page.orders.is_empty() && page.next.is_some());
    assert!(list_all(&log, query).is_empty());
}

#[test]
fn a_buyers_orders_are_found_along_the_chain_and_beyond_what_the_state_forgot() {
    let root = tempfile::tempdir().unwrap();
    let log = open(root.path());
    let mine = |position, previous| accepted(order(position, "ann", &[1], previous));
    append(&log, 1, &[mine(at(1, 0), None)]);
    append(&log, 2, &[mine(at(2, 0), Some(at(1, 0))), accepted(order(at(2, 1), "bob", &[1], None))]);
    append(&log, 3, &[forgotten(0, 5, at(2, 0))]);
    append(&log, 4, &[mine(at(4, 0), None)]);
    append(&log, 5, &[mine(at(5, 0), Some(at(4, 0)))]);
    let chain = |head| BuyerChain { hash: BuyerHash(5), name: "ann".into(), head };
    for limit in 1..6 {
        let query = |head| Query { buyer: Some(chain(head)), limit, ..Query::default() };
        assert_eq!(list_all(&log, query(Some(at(5, 0)))), [at(5, 0), at(4, 0), at(2, 0), at(1, 0)]);
        assert_eq!(list_all(&log, query(None)), [at(2, 0), at(1, 0)], "the state forgot the head");
    }
    let stranger = Query { buyer: Some(chain(Some(at(2, 1)))), limit: 9, ..Query::default() };
    assert_eq!(list_all(&log, stranger), [at(2, 0), at(1, 0)], "another buyer's order is never listed");
}

#[test]
fn events_are_told_in_order_from_any_place() {
    let root = tempfile::tempdir().unwrap();
    let log = open(root.path());
    fill(&log, 1, 10, 80);
    log.sync_through(LogIndex(10)).unwrap();
    fill(&log, 11, 12, 80);
    let all: Vec<_> =
        (1..=12).flat_map(|index| entry(index, 80).into_iter().map(move |event| (LogIndex(index), stamp(index), event))).collect();
    let (mut told, mut from) = (Vec::new(), (LogIndex(0), 0));
    loop {
        let some = log.events(from, 10_000).unwrap();
        let Some((index, _, event)) = some.last() else { break };
        from = (*index, event.position + 1);
        told.extend(some);
    }
    assert!(told == all, "{} of {} events", told.len(), all.len());
    assert_eq!(log.events((LogIndex(3), 77), 1).unwrap()[0].2.position, 77);
}

#[test]
fn replayed_entries_are_skipped_and_rewritten_alike() {
    let root = tempfile::tempdir().unwrap();
    let log = open(root.path());
    fill(&log, 1, 10, 20);
    fill(&log, 1, 10, 20);
    drop(log);
    let log = open(root.path());
    fill(&log, 1, 11, 20);
    assert_eq!(list_all(&log, Query { limit: 1_000, ..Query::default() }).len(), 220);
    assert_eq!(log.order(at(10, 3)).unwrap().unwrap().status.status, Status::Confirmed);
}

#[test]
fn missing_pages_come_from_a_peer_piece_by_piece_and_newer_statuses_stay() {
    let (full_root, late_root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (full, mut late) = (open(full_root.path()), open(late_root.path()));
    fill(&full, 1, 40, 50);
    fill(&late, 1, 10, 50);
    late.jump_to(LogIndex(30)).unwrap();
    fill(&late, 31, 40, 50);
    append(&full, 41, &[changed(0, at(15, 0), Status::Cancelled)]);
    append(&late, 41, &[changed(0, at(15, 0), Status::Cancelled)]);
    assert_eq!(late.order(at(20, 0)).unwrap(), None);
    assert!(late.events((LogIndex(11), 0), 1_000).unwrap().is_empty(), "history is not told from within a gap");
    let before_gap = late.events((LogIndex(9), 0), usize::MAX).unwrap();
    assert_eq!(before_gap.last().unwrap().0, LogIndex(10), "and it stops before one");
    assert!(late.pages((LogIndex(12), 0), LogIndex(15), 1_000).unwrap().is_none(), "what is missing is not given on");

    let mut blocks = 0;
    while let Some(gap) = late.missing().first().copied() {
        let block = full.pages(gap.from, gap.through, 8_000).unwrap().unwrap();
        assert!(block.pages.iter().map(|(_, value)| value.len()).sum::<usize>() <= 8_000);
        late.install(&block).unwrap();
        blocks += 1;
        if blocks == 5 {
            drop(late);
            late = open(late_root.path());
            assert!(late.missing()[0].from > (LogIndex(11), 0), "a restart goes on where it was");
        }
    }
    assert!(blocks > 5);
    drop(late);
    let late = open(late_root.path());
    let everything = Query { limit: 1_000, ..Query::default() };
    assert_eq!(list_all(&late, everything.clone()), list_all(&full, everything));
    assert_eq!(list_all(&late, Query { sku: Some(SkuId(1)), limit: 99, ..Query::default() }).len(), 14 * 50);
    assert_eq!(late.order(at(15, 0)).unwrap().unwrap().status.status, Status::Cancelled);
    assert_eq!(late.order(at(15, 1)).unwrap().unwrap().status.status, Status::Confirmed);
    assert!(late.events((LogIndex(0), 0), usize::MAX).unwrap() == full.events((LogIndex(0), 0), usize::MAX).unwrap());
}

#[test]
fn a_block_that_does_not_fit_or_is_damaged_is_refused() {
    let (full_root, late_root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (full, late) = (open(full_root.path()), open(late_root.path()));
    fill(&full, 1, 10, 50);
    late.jump_to(LogIndex(10)).unwrap();
    let gap = late.missing()[0];
    let good = full.pages(gap.from, gap.through, 8_000).unwrap().unwrap();
    let mut wrong_start = good.clone();
    wrong_start.from = (LogIndex(3), 0);
    assert!(late.install(&wrong_start).is_err());
    let mut flipped = good.clone();
    let mut bytes = flipped.pages[1].1.to_vec();
    bytes[40] ^= 1;
    flipped.pages[1].1 = bytes.into();
    assert!(late.install(&flipped).is_err());
    let mut beyond = good.clone();
    beyond.through = LogIndex(99);
    beyond.next = None;
    assert!(late.install(&beyond).is_err());
    assert_eq!(late.missing(), [gap]);
    late.install(&good).unwrap();
    assert!(late.install(&good).is_err(), "twice");
}

#[test]
fn a_gap_in_the_entries_is_found_without_being_told() {
    let root = tempfile::tempdir().unwrap();
    let log = open(root.path());
    fill(&log, 1, 5, 1);
    fill(&log, 9, 9, 1);
    let missing = log.missing();
    assert_eq!((missing[0].from, missing[0].through, missing.len()), ((LogIndex(6), 0), LogIndex(8), 1));
}

#[test]
fn a_list_that_missing_pages_could_change_is_not_told() {
    let root = tempfile::tempdir().unwrap();
    let log = open(root.path());
    fill(&log, 1, 10, 2);
    log.jump_to(LogIndex(20)).unwrap();
    fill(&log, 21, 30, 2);
    let list = |query: Query| log.list(&Query { limit: 5, ..query }).unwrap();
    let before = |at| Query { before: Some(at), ..Query::default() };
    assert_eq!(list(Query::default()).unwrap().orders.len(), 5, "newer than the gap");
    assert!(list(before(at(22, 0))).is_none(), "over the gap");
    assert!(list(before(at(15, 0))).is_none(), "from within it");
    assert_eq!(list(before(at(11, 0))).unwrap().orders.len(), 5, "older than the gap");
    let held = |query| Query { statuses: vec!["held"], ..query };
    assert!(list(held(before(at(11, 0)))).is_none(), "a status may have been set in the gap");
    assert!(list(Query { sku: Some(SkuId(9)), ..Query::default() }).is_none(), "a mark may be in the gap");
}

#[test]
fn a_buyers_chain_is_followed_over_a_gap_but_not_into_one() {
    let root = tempfile::tempdir().unwrap();
    let log = open(root.path());
    let mine = |position, previous| accepted(order(position, "ann", &[1], previous));
    append(&log, 1, &[mine(at(1, 0), None)]);
    append(&log, 2, &[]);
    log.jump_to(LogIndex(9)).unwrap();
    append(&log, 10, &[mine(at(10, 0), Some(at(1, 0)))]);
    append(&log, 11, &[mine(at(11, 0), Some(at(5, 0)))]);
    append(&log, 12, &[mine(at(12, 0), None)]);
    let of = |head, before| {
        let buyer = Some(BuyerChain { hash: BuyerHash(5), name: "ann".into(), head });
        log.list(&Query { buyer, before, limit: 9, ..Query::default() }).unwrap()
    };
    let found = |page: Option<ListPage>| page.map(|page| page.orders.iter().map(|stored| stored.order.at).collect::<Vec<_>>());
    assert_eq!(found(of(Some(at(10, 0)), None)), Some(vec![at(10, 0), at(1, 0)]));
    assert_eq!(found(of(Some(at(11, 0)), None)), None, "the order before is missing");
    assert_eq!(found(of(Some(at(12, 0)), None)), None, "what the state forgot may be told in the gap");
    assert_eq!(found(of(Some(at(13, 0)), None)), None, "the head is not there yet");
    assert_eq!(found(of(None, None)), None);
    assert_eq!(found(of(None, Some(at(5, 0)))), None, "the cursor is in the gap");
    assert_eq!(found(of(None, Some(at(10, 0)))), Some(vec![at(1, 0)]));
}
