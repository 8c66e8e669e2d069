//! What attempts heard against the order of their key, where the key has several attempts or several bodies.

use holdfast_client::api::{OrderStatus, ProblemType};
use holdfast_client::oracle::{Heard, Invariant};

use crate::world::{Lines, World, refusal};

const ONE: Lines<'_> = &[("tee", 1)];
const TWO: Lines<'_> = &[("tee", 2)];

#[test]
fn an_attempt_that_certainly_had_no_effect_keeps_no_order_alive() {
    let applied_at = |index, problem: ProblemType| {
        let mut world = World::with_tees(9, None);
        world.order_before((5, 8), "k", "ann", ONE, Some(1_000), Heard::Nothing);
        let heard = if problem == ProblemType::Closed { world.closed(None) } else { refusal(problem, None) };
        world.order_before((9, 12), "k", "ann", ONE, Some(5_000), heard);
        world.held(index, "a", "ann", ONE);
        world
    };
    applied_at(4_000, ProblemType::NoLeader).refused(Invariant::I7, "applied at 4000, after 1000, when all attempts were dead");
    applied_at(4_000, ProblemType::Closed).refused(Invariant::I7, "after 1000, when all attempts were dead");
    applied_at(999, ProblemType::NoLeader).accepted();
    applied_at(4_000, ProblemType::OutcomeUnknown).accepted();
}

#[test]
fn a_key_that_owns_nothing_and_is_called_used_is_found_out() {
    let reused = refusal(ProblemType::IdempotencyKeyReused, Some(40));
    let mut world = World::with_tees(9, None);
    world.order((50, 55), "k", "ann", TWO, reused);
    world.refused(Invariant::I8, "its key owns nothing");
    // Asked for with the same body, or with another one that was refused, or that the ledger does not have.
    for (lines, heard) in [(TWO, Heard::Nothing), (ONE, refusal(ProblemType::Capacity, Some(9))), (ONE, Heard::Nothing)] {
        let mut world = World::with_tees(9, None);
        world.order((5, 15), "k", "ann", lines, heard);
        world.order((50, 55), "k", "ann", TWO, reused);
        world.refused(Invariant::I8, "its key owns nothing");
    }
    // Two keys that nobody heard of, and one order: either may own it.
    let mut world = World::with_tees(9, None);
    world.held(10, "a", "ann", ONE);
    for key in ["k", "other"] {
        world.order((5, 15), key, "ann", ONE, Heard::Nothing);
    }
    world.order((50, 55), "k", "ann", TWO, reused);
    world.accepted();
}

#[test]
fn another_body_that_hears_about_stock_and_not_about_its_key_is_found_out() {
    let heard_at = |index, problem: ProblemType| {
        let mut world = World::with_tees(9, None);
        world.held(10, "a", "ann", ONE);
        let got = world.got("a", 10, OrderStatus::Held);
        world.order((5, 15), "k", "ann", ONE, got);
        let heard = if problem == ProblemType::Closed { world.closed(Some(index)) } else { refusal(problem, Some(index)) };
        world.order((8, 25), "k", "ann", TWO, heard);
        world
    };
    heard_at(10, ProblemType::Closed).refused(Invariant::I8, "refused although its key owns order a");
    heard_at(9, ProblemType::Closed).accepted();
    heard_at(10, ProblemType::IdempotencyKeyReused).accepted();
}
