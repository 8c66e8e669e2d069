//! Histories that their ledger contradicts.

use holdfast_client::api::{OrderStatus, ProblemType};
use holdfast_client::oracle::{Asked, Heard, Invariant, Step};

use crate::world::{Lines, World, held_by_ann, refusal};

const ONE: Lines<'_> = &[("tee", 1)];
const TWO: Lines<'_> = &[("tee", 2)];

#[test]
fn an_acknowledged_order_that_the_ledger_lost_is_found_out() {
    let mut world = World::with_tees(9, None);
    let got = world.got("a", 10, OrderStatus::Held);
    world.order((5, 15), "k", "ann", ONE, got);
    world.refused(
        Invariant::I5,
        "acknowledged and lost: [0.005000–0.015000 s, node 1] order of 1 tee by ann with key k → a held at index 10",
    );
}

#[test]
fn an_order_with_another_content_is_found_out() {
    let mut world = World::with_tees(9, None);
    world.held(10, "a", "ann", TWO);
    let got = world.got("a", 10, OrderStatus::Held);
    world.order((5, 15), "k", "ann", ONE, got);
    world.refused(Invariant::I5, "another content");
}

#[test]
fn an_acknowledged_step_that_the_ledger_lost_is_found_out() {
    let mut world = held_by_ann();
    let got = world.got("a", 20, OrderStatus::Confirmed);
    world.step((16, 25), "a", Step::Confirm, got);
    world.refused(Invariant::I5, "a status that it did not have there");
}

#[test]
fn an_acknowledged_step_that_left_the_order_as_it_was_is_found_out() {
    for step in [Step::Confirm, Step::Release, Step::Cancel] {
        let mut world = held_by_ann();
        let got = world.got("a", 20, OrderStatus::Held);
        world.step((16, 25), "a", step, got);
        world.refused(Invariant::I5, "acknowledged and not taken");
    }
    let mut world = held_by_ann();
    let got = world.got("a", 20, OrderStatus::Held);
    world.step((16, 25), "a", Step::Extend, got);
    world.accepted();
}

#[test]
fn a_step_that_was_acknowledged_before_it_was_taken_is_found_out() {
    let answered_at = |index, status| {
        let mut world = held_by_ann();
        world.becomes(20, "a", OrderStatus::Confirmed);
        let got = world.got("a", index, status);
        world.step((16, 25), "a", Step::Confirm, got);
        world
    };
    answered_at(19, OrderStatus::Held).refused(Invariant::I5, "acknowledged and not taken");
    answered_at(20, OrderStatus::Confirmed).accepted();
    // Again, in the same state.
    answered_at(21, OrderStatus::Confirmed).accepted();
}

#[test]
fn a_status_that_an_order_never_had_is_found_out() {
    let mut world = World::with_tees(9, None);
    world.held(10, "a", "ann", ONE);
    let got = world.got("a", 10, OrderStatus::Confirmed);
    world.order((5, 15), "k", "ann", ONE, got);
    world.refused(Invariant::I6, "a status that it did not have");
}

#[test]
fn a_node_that_forgot_an_order_is_found_out() {
    let mut world = held_by_ann();
    let order = world.name("a");
    world.call((16, 20), Asked::Read { order }, refusal(ProblemType::UnknownOrder, Some(12)));
    world.refused(Invariant::I6, "forgotten");
}

#[test]
fn a_step_refused_for_a_status_that_the_order_did_not_have_is_found_out() {
    let refused_at = |index, step, problem| {
        let mut world = held_by_ann();
        world.step((16, 24), "a", Step::Release, Heard::Nothing);
        world.becomes(20, "a", OrderStatus::Released);
        world.step((25, 30), "a", step, refusal(problem, Some(index)));
        world
    };
    refused_at(20, Step::Confirm, ProblemType::OrderState).accepted();
    refused_at(22, Step::Cancel, ProblemType::OrderState).accepted();
    refused_at(19, Step::Cancel, ProblemType::OrderState).accepted();
    let wrong = [
        (19, Step::Confirm, ProblemType::OrderState),
        (22, Step::Release, ProblemType::OrderState),
        (20, Step::Confirm, ProblemType::HoldExpired),
        (20, Step::Release, ProblemType::HoldExpired),
    ];
    for (index, step, problem) in wrong {
        refused_at(index, step, problem).refused(Invariant::I6, "refused in a status that it did not have there");
    }
}

#[test]
fn a_sku_that_exists_and_is_called_unknown_is_found_out() {
    let told_of = |name: &str| {
        let mut world = held_by_ann();
        let sku = Some(world.name(name));
        let heard = Heard::Refused { problem: ProblemType::UnknownSku, sku, index: Some(10), available: None, is_final: false };
        world.order((16, 25), "kb", "bob", ONE, heard);
        world
    };
    told_of("tee").refused(Invariant::I17, "unknown-sku at index 10");
    told_of("hat").accepted();
}

