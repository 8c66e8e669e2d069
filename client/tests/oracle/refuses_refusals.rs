//! Noes that are not true, and effects that were denied.

use holdfast_client::api::{Order, OrderStatus, ProblemType, Time};
use holdfast_client::oracle::{Asked, Heard, Invariant, Step};

use crate::world::{Lines, World, held_by_ann, refusal};

const ONE: Lines<'_> = &[("tee", 1)];
const TWO: Lines<'_> = &[("tee", 2)];

#[test]
fn an_order_whose_only_attempt_certainly_had_no_effect_is_found_out() {
    // The retry finds the order that the first attempt was told not to have made.
    for problem in [ProblemType::NoLeader, ProblemType::Overloaded, ProblemType::Capacity] {
        let mut world = World::with_tees(9, None);
        world.held(10, "a", "ann", ONE);
        world.order((5, 15), "k", "ann", ONE, refusal(problem, None));
        let replay = world.replay("a", 10, OrderStatus::Held);
        // Somebody else knew index 10 when the retry began.
        let (sku, seen) = (world.name("tee"), Heard::Available { index: 10, available: 8, held: 1 });
        world.call((11, 12), Asked::Look { sku }, seen);
        world.order((20, 25), "k", "ann", ONE, replay);
        world.refused(Invariant::I16, "was first asked for at 0.020000 s, when index 10 was known");
    }
    // Nobody knew: the retry may have made it, in the session after that of its first batch.
    let mut world = World::with_tees(9, None);
    world.held(10, "a", "ann", ONE);
    world.order((5, 7), "k", "ann", ONE, refusal(ProblemType::NoLeader, None));
    let replay = world.replay("a", 10, OrderStatus::Held);
    world.order((8, 25), "k", "ann", ONE, replay);
    world.accepted();
}

#[test]
fn a_retry_that_began_after_the_order_does_not_excuse_that_it_is_late() {
    let mut world = World::with_tees(9, None);
    world.held(4_000, "a", "ann", ONE);
    world.order_before((5, 8), "k", "ann", ONE, Some(1_000), Heard::Nothing);
    let replay = world.replay("a", 4_000, OrderStatus::Held);
    world.order_before((4_010, 4_020), "k", "ann", ONE, Some(9_000), replay);
    world.accepted();
    let (sku, seen) = (world.name("tee"), Heard::Available { index: 4_000, available: 8, held: 1 });
    world.call((4_001, 4_002), Asked::Look { sku }, seen);
    world.refused(Invariant::I7, "applied at 4000, after 1000, when all attempts were dead");
}

#[test]
fn a_limit_that_was_not_reached_is_found_out() {
    let refused_for = |lines: Lines<'_>, index| {
        let mut world = World::with_tees(9, Some(2));
        world.held(10, "a", "ann", ONE);
        let got = world.got("a", 10, OrderStatus::Held);
        world.order((5, 15), "k", "ann", ONE, got);
        world.becomes(20, "a", OrderStatus::Released);
        let released = world.got("a", 20, OrderStatus::Released);
        world.step((16, 30), "a", Step::Release, released);
        let limit = world.about_tee(ProblemType::BuyerLimit, index);
        world.order((14, 35), "more", "ann", lines, limit);
        world
    };
    refused_for(TWO, Some(12)).accepted();
    refused_for(TWO, Some(20)).accepted();
    refused_for(TWO, Some(9)).refused(Invariant::I11, "the limit was not reached");
    refused_for(TWO, Some(21)).refused(Invariant::I11, "the limit was not reached");
    refused_for(ONE, Some(12)).refused(Invariant::I11, "the limit was not reached");
    refused_for(TWO, None).refused(Invariant::I11, "the limit was not reached");
}

#[test]
fn a_sku_on_sale_that_is_called_closed_is_found_out() {
    for problem in [ProblemType::Closed, ProblemType::NotOpen] {
        let mut world = held_by_ann();
        let heard = world.about_tee(problem, Some(10));
        world.order((16, 25), "kb", "bob", ONE, heard);
        world.refused(Invariant::I17, problem.name());
    }
}

#[test]
fn a_step_refused_without_an_index_is_found_out() {
    let mut world = held_by_ann();
    world.step((16, 25), "a", Step::Cancel, refusal(ProblemType::OrderState, None));
    world.refused(Invariant::I6, "refused in a status that it did not have there");
}

#[test]
fn an_unheard_order_that_is_held_although_it_was_to_be_bought_at_once_is_found_out() {
    let mut world = World::with_tees(9, None);
    world.held(10, "a", "ann", ONE);
    world.order_at_once((5, 15), "k", "ann", ONE, Heard::Nothing);
    world.refused(Invariant::I7, "no attempt is left that could have made order a");
    let mut world = World::with_tees(9, None);
    world.bought(10, "a", "ann", ONE);
    world.order_at_once((5, 15), "k", "ann", ONE, Heard::Nothing);
    world.accepted();
}

#[test]
fn one_of_several_unheard_orders_that_came_when_all_were_dead_is_found_out() {
    let applied_at = |index| {
        let mut world = World::with_tees(9, None);
        for key in ["k1", "k2", "k3"] {
            world.order_before((5, 8), key, "ann", ONE, Some(1_000), Heard::Nothing);
        }
        world.held(10, "a", "ann", ONE);
        world.held(index, "b", "ann", ONE);
        world
    };
    applied_at(999).accepted();
    applied_at(1_000).refused(Invariant::I7, "applied at 1000, when all attempts were dead");
}

#[test]
fn cluster_time_that_leaps_is_found_out() {
    let stamped = |at_ms| {
        let mut world = held_by_ann();
        world.held_at(20, at_ms, "b", "bob", ONE);
        let got = world.got("b", 20, OrderStatus::Held);
        world.order((16, 25), "kb", "bob", ONE, got);
        world
    };
    stamped(6_010).accepted();
    stamped(6_100).refused(Invariant::I13, "cluster time advanced by");
}

#[test]
fn an_answer_that_tells_another_order_than_the_ledger_is_found_out() {
    let answered = |change: fn(&mut Order)| {
        let mut world = World::with_tees(9, None);
        world.held(10, "a", "ann", ONE);
        let told = world.told("a", change);
        world.order((5, 15), "k", "ann", ONE, told);
        world
    };
    answered(|_| ()).accepted();
    let changes: [fn(&mut Order); 4] = [
        |order| order.buyer = "bob".into(),
        |order| order.lines[0].quantity = 2,
        |order| order.created_at = Time(11),
        |order| order.node = 2,
    ];
    for change in changes {
        answered(change).refused(Invariant::I5, "another content");
        let mut world = held_by_ann();
        let (order, told) = (world.name("a"), world.told("a", change));
        world.call((16, 25), Asked::Read { order }, told);
        world.refused(Invariant::I5, "another content");
    }
}
