//! Ledgers that are wrong by themselves, or against what the nodes say at the end.

use holdfast_client::api::{Change, Event, OrderStatus, Time};
use holdfast_client::oracle::{Asked, Heard, Invariant, Step};

use crate::world::World;

const ONE: &[(&str, u32)] = &[("tee", 1)];

/// One order, bought and told.
fn sold(world: &mut World, index: u64, id: &str, buyer: &str) {
    world.bought(index, id, buyer, ONE);
    let got = world.got(id, index, OrderStatus::Confirmed);
    world.order_at_once((index - 1, index + 1), &format!("k-{id}"), buyer, ONE, got);
}

/// One order, held for as long as the terms then say, and told.
fn holding(world: &mut World, index: u64, id: &str, hold_ms: u64) {
    world.hold(hold_ms);
    world.held_for(index, id, "ann", ONE, hold_ms);
    let got = world.got(id, index, OrderStatus::Held);
    world.order((index - 1, index + 1), &format!("k-{id}"), "ann", ONE, got);
}

#[test]
fn a_unit_sold_twice_is_found_out() {
    let mut world = World::with_tees(1, None);
    sold(&mut world, 10, "a", "ann");
    sold(&mut world, 20, "b", "bob");
    world.refused(Invariant::I2, "oversold by order b");
}

#[test]
fn stock_that_does_not_follow_from_its_adjustments_is_found_out() {
    let mut world = World::with_tees(1, None);
    world.adjusted(10, 5, 7, "shelf");
    let (sku, reference) = (world.name("tee"), world.name("shelf"));
    world.call((8, 11), Asked::Adjust { sku, delta: 5, reference }, Heard::Adjusted { index: 10 });
    world.refused(Invariant::I2, "does not follow");
}

#[test]
fn an_order_that_changes_its_content_is_found_out() {
    let mut world = World::with_tees(9, None);
    holding(&mut world, 10, "a", 1_000_000);
    let mut other = World::with_tees(9, None);
    other.held(10, "a", "bob", ONE);
    world.step((11, 20), "a", Step::Release, Heard::Nothing);
    let order = holdfast_client::api::Order {
        id: "a".into(),
        status: OrderStatus::Released,
        buyer: "bob".into(),
        lines: Vec::new(),
        created_at: Time(10),
        expires_at: None,
        node: 1,
        index: 12,
    };
    world.event(12, 12, Change::OrderReleased { order });
    world.refused(Invariant::I10, "another content");
}

#[test]
fn an_event_that_cannot_be_read_is_told_and_makes_ledgers_differ() {
    let mut world = World::with_tees(9, None);
    world.event(12, 12, Change::BackInStock { sku: "tee".into() });
    world.accepted();
    world.event(13, 13, Change::Unknown);
    world.refused(Invariant::I10, "a kind that is not known at index 13");
    let [one, mut other] = [&["a"], &["a"]].map(|ids| world.other_ledger(ids));
    assert_eq!(one.difference(&other), None);
    let event = Event { index: 13, position: 0, at: Time(13), change: Change::Unknown };
    other.push(&event, &mut world.history.names);
    assert!(one.difference(&other).unwrap().contains("flaws"));
}

#[test]
fn a_buyer_past_the_limit_is_found_out() {
    let mut world = World::with_tees(9, Some(1));
    sold(&mut world, 10, "a", "ann");
    sold(&mut world, 20, "b", "ann");
    world.refused(Invariant::I11, "2 units of one buyer with a limit of 1");
}

#[test]
fn units_that_come_back_twice_are_found_out() {
    let mut world = World::with_tees(9, None);
    holding(&mut world, 10, "a", 1_000_000);
    world.step((11, 30), "a", Step::Release, Heard::Nothing);
    world.becomes(20, "a", OrderStatus::Released);
    world.becomes(25, "a", OrderStatus::Released);
    world.refused(Invariant::I12, "from released to released");
}

#[test]
fn log_time_that_goes_back_is_found_out() {
    let mut world = World::with_tees(9, None);
    holding(&mut world, 10, "a", 1_000_000);
    world.step((11, 30), "a", Step::Release, Heard::Nothing);
    world.becomes_at(20, 9, "a", OrderStatus::Released);
    world.refused(Invariant::I13, "goes back");
}

#[test]
fn a_hold_that_ends_before_its_deadline_is_found_out() {
    let mut world = World::with_tees(9, None);
    holding(&mut world, 10, "a", 500);
    world.becomes(509, "a", OrderStatus::Expired);
    world.refused(Invariant::I13, "expires early");
}

#[test]
fn a_hold_that_no_entry_ends_is_found_out() {
    let mut world = World::with_tees(9, None);
    holding(&mut world, 10, "a", 500);
    sold(&mut world, 100_000, "b", "bob");
    let judgement = world.judge();
    assert!(judgement.violations.iter().all(|violation| violation.invariant == Invariant::I13), "{judgement}");
    assert!(judgement.to_string().contains("still held 99490 ms after its time"), "{judgement}");
}

#[test]
fn holds_that_a_clock_off_by_an_hour_ends_are_found_out() {
    let mut world = World::with_tees(9, None);
    holding(&mut world, 10, "a", 600_000);
    // The stamps are in order; the buyers' clock says that one second passed.
    world.becomes_at(1_000, 700_000, "a", OrderStatus::Expired);
    let read = world.got("a", 1_000, OrderStatus::Expired);
    let order = world.name("a");
    world.call((1_005, 1_010), Asked::Read { order }, read);
    world.refused(Invariant::I13, "expired after Some(1001000) µs");
}

#[test]
fn a_slice_of_a_session_that_is_over_is_stranded() {
    let mut world = World::with_tees(9, None);
    sold(&mut world, 10, "a", "ann");
    world.close(9, 0, 1).sessions.insert(1, 77);
    world.refused(Invariant::I18, "is of no session");
}

#[test]
fn books_that_are_not_the_ledgers_are_found_out() {
    let mut world = World::with_tees(9, None);
    sold(&mut world, 10, "a", "ann");
    let closing = world.close(9, 0, 1);
    closing.audits[0].1.confirmed = 2;
    closing.audits[0].1.slices[0].units = 7;
    world.refused(Invariant::I6, "not the ledger's");
}

#[test]
fn books_that_do_not_add_up_are_found_out() {
    let mut world = World::with_tees(9, None);
    sold(&mut world, 10, "a", "ann");
    world.close(9, 0, 1).audits[0].1.pool = 1;
    world.refused(Invariant::I2, "do not add up");
}

#[test]
fn metrics_that_are_not_true_are_found_out() {
    let sold_one = || {
        let mut world = World::with_tees(9, None);
        sold(&mut world, 10, "a", "ann");
        world
    };
    let mut world = sold_one();
    world.close(9, 0, 1).counters[0].accepted = 2;
    world.refused(Invariant::I24, "counts 2 accepted");
    let mut world = sold_one();
    world.close(9, 0, 1).counters[0].accepted = 0;
    world.refused(Invariant::I24, "counts 0 accepted");
    let mut world = sold_one();
    world.close(9, 0, 1).counters[0].skus[0].available = 9;
    world.refused(Invariant::I24, "instead of");
}