#[test]
fn an_order_that_nobody_asked_for_is_found_out() {
    let mut world = held_by_ann();
    world.held(11, "b", "eve", ONE);
    world.refused(Invariant::I7, "no attempt is left that could have made order b");
}

#[test]
fn an_order_of_an_attempt_that_certainly_had_no_effect_is_found_out() {
    let mut world = World::with_tees(9, None);
    world.order((5, 15), "k", "ann", ONE, refusal(ProblemType::Overloaded, None));
    world.held(10, "a", "ann", ONE);
    world.refused(Invariant::I7, "no attempt is left");
}

#[test]
fn more_orders_than_open_attempts_are_found_out() {
    let mut world = World::with_tees(9, None);
    for key in ["k1", "k2"] {
        world.order((5, 15), key, "ann", ONE, Heard::Nothing);
    }
    for (index, id) in [(10, "a"), (11, "b"), (12, "c")] {
        world.held(index, id, "ann", ONE);
    }
    world.refused(Invariant::I7, "no attempt is left that could have made order c");
}

#[test]
fn an_order_applied_when_all_its_attempts_were_dead_is_found_out() {
    let mut world = World::with_tees(9, None);
    world.order_before((5, 8), "k", "ann", ONE, Some(9), Heard::Nothing);
    world.held(10, "a", "ann", ONE);
    world.refused(Invariant::I7, "when all attempts were dead");
}

#[test]
fn a_step_that_nobody_asked_for_is_found_out() {
    let mut world = held_by_ann();
    world.becomes(20, "a", OrderStatus::Released);
    world.refused(Invariant::I7, "nobody asked for");
}

#[test]
fn two_orders_of_one_key_are_found_out() {
    let mut world = held_by_ann();
    world.held(20, "b", "ann", ONE);
    let got = world.got("b", 20, OrderStatus::Held);
    world.order((16, 25), "k", "ann", ONE, got);
    world.refused(Invariant::I8, "one key, two orders: order a");
}

#[test]
fn a_second_order_of_a_key_that_nobody_heard_of_is_found_out() {
    let mut world = held_by_ann();
    world.order((3, 6), "k", "ann", ONE, Heard::Nothing);
    world.held(20, "b", "ann", ONE);
    world.refused(Invariant::I7, "no attempt is left that could have made order b");
}

#[test]
fn one_order_for_two_keys_is_found_out() {
    let mut world = held_by_ann();
    let got = world.replay("a", 10, OrderStatus::Held);
    world.order((16, 25), "other", "ann", ONE, got);
    world.refused(Invariant::I8, "two keys were given one order");
}

#[test]
fn another_body_that_is_given_the_keys_order_is_found_out() {
    let mut world = held_by_ann();
    let got = world.replay("a", 10, OrderStatus::Held);
    world.order((16, 25), "k", "ann", TWO, got);
    world.refused(Invariant::I8, "another content");
}

#[test]
fn a_refusal_to_a_key_that_owns_an_order_is_found_out() {
    let mut world = held_by_ann();
    let closed = world.closed(Some(12));
    world.order((16, 25), "k", "ann", ONE, closed);
    world.refused(Invariant::I8, "refused although its key owns order a");
    let mut world = held_by_ann();
    world.order((16, 25), "k", "ann", ONE, refusal(ProblemType::IdempotencyKeyReused, None));
    world.refused(Invariant::I8, "refused although its key owns order a");
}

#[test]
fn a_refusal_to_a_key_whose_order_nobody_heard_of_is_found_out() {
    let mut world = World::with_tees(9, None);
    world.order((5, 15), "k", "ann", ONE, Heard::Nothing);
    world.held(10, "a", "ann", ONE);
    let closed = world.closed(Some(12));
    world.order((16, 25), "k", "ann", ONE, closed);
    world.refused(Invariant::I8, "refused although its key owns order a");
}

#[test]
fn an_acknowledgement_with_another_index_is_found_out() {
    let mut world = World::with_tees(9, None);
    world.held(10, "a", "ann", ONE);
    let got = world.got("a", 10, OrderStatus::Held);
    world.order((5, 15), "k", "ann", ONE, got);
    let replay = world.replay("a", 11, OrderStatus::Held);
    world.order((16, 25), "k", "ann", ONE, replay);
    world.refused(Invariant::I10, "another index");
}

#[test]
fn an_order_that_is_before_what_was_known_when_it_was_asked_for_is_found_out() {
    let mut world = World::with_tees(9, None);
    world.held(8, "b", "bob", ONE);
    world.held(10, "a", "ann", ONE);
    let (a, b) = (world.got("a", 10, OrderStatus::Held), world.got("b", 8, OrderStatus::Held));
    world.order((5, 15), "ka", "ann", ONE, a);
    world.order((16, 25), "kb", "bob", ONE, b);
    world.refused(Invariant::I16, "order b of 1 tee by bob at index 8 was first asked for at 0.016000 s, when index 10 was known");
}

