//! Histories of a cluster that did nothing wrong, whatever its clients missed.

use holdfast_client::api::{OrderStatus, ProblemType};
use holdfast_client::oracle::{Asked, Heard, Step};

use crate::world::{Lines, World, refusal};

const ONE: Lines<'_> = &[("tee", 1)];

#[test]
fn calls_that_nobody_answered_are_settled_by_the_ledger() {
    let mut world = World::with_tees(9, None);
    // Present: it happened. Absent: it never did.
    world.order((5, 15), "present", "ann", ONE, Heard::Nothing);
    world.order((5, 15), "absent", "bob", ONE, Heard::Nothing);
    world.order((16, 25), "absent", "bob", ONE, refusal(ProblemType::OutcomeUnknown, None));
    world.held(10, "a", "ann", ONE);
    let judgement = world.judge();
    assert!(judgement.holds(), "{judgement}");
    assert_eq!((judgement.counts.settled_present, judgement.counts.settled_absent, judgement.counts.unknown), (1, 1, 3));
}

#[test]
fn an_order_may_be_applied_long_after_its_client_gave_up_if_it_named_no_deadline() {
    let mut world = World::with_tees(9, None);
    world.order((5, 15), "k", "ann", ONE, Heard::Nothing);
    let closed = world.closed(Some(9));
    world.order((16, 25), "k", "ann", ONE, closed);
    world.held(10, "a", "ann", ONE);
    let replay = world.replay("a", 10, OrderStatus::Held);
    world.order((30, 35), "k", "ann", ONE, replay);
    world.accepted();
}

#[test]
fn several_open_keys_that_ask_for_the_same_are_counted_and_not_told_apart() {
    let mut world = World::with_tees(9, None);
    for (number, key) in ["k1", "k2", "k3"].into_iter().enumerate() {
        let began = 5 + number as u64;
        world.order((began, began + 10), key, "ann", ONE, Heard::Nothing);
        let closed = world.closed(Some(12));
        world.order((30, 35), key, "ann", ONE, closed);
    }
    world.held(10, "a", "ann", ONE);
    world.held(11, "b", "ann", ONE);
    world.accepted();
}

#[test]
fn retries_on_other_nodes_and_another_body_with_the_same_key() {
    let mut world = World::with_tees(9, None);
    world.order((5, 9), "k", "ann", ONE, refusal(ProblemType::NoLeader, None));
    world.order((8, 12), "k", "ann", ONE, refusal(ProblemType::KeyInProgress, None));
    world.order((11, 20), "k", "ann", ONE, Heard::Nothing);
    world.held(15, "a", "ann", ONE);
    world.step((30, 35), "a", Step::Confirm, Heard::Nothing);
    world.becomes(32, "a", OrderStatus::Confirmed);
    let replay = world.replay("a", 15, OrderStatus::Confirmed);
    world.order((40, 45), "k", "ann", ONE, replay);
    world.order((50, 55), "k", "ann", &[("tee", 2)], refusal(ProblemType::IdempotencyKeyReused, Some(40)));
    world.accepted();
}

#[test]
fn lines_of_one_sku_are_one_line() {
    let mut world = World::with_tees(9, None);
    world.sku("cap", 5, None);
    world.held(10, "a", "ann", &[("tee", 3), ("cap", 1)]);
    let got = world.got("a", 10, OrderStatus::Held);
    world.order((5, 15), "k", "ann", &[("tee", 1), ("cap", 1), ("tee", 2)], got);
    world.accepted();
}

#[test]
fn a_life_with_a_late_confirm_a_limit_and_a_sale_of_the_last_unit() {
    let mut world = World::with_tees(1, Some(1));
    world.hold(500);
    world.held_for(10, "a", "ann", ONE, 500);
    let got = world.got("a", 10, OrderStatus::Held);
    world.order((5, 15), "k", "ann", ONE, got);
    let sold_out = world.sold_out(10);
    world.order((16, 25), "kb", "bob", ONE, sold_out);
    // In one entry the unit comes back and is sold again: a refusal between the two is true.
    world.becomes(520, "a", OrderStatus::Expired);
    world.becomes(520, "a", OrderStatus::Confirmed);
    let confirmed = world.got("a", 520, OrderStatus::Confirmed);
    world.step((515, 525), "a", Step::Confirm, confirmed);
    let sold_out = world.sold_out(520);
    world.order((516, 526), "kb", "bob", ONE, sold_out);
    world.step((530, 540), "a", Step::Cancel, Heard::Nothing);
    world.becomes(535, "a", OrderStatus::Cancelled);
    world.bought(550, "b", "ann", ONE);
    let got = world.got("b", 550, OrderStatus::Confirmed);
    world.order_at_once((545, 555), "k2", "ann", ONE, got);
    world.close(1, 0, 1);
    world.accepted();
}

#[test]
fn reads_and_looks_of_any_moment_between_call_and_answer() {
    let mut world = World::with_tees(9, None);
    world.held(10, "a", "ann", ONE);
    world.becomes(20, "a", OrderStatus::Released);
    let got = world.got("a", 10, OrderStatus::Held);
    world.order((5, 15), "k", "ann", ONE, got);
    world.step((18, 40), "a", Step::Release, Heard::Nothing);
    let (order, sku) = (world.name("a"), world.name("tee"));
    for (index, status) in [(19, OrderStatus::Held), (20, OrderStatus::Released), (33, OrderStatus::Released)] {
        let got = world.got("a", index, status);
        world.call((16, 41), Asked::Read { order }, got);
    }
    world.call((16, 41), Asked::Look { sku }, Heard::Available { index: 19, available: 8, held: 1 });
    world.call((16, 41), Asked::Look { sku }, Heard::Available { index: 20, available: 9, held: 0 });
    world.accepted();
}

#[test]
fn a_ledger_that_differs_from_another_nodes_is_told() {
    let mut world = World::with_tees(9, None);
    let [one, same, shorter, other] = [&["a", "b"][..], &["a", "b"], &["a"], &["a", "c"]].map(|ids| world.other_ledger(ids));
    assert_eq!(one.difference(&same), None);
    assert!(one.difference(&shorter).unwrap().contains("2 entries against 1"));
    assert!(one.difference(&other).unwrap().contains("index: 11"));
}
