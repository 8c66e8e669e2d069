//! Holds that last too short or too long, by the cluster's own time and by the terms.

use holdfast_client::api::OrderStatus;
use holdfast_client::oracle::{Asked, Heard, Invariant, Step};

use crate::world::{Lines, World};

const ONE: Lines<'_> = &[("tee", 1)];

/// A world in which ann holds one of nine from index 10 on, for 500 ms.
fn held_briefly() -> World {
    let mut world = World::with_tees(9, None);
    world.hold(500);
    world.held_for(10, "a", "ann", ONE, 500);
    let got = world.got("a", 10, OrderStatus::Held);
    world.order((5, 15), "k", "ann", ONE, got);
    world
}

/// Bob buys one, which is an entry.
fn bob_buys(world: &mut World, index: u64, id: &str) {
    world.bought(index, id, "bob", ONE);
    world.order_at_once((index - 1, index + 1), &format!("k-{id}"), "bob", ONE, Heard::Nothing);
}

#[test]
fn a_step_after_the_hold_is_over_is_found_out() {
    for (step, status) in [(Step::Confirm, OrderStatus::Confirmed), (Step::Release, OrderStatus::Released)] {
        let taken_at = |index| {
            let mut world = held_briefly();
            world.becomes(index, "a", status);
            world.step((16, 100_005), "a", step, Heard::Nothing);
            world
        };
        taken_at(509).accepted();
        taken_at(510).refused(Invariant::I13, "its time was over at 510");
        taken_at(100_000).refused(Invariant::I13, "its time was over at 510");
    }
}

#[test]
fn a_hold_is_told_as_expired_from_its_deadline_on_before_the_ledger_says_so_and_not_earlier() {
    let read_at = |index| {
        let mut world = held_briefly();
        bob_buys(&mut world, 505, "b");
        bob_buys(&mut world, 515, "c");
        world.becomes(520, "a", OrderStatus::Expired);
        let (order, got) = (world.name("a"), world.got("a", index, OrderStatus::Expired));
        world.call((index - 1, 600), Asked::Read { order }, got);
        world
    };
    read_at(515).accepted();
    read_at(505).refused(Invariant::I16, "a status that it did not have there");
}

#[test]
fn an_extension_that_was_asked_for_gives_a_hold_its_time_again_and_no_more() {
    let confirmed_at = |index, extension: Heard| {
        let mut world = held_briefly();
        world.step((16, 20), "a", Step::Extend, extension);
        world.step((21, 2_000), "a", Step::Confirm, Heard::Nothing);
        world.becomes(index, "a", OrderStatus::Confirmed);
        world
    };
    confirmed_at(1_009, Heard::Nothing).accepted();
    confirmed_at(1_010, Heard::Nothing).refused(Invariant::I13, "its time was over at 1010");
}

#[test]
fn an_extension_that_was_acknowledged_and_lost_is_found_out() {
    let expired_at = |index| {
        let mut world = held_briefly();
        let got = world.got("a", 18, OrderStatus::Held);
        world.step((16, 20), "a", Step::Extend, got);
        world.becomes(index, "a", OrderStatus::Expired);
        world
    };
    expired_at(1_009).refused(Invariant::I13, "expires early, its time is 1010");
    expired_at(1_010).accepted();
}

#[test]
fn a_hold_that_expires_long_after_its_time_is_found_out() {
    let expired_at = |index| {
        let mut world = held_briefly();
        bob_buys(&mut world, 5_500, "b");
        bob_buys(&mut world, 5_511, "c");
        world.becomes(index, "a", OrderStatus::Expired);
        world
    };
    expired_at(5_511).accepted();
    expired_at(5_512).refused(Invariant::I13, "still held 5001 ms after its time");
    expired_at(25_510).refused(Invariant::I13, "still held 5001 ms after its time");
    // Nothing was applied meanwhile: there was no leader.
    let mut world = held_briefly();
    world.becomes(25_510, "a", OrderStatus::Expired);
    world.accepted();
}

