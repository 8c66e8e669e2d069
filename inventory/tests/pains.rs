//! What users of other systems suffered from, where the core is the lowest layer that can show it: see `docs/pains.md`.

#[allow(dead_code)] // Shared with tests that use other parts of it.
mod world;

use holdfast_inventory::*;
use world::{World, order};

/// A world with one SKU of `stock`, held for ten seconds.
fn selling(stock: u64, settings: SettingsPatch) -> World {
    let mut world = World::new(Params::default());
    world.create("tee", stock, SettingsPatch { hold_ttl: Some(Millis(10_000)), ..settings });
    world
}

const TEE: SkuId = SkuId(0);

fn buy(world: &mut World, node: u64, key: &str, units: u32) -> Outcome {
    world.request(node, Request::Order(order("ann", key, &[(TEE, units)])))
}

fn bought(world: &mut World, node: u64, key: &str, units: u32) -> OrderRef {
    match buy(world, node, key, units) {
        Outcome::Accepted { order, .. } => order,
        other => panic!("not accepted: {other:?}"),
    }
}

/// Available, held, confirmed.
fn counts(world: &World) -> (u64, u64, u64) {
    let sku = world.state.sku(TEE).expect("created");
    assert!(sku.is_conserved());
    (sku.available(), sku.held, sku.confirmed)
}

#[test]
fn a_refused_order_changes_no_count_and_a_smaller_one_still_sells() {
    let mut world = selling(3, SettingsPatch::default());
    for n in 0..10 {
        let refused = buy(&mut world, 1, &format!("too-many-{n}"), 5);
        assert!(matches!(refused, Outcome::Refused(Refusal::InsufficientStock { available: 3, .. })), "{refused:?}");
    }
    assert_eq!(counts(&world), (3, 0, 0));
    bought(&mut world, 2, "fits", 3);
    assert!(matches!(buy(&mut world, 1, "late", 1), Outcome::Refused(Refusal::SoldOut { .. })));
    assert_eq!(counts(&world), (0, 3, 0));
}

#[test]
fn sold_out_ends_as_soon_as_stock_comes_back() {
    let mut world = selling(1, SettingsPatch::default());
    let first = bought(&mut world, 1, "first", 1);
    assert!(matches!(buy(&mut world, 2, "second", 1), Outcome::Refused(Refusal::SoldOut { .. })));
    world.request(1, Request::Release(world.step(first, false)));
    bought(&mut world, 2, "second", 1);
    assert!(matches!(buy(&mut world, 1, "third", 1), Outcome::Refused(Refusal::SoldOut { .. })));
    let more = AdjustStock { sku: TEE, delta: 1, reason: "delivery".into(), reference: None, key: "more".into() };
    world.apply(Command::AdjustStock(more));
    bought(&mut world, 1, "third", 1);
    assert_eq!(counts(&world), (0, 2, 0));
}

#[test]
fn units_come_back_once_in_whatever_order_and_however_often_an_order_is_ended() {
    type Step = fn(Transition<'static>) -> Request<'static>;
    let steps: [Step; 3] = [Request::Confirm, Request::Release, Request::Cancel];
    for n in 0..81 {
        let mut world = selling(5, SettingsPatch::default());
        let order = bought(&mut world, 1, "order", 2);
        for (turn, place) in [n % 3, n / 3 % 3, n / 9 % 3, n / 27].into_iter().enumerate() {
            // Every other step comes from the other node.
            world.request(1 + turn as u64 % 2, steps[place](world.step(order, true)));
            let (available, held, confirmed) = counts(&world);
            assert!([(3, 2, 0), (3, 0, 2), (5, 0, 0)].contains(&(available, held, confirmed)), "{n}: {available} {held} {confirmed}");
        }
    }
}

#[test]
fn holds_that_end_all_at_once_are_swept_in_bounded_steps_and_none_is_forgotten() {
    const HOLDS: u32 = 100_000;
    let sweep = Params::default().sweep_per_entry;
    assert!(sweep < HOLDS, "one entry would sweep them all");
    let mut world = selling(u64::from(HOLDS), SettingsPatch::default());
    for n in 0..HOLDS {
        world.request(1, Request::Order(order(&format!("buyer-{n}"), "key", &[(TEE, 1)])));
    }
    assert_eq!(counts(&world), (0, u64::from(HOLDS), 0));
    world.clock += 60_000;
    let mut entries = 0;
    while world.state.sku(TEE).expect("created").held > 0 {
        let before = counts(&world).1;
        world.apply(Command::Tick);
        let swept = before - counts(&world).1;
        assert!((1..=u64::from(sweep)).contains(&swept), "{swept} holds in one entry");
        entries += 1;
    }
    assert_eq!((counts(&world), entries), ((u64::from(HOLDS), 0, 0), HOLDS.div_ceil(sweep)));
    assert_eq!(world.state.expiry_lag(), Millis(0));
}

#[test]
fn an_order_before_the_opening_takes_nothing_on_any_node() {
    let opens_at = Some(Some(Stamp(9_000)));
    let mut world = selling(3, SettingsPatch { opens_at, ..SettingsPatch::default() });
    for (node, clock) in [(1, 1_000), (2, 8_999), (1, 8_999)] {
        world.clock = clock;
        let refused = buy(&mut world, node, "early", 1);
        assert!(matches!(refused, Outcome::Refused(Refusal::NotOpen { .. })), "{refused:?}");
        assert_eq!(counts(&world), (3, 0, 0));
    }
    world.clock = 9_000;
    bought(&mut world, 2, "early", 1);
}

#[test]
fn the_limit_counts_all_lines_and_orders_of_a_buyer() {
    let mut world = selling(100, SettingsPatch { per_buyer_limit: Some(Some(3)), ..SettingsPatch::default() });
    bought(&mut world, 1, "one", 2);
    for node in [1, 2] {
        let refused = buy(&mut world, node, "two", 2);
        assert!(matches!(refused, Outcome::Refused(Refusal::BuyerLimit { limit: 3, bought: 2, .. })), "{refused:?}");
    }
    bought(&mut world, 2, "three", 1);
    assert_eq!(counts(&world), (97, 3, 0));
}

#[test]
fn a_key_is_known_to_a_state_that_came_by_a_snapshot() {
    let mut world = selling(3, SettingsPatch::default());
    let first = bought(&mut world, 1, "key", 2);
    let mut reader = SnapshotReader::new();
    for chunk in world.state.snapshot() {
        reader.push(&chunk).expect("own bytes");
    }
    world.state = reader.finish().expect("own bytes");
    for node in [1, 2] {
        assert_eq!(buy(&mut world, node, "key", 2), Outcome::Replayed { order: first });
    }
    assert_eq!(counts(&world), (1, 2, 0));
}
