//! What attempts heard against the order of their key, where the key has several attempts or several bodies.

use holdfast_client::api::{OrderStatus, ProblemType};
use holdfast_client::oracle::{Heard, Invariant};

use crate::world::{Lines, World, refusal};

const ONE: Lines<'_> = &[("tee", 1)];

#[test]
fn an_attempt_that_certainly_had_no_effect_keeps_no_order_alive() {
    let applied_at = |index, problem: ProblemType| {
        let mut world = World::with_tees(9, None);
        world.order_before((5, 8), "k", "ann", ONE, Some(1_000), Heard::Nothing);
        world.order_before((9, 12), "k", "ann", ONE, Some(5_000), refusal(problem, None));
        world.held(index, "a", "ann", ONE);
        world
    };
    applied_at(4_000, ProblemType::NoLeader).refused(Invariant::I7, "applied at 4000, after 1000, when all attempts were dead");
    applied_at(4_000, ProblemType::BuyerLimit).refused(Invariant::I7, "after 1000, when all attempts were dead");
    applied_at(999, ProblemType::NoLeader).accepted();
    applied_at(4_000, ProblemType::OutcomeUnknown).accepted();
}
