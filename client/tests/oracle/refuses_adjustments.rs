//! Adjustments of stock that were not made as they were told.

use holdfast_client::oracle::{Asked, Heard, Invariant};

use crate::world::held_by_ann;

#[test]
fn an_acknowledged_adjustment_that_the_ledger_lost_is_found_out() {
    let mut world = held_by_ann();
    let (sku, reference) = (world.name("tee"), world.name("shelf"));
    world.call((16, 25), Asked::Adjust { sku, delta: 5, reference }, Heard::Adjusted { index: 20 });
    world.refused(Invariant::I5, "acknowledged and lost");
}

#[test]
fn an_adjustment_that_is_told_before_it_was_made_is_found_out() {
    let told_at = |index| {
        let mut world = held_by_ann();
        let (sku, reference) = (world.name("tee"), world.name("shelf"));
        world.call((16, 25), Asked::Adjust { sku, delta: 5, reference }, Heard::Adjusted { index });
        world.adjusted(20, 5, 14, "shelf");
        world
    };
    told_at(19).refused(Invariant::I5, "told before index 20");
    // The SKU is told as it is, a little later.
    told_at(21).accepted();
}

#[test]
fn an_adjustment_before_what_was_known_when_it_was_first_asked_for_is_found_out() {
    let asked_again_at = |first_us, known_at| {
        let mut world = held_by_ann();
        let (sku, reference) = (world.name("tee"), world.name("shelf"));
        let adjust = Asked::Adjust { sku, delta: 5, reference };
        world.call((first_us, 40), adjust, Heard::Nothing);
        world.call((50, 60), adjust, Heard::Adjusted { index: 20 });
        world.adjusted(20, 5, 14, "shelf");
        world.call((known_at - 1, known_at), Asked::Look { sku }, Heard::Available { available: 13, held: 1, index: 21 });
        world
    };
    asked_again_at(30, 29).refused(Invariant::I16, "known before it was first asked for");
    // A repeated one keeps its index, however much is known by then.
    asked_again_at(30, 45).accepted();
}

#[test]
fn an_adjustment_applied_twice_is_found_out() {
    let mut world = held_by_ann();
    let (sku, reference) = (world.name("tee"), world.name("shelf"));
    world.call((16, 25), Asked::Adjust { sku, delta: 5, reference }, Heard::Adjusted { index: 20 });
    world.adjusted(20, 5, 14, "shelf");
    world.adjusted(22, 5, 19, "shelf");
    world.refused(Invariant::I8, "adjusted twice");
}

#[test]
fn stock_that_nobody_added_is_found_out() {
    let mut world = held_by_ann();
    world.adjusted(20, 5, 14, "ghost");
    world.refused(Invariant::I7, "nobody asked for");
}