/// A silence in which more holds came to their end than one entry sweeps.
#[test]
fn holds_beyond_those_that_one_entry_sweeps_are_left_to_the_next() {
    let expired_later = |(at, number): (u64, u64)| {
        let mut world = World::with_tees(9_999, None);
        world.hold(5_000);
        for n in 0..=2_048 {
            let (index, order, buyer) = (10 + n, format!("a-{n}"), format!("buyer-{n}"));
            world.held_for(index, &order, &buyer, ONE, 5_000);
            let got = world.got(&order, index, OrderStatus::Held);
            world.order((index - 5, index + 5), &format!("k-{n}"), &buyer, ONE, got);
        }
        bob_buys(&mut world, 20_000, "b");
        let mut ends: Vec<_> = (0..=2_048).map(|n| (if n == number { at } else { 20_000 }, n)).collect();
        ends.sort_unstable();
        let (before, after): (Vec<_>, Vec<_>) = ends.into_iter().partition(|(at, _)| *at < 20_005);
        for (at, n) in before {
            world.becomes(at, &format!("a-{n}"), OrderStatus::Expired);
        }
        bob_buys(&mut world, 20_005, "c");
        for (at, n) in after {
            world.becomes(at, &format!("a-{n}"), OrderStatus::Expired);
        }
        world
    };
    expired_later((20_001, 2_048)).accepted();
    expired_later((20_002, 2_048)).accepted();
    expired_later((20_006, 2_048)).refused(Invariant::I13, "still held 12947 ms after its time");
    // Within a granule of time the order does not count.
    expired_later((20_001, 2_040)).accepted();
    expired_later((20_001, 2_039)).refused(Invariant::I13, "still held 12951 ms after its time");
    expired_later((20_001, 0)).refused(Invariant::I13, "still held 14990 ms after its time");
}

#[test]
fn a_hold_that_is_not_extended_has_its_time_once() {
    let sold_at_10_000 = |extend: bool| {
        let mut world = World::with_tees(9, None);
        world.hold(4_000);
        world.held_for(10, "a", "ann", ONE, 4_000);
        let got = world.got("a", 10, OrderStatus::Held);
        world.order((5, 15), "k", "ann", ONE, got);
        if extend {
            world.step((16, 20), "a", Step::Extend, Heard::Nothing);
        }
        bob_buys(&mut world, 10_000, "b");
        world
    };
    sold_at_10_000(false).refused(Invariant::I13, "still held 5990 ms after its time");
    sold_at_10_000(true).accepted();
}

#[test]
fn a_deadline_that_is_not_that_of_the_terms_is_found_out() {
    let mut world = held_briefly();
    world.hold(600);
    world.refused(Invariant::I13, "held until Some(510) instead of Some(610), by its terms");
    // Of several lines the shortest hold counts.
    let held_for = |ms| {
        let mut world = World::with_tees(9, None);
        world.hold(500);
        world.sku("cap", 9, None);
        let lines: Lines<'_> = &[("cap", 1), ("tee", 1)];
        world.held_for(10, "a", "ann", lines, ms);
        world.order((5, 15), "k", "ann", lines, Heard::Nothing);
        world
    };
    held_for(500).accepted();
    held_for(600_000).refused(Invariant::I13, "instead of Some(510)");
}

#[test]
fn an_order_that_is_held_although_it_is_bought_at_once_or_the_other_way_is_found_out() {
    let mut world = held_briefly();
    world.hold(0);
    world.refused(Invariant::I13, "held until Some(510) instead of None");
    let bought = || {
        let mut world = World::with_tees(9, None);
        world.bought(10, "a", "ann", ONE);
        let got = world.got("a", 10, OrderStatus::Confirmed);
        world.order((5, 15), "k", "ann", ONE, got);
        world
    };
    bought().refused(Invariant::I5, "bought at once instead of held");
    let mut world = bought();
    world.hold(0);
    world.accepted();
}
