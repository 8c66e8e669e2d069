//! A million calls in seconds: nothing in the oracle grows faster than its input.

use std::time::{Duration, Instant};

use holdfast_client::api::{OrderStatus, ProblemType};
use holdfast_client::oracle::{Asked, Heard, Step};

use crate::world::World;

/// A debug build is some twenty times slower.
const CALLS: usize = if cfg!(debug_assertions) { 50_000 } else { 1_000_000 };

/// On one core of a slow machine.
const WITHIN: Duration = Duration::from_secs(15);

#[test]
fn a_million_calls_are_judged_in_seconds() {
    let world = long_sale();
    let began = Instant::now();
    let judgement = world.judge();
    let took = began.elapsed();
    println!("{} calls, {} orders judged in {took:.2?}", judgement.counts.calls, judgement.counts.orders);
    assert!(judgement.holds(), "{judgement}");
    assert!(judgement.counts.calls >= CALLS);
    assert!(took < WITHIN, "{took:?} for {CALLS} calls");
}

/// Buyers who come again and again, unheard orders that all ask for the same, steps, looks and refusals.
fn long_sale() -> World {
    let mut world = World::with_tees(10_000_000, Some(1_000_000));
    world.hold(100_000_000);
    let lines = &[("tee", 1)];
    for index in (10..).step_by(10).take(CALLS / 4) {
        let (id, key, buyer) = (format!("id-{index}"), format!("key-{index}"), format!("buyer-{}", index % 1_000));
        world.held_for(index, &id, &buyer, lines, 100_000_000);
        let heard = if index % 100 == 0 { Heard::Nothing } else { world.got(&id, index, OrderStatus::Held) };
        world.order((index - 1, index + 1), &key, &buyer, lines, heard);
        world.step((index + 1, index + 3), &id, Step::Confirm, Heard::Nothing);
        world.becomes(index + 2, &id, OrderStatus::Confirmed);
        let (sku, sold) = (world.name("tee"), index / 10);
        world.call(
            (index + 3, index + 5),
            Asked::Look { sku },
            Heard::Available { index: index + 4, available: 10_000_000 - sold, held: 0 },
        );
        let limit = world.about_tee(ProblemType::BuyerLimit, Some(index + 4));
        world.order((index + 3, index + 5), &format!("no-{index}"), &buyer, &[("tee", 1_000_000)], limit);
    }
    world
}