#[test]
fn a_step_that_is_before_what_was_known_when_it_was_asked_for_is_found_out() {
    let mut world = held_by_ann();
    world.becomes(11, "a", OrderStatus::Released);
    world.held(12, "b", "bob", ONE);
    let b = world.got("b", 12, OrderStatus::Held);
    world.order((8, 16), "kb", "bob", ONE, b);
    world.step((20, 30), "a", Step::Release, Heard::Nothing);
    world.refused(Invariant::I16, "was asked for");
}

#[test]
fn a_read_that_shows_another_state_than_that_of_its_index_is_found_out() {
    let mut world = held_by_ann();
    world.step((16, 25), "a", Step::Release, Heard::Nothing);
    world.becomes(20, "a", OrderStatus::Released);
    let (order, old) = (world.name("a"), world.got("a", 21, OrderStatus::Held));
    world.call((26, 30), Asked::Read { order }, old);
    world.refused(Invariant::I16, "a status that it did not have there");
}

#[test]
fn a_look_that_is_old_or_wrong_is_found_out() {
    let mut world = held_by_ann();
    let sku = world.name("tee");
    world.call((16, 25), Asked::Look { sku }, Heard::Available { index: 9, available: 9, held: 0 });
    world.refused(Invariant::I16, "index 10 was known before");
    let mut world = held_by_ann();
    world.call((16, 25), Asked::Look { sku }, Heard::Available { index: 10, available: 9, held: 1 });
    world.refused(Invariant::I16, "not the state there");
}

#[test]
fn a_sold_out_while_there_are_units_is_found_out() {
    let mut world = held_by_ann();
    let sold_out = world.sold_out(10);
    world.order((16, 25), "kb", "bob", ONE, sold_out);
    world.refused(Invariant::I17, "sold-out at index 10");
}

#[test]
fn a_sold_out_that_was_true_long_ago_is_found_out() {
    let mut world = World::with_tees(1, None);
    world.held(10, "a", "ann", ONE);
    let got = world.got("a", 10, OrderStatus::Held);
    world.order((5, 15), "k", "ann", ONE, got);
    world.becomes(20, "a", OrderStatus::Released);
    let got = world.got("a", 20, OrderStatus::Released);
    world.step((16, 25), "a", Step::Release, got);
    let sold_out = world.sold_out(15);
    world.order((1_100, 1_110), "kb", "bob", ONE, sold_out);
    world.refused(Invariant::I17, "index 20 was known a second before");
}

#[test]
fn a_final_sold_out_while_units_are_held_is_found_out() {
    let mut world = World::with_tees(1, None);
    world.held(10, "a", "ann", ONE);
    let got = world.got("a", 10, OrderStatus::Held);
    world.order((5, 15), "k", "ann", ONE, got);
    let sku = Some(world.name("tee"));
    let heard = Heard::Refused { problem: ProblemType::SoldOut, sku, index: Some(10), available: None, is_final: true };
    world.order((16, 25), "kb", "bob", ONE, heard);
    world.refused(Invariant::I17, "sold-out for good at index 10");
}

#[test]
fn a_wrong_number_of_units_left_is_found_out() {
    let mut world = held_by_ann();
    let sku = Some(world.name("tee"));
    let heard = Heard::Refused { problem: ProblemType::InsufficientStock, sku, index: Some(10), available: Some(1), is_final: false };
    world.order((16, 25), "kb", "bob", TWO, heard);
    world.refused(Invariant::I17, "insufficient-stock at index 10, 1 left");
}

#[test]
fn a_sold_out_about_what_was_not_asked_for_is_found_out() {
    let refused_for = |lines: Lines<'_>| {
        let mut world = World::with_tees(0, None);
        world.sku("cap", 5, None);
        let sold_out = world.sold_out(10);
        world.order((16, 25), "k", "ann", lines, sold_out);
        world
    };
    refused_for(&[("cap", 1)]).refused(Invariant::I17, "sold-out at index 10");
    refused_for(&[("cap", 1), ("tee", 1)]).accepted();
}

#[test]
fn a_too_few_left_that_was_true_long_ago_is_found_out() {
    let refused_at = |index| {
        let mut world = held_by_ann();
        world.becomes(20, "a", OrderStatus::Released);
        let got = world.got("a", 20, OrderStatus::Released);
        world.step((16, 25), "a", Step::Release, got);
        let (sku, available) = (Some(world.name("tee")), if index < 20 { 8 } else { 9 });
        let problem = ProblemType::InsufficientStock;
        let heard = Heard::Refused { problem, sku, index: Some(index), available: Some(available), is_final: false };
        world.order((1_100, 1_110), "kb", "bob", &[("tee", 10)], heard);
        world
    };
    refused_at(15).refused(Invariant::I17, "index 20 was known a second before");
    refused_at(20).accepted();
}
