//! Every refusal is reached, and of two causes the earlier one is told.

#[allow(dead_code)]
mod world;

use holdfast_inventory::*;
use world::{World, order};

/// Something that speaks against an order, put into a request.
type Cause = (&'static str, fn(&mut OrderRequest<'static>), fn(&Refusal) -> bool);

const LATER: SkuId = SkuId(0);
const STOPPED: SkuId = SkuId(1);
const LIMITED: SkuId = SkuId(2);
const ELSEWHERE: SkuId = SkuId(3);
const FEW: SkuId = SkuId(4);
const NONE: SkuId = SkuId(5);
const PLENTY: SkuId = SkuId(6);
const CLOCK: Stamp = Stamp(5_000);

/// In order of precedence. A line is put first, so that the order of lines never decides.
const CAUSES: [Cause; 10] = [
    ("key reused", |ask| ask.key = "used".into(), |no| matches!(no, Refusal::KeyReused)),
    ("too late", |ask| ask.apply_before = CLOCK, |no| matches!(no, Refusal::TooLate)),
    ("capacity", |ask| ask.buyer = "full".into(), |no| matches!(no, Refusal::Capacity { of_buyer: true })),
    ("unknown SKU", |ask| line(ask, SkuId(99), 1), |no| matches!(no, Refusal::UnknownSku { sku: SkuId(99) })),
    ("not open", |ask| line(ask, LATER, 1), |no| matches!(no, Refusal::NotOpen { sku: LATER, .. })),
    ("closed", |ask| line(ask, STOPPED, 1), |no| matches!(no, Refusal::Closed { sku: STOPPED })),
    ("limit", |ask| line(ask, LIMITED, 1), |no| matches!(no, Refusal::BuyerLimit { sku: LIMITED, limit: 1, bought: 1 })),
    ("refilling", |ask| line(ask, ELSEWHERE, 1), |no| matches!(no, Refusal::Refilling { sku: ELSEWHERE })),
    ("insufficient", |ask| line(ask, FEW, 2), |no| matches!(no, Refusal::InsufficientStock { sku: FEW, available: 1 })),
    ("sold out", |ask| line(ask, NONE, 1), |no| matches!(no, Refusal::SoldOut { sku: NONE, is_final: true })),
];

fn line(ask: &mut OrderRequest<'static>, sku: SkuId, units: u32) {
    ask.lines.insert(0, Line { sku, units });
}

/// A world where each cause stands ready; `full` has as many keys as a buyer may, `some` has one less.
fn world() -> World {
    let mut world = World::new(Params { max_orders_per_buyer: 3, pooled_below_per_node: 1, ..Params::default() });
    let bought_at_once = || SettingsPatch { hold_ttl: Some(Millis(0)), ..SettingsPatch::default() };
    world.create("later", 5, SettingsPatch { opens_at: Some(Some(Stamp(90_000))), ..bought_at_once() });
    world.create("stopped", 5, bought_at_once());
    world.create("limited", 50, SettingsPatch { per_buyer_limit: Some(Some(1)), ..bought_at_once() });
    world.create("elsewhere", 5, bought_at_once());
    world.create("few", 1, bought_at_once());
    world.create("none", 0, bought_at_once());
    world.create("plenty", 500, bought_at_once());
    world.apply(Command::SetSale { sku: STOPPED, open: false });
    let session = world.state.session_of(NodeId(2)).expect("open").id;
    world.apply(Command::Grant(vec![Grant { sku: ELSEWHERE, session, units: 5 }]));
    for buyer in ["full", "some"] {
        accepted(world.request(1, Request::Order(order(buyer, "used", &[(PLENTY, 9)]))));
        accepted(world.request(1, Request::Order(order(buyer, "limit", &[(LIMITED, 1)]))));
    }
    accepted(world.request(1, Request::Order(order("full", "third", &[(PLENTY, 1)]))));
    world.clock = CLOCK.0;
    world
}

fn accepted(outcome: Outcome) -> OrderRef {
    match outcome {
        Outcome::Accepted { order, .. } => order,
        other => panic!("not accepted: {other:?}"),
    }
}

#[test]
fn of_two_causes_against_an_order_the_earlier_is_told() {
    let mut world = world();
    for (at, (name, cause, is_told)) in CAUSES.iter().enumerate() {
        for (other_name, other, _) in &CAUSES[at..] {
            let mut ask = order("some", "new", &[(PLENTY, 1)]);
            cause(&mut ask);
            if other_name != name {
                other(&mut ask);
            }
            let before = world.state.gauges();
            match world.request(1, Request::Order(ask)) {
                Outcome::Refused(refusal) => assert!(is_told(&refusal), "{name} and {other_name}: {refusal:?}"),
                other => panic!("{name} and {other_name}: {other:?}"),
            }
            assert_eq!(world.state.gauges(), before, "{name}: a refusal left something behind");
        }
    }
    accepted(world.request(1, Request::Order(order("some", "new", &[(PLENTY, 1)]))));
}

/// What a Desk with a fresh proof says at once about an order of node 1.
fn early_refusal(world: &World, ask: OrderRequest<'static>) -> Option<Refusal> {
    let (now, state) = (Moment(0), &world.state);
    let records = NodeRecords::new(state, NodeId(1));
    let mut desk = Desk::new(DeskConfig::new(NodeId(1), Incarnation(1)));
    let mut out = Vec::new();
    desk.leader_changed(now, Some(NodeId(2)), &mut out);
    desk.fresh(now, now, state.last_index(), &records, &mut out);
    let asked = Ask {
        key: Some(state.key_hash(&ask.caller, &ask.buyer, &ask.key)),
        fingerprint: Some(state.fingerprint(&ask.buyer, &ask.lines, ask.confirm)),
        buyer: Some(state.buyer_hash(&ask.buyer)),
        request: Request::Order(ask),
    };
    let time = ClusterTime { now: Stamp(world.clock), error: Millis(5) };
    desk.admit(now, time, asked, (), &records, &mut out);
    out.into_iter().find_map(|effect| match effect {
        Effect::Answer((), Answer::Refused { refusal, .. }) => Some(refusal),
        _ => None,
    })
}

#[test]
fn a_desk_refuses_a_basket_early_with_what_apply_would_tell() {
    // What is found before the lines is not the Desk's to say, and units in other slices are worth a wait.
    let is_early = |name: &str| !["key reused", "too late", "capacity", "refilling"].contains(&name);
    let causes: Vec<&Cause> = CAUSES.iter().filter(|(name, ..)| is_early(name)).collect();
    let world = world();
    for (at, (name, cause, is_told)) in causes.iter().enumerate() {
        for (other_name, other, _) in &causes[at..] {
            for cause_first in [true, false] {
                let mut ask = order("some", "new", &[(PLENTY, 1)]);
                let mut causes = if other_name == name { vec![cause] } else { vec![other, cause] };
                if cause_first {
                    causes.reverse();
                }
                for cause in causes {
                    cause(&mut ask);
                }
                let told = early_refusal(&world, ask);
                assert!(told.as_ref().is_some_and(is_told), "{name} and {other_name}: {told:?}");
            }
        }
    }
    assert_eq!(early_refusal(&world, order("some", "new", &[(PLENTY, 1)])), None);
}

#[test]
fn precedence_numbers_follow_the_table() {
    let mut world = world();
    let numbers: Vec<u8> = CAUSES
        .iter()
        .map(|(name, cause, _)| {
            let mut ask = order("some", "new", &[(PLENTY, 1)]);
            cause(&mut ask);
            match world.request(1, Request::Order(ask)) {
                Outcome::Refused(refusal) => refusal.precedence(),
                other => panic!("{name}: {other:?}"),
            }
        })
        .collect();
    assert_eq!(numbers, (0..10).collect::<Vec<_>>());
}

#[test]
fn the_bound_of_the_cluster_is_told_where_the_buyers_is_not_reached() {
    let mut world = World::new(Params { max_orders: 1, pooled_below_per_node: 1, ..Params::default() });
    let sku = world.create("tv", 5, SettingsPatch::default());
    let order_of = |key| Request::Order(order("ann", key, &[(sku, 1)]));
    let first = accepted(world.request(1, order_of("one")));
    assert_eq!(world.request(1, order_of("two")), Outcome::Refused(Refusal::Capacity { of_buyer: false }));
    assert_eq!(world.request(1, order_of("one")), Outcome::Replayed { order: first });
}

#[test]
fn a_request_without_a_shape_is_refused_and_changes_nothing() {
    let mut world = world();
    let seventeen: Vec<(SkuId, u32)> = (0..17).map(|n| (SkuId(n), 1)).collect();
    for lines in [&[][..], &[(PLENTY, 0)], &[(PLENTY, 1_001)], &[(PLENTY, u32::MAX)], &[(PLENTY, 1), (PLENTY, 1)], &seventeen] {
        let outcome = world.request(1, Request::Order(order("dee", "odd", lines)));
        assert!(matches!(outcome, Outcome::Refused(Refusal::UnknownSku { .. })), "{lines:?}: {outcome:?}");
    }
    assert_eq!(world.state.buyer_latest("dee"), None);
}

#[test]
fn steps_hear_their_refusals_in_order() {
    let mut world = World::new(Params { pooled_below_per_node: 1, ..Params::default() });
    let sku = world.create("tv", 5, SettingsPatch { hold_ttl: Some(Millis(1_000)), ..SettingsPatch::default() });
    let nobody = OrderRef { index: LogIndex(u64::MAX), position: 0 };
    let late = |step: Transition<'static>| Transition { apply_before: Stamp(0), ..step };
    let unknown = world.step(nobody, false);
    assert_eq!(world.request(1, Request::Cancel(late(unknown.clone()))), Outcome::Refused(Refusal::TooLate));
    assert_eq!(world.request(1, Request::Cancel(unknown)), Outcome::Refused(Refusal::UnknownOrder));
    let held = accepted(world.request(1, Request::Order(order("ann", "one", &[(sku, 1)]))));
    let step = world.step(held, true);
    let refused = world.request(1, Request::Cancel(step.clone()));
    assert!(matches!(refused, Outcome::Refused(Refusal::OrderState { status: Status::Held { .. } })));
    world.clock += 1_000;
    assert_eq!(world.request(1, Request::Extend(step.clone())), Outcome::Refused(Refusal::HoldExpired { refund_required: false }));
    assert_eq!(world.request(1, Request::Confirm(step.clone())), Outcome::Refused(Refusal::HoldExpired { refund_required: true }));
    assert_eq!(world.request(1, Request::Release(step)), Outcome::Refused(Refusal::OrderState { status: Status::Expired }));
}

#[test]
fn operators_hear_their_refusals_in_order() {
    let mut world = World::new(Params { pooled_below_per_node: 1, ..Params::default() });
    let sku = world.create("tv", 5, SettingsPatch::default());
    let mut answer = |command: Command<'_>| match world.apply(command).outcome {
        CommandOutcome::Sku(result) => result,
        other => panic!("{other:?}"),
    };
    let name = SkuName::new("tv").expect("a name");
    let create = CreateSku { name, stock: u64::MAX, settings: SettingsPatch::default() };
    assert_eq!(Inventory::new().apply(LogIndex(1), &Entry::Command(Stamp(1), Command::CreateSku(create.clone()))).outcome, {
        CommandOutcome::Sku(Err(SkuRefusal::NotBootstrapped))
    });
    assert_eq!(answer(Command::CreateSku(create)), Err(SkuRefusal::Exists));
    let patch = |sku, version, limit| {
        let settings = SettingsPatch { per_buyer_limit: Some(Some(limit)), ..SettingsPatch::default() };
        Command::PatchSku(PatchSku { sku, if_version: Version(version), settings })
    };
    assert_eq!(answer(patch(SkuId(7), 9, 0)), Err(SkuRefusal::Unknown));
    assert_eq!(answer(patch(sku, 9, 0)), Err(SkuRefusal::OutOfBounds));
    assert_eq!(answer(patch(sku, 9, 1)), Err(SkuRefusal::VersionStale { version: Version(1) }));
    assert_eq!(answer(patch(sku, 1, 1)).map(|done| done.version), Ok(Version(2)));
    let adjust =
        |sku, delta, key: &str| Command::AdjustStock(AdjustStock { sku, delta, reason: "count".into(), reference: None, key: key.into() });
    assert_eq!(answer(adjust(sku, 1, "a")).map(|done| done.replayed), Ok(false));
    assert_eq!(answer(adjust(sku, 1, "a")).map(|done| done.replayed), Ok(true));
    assert_eq!(answer(adjust(SkuId(7), 0, "a")), Err(SkuRefusal::Unknown));
    assert_eq!(answer(adjust(sku, i64::MAX, "a")), Err(SkuRefusal::OutOfBounds));
    assert_eq!(answer(adjust(sku, i64::MIN, "a")), Err(SkuRefusal::KeyReused));
    assert_eq!(answer(adjust(sku, i64::MIN, "b")), Err(SkuRefusal::AdjustmentRefused { takeable: 6 }));
}

#[test]
fn an_adjustment_that_could_not_be_remembered_is_not_made_and_a_remembered_one_is_answered() {
    let mut world = World::new(Params { max_skus: 1, pooled_below_per_node: 1, ..Params::default() });
    let sku = world.create("tv", 5, SettingsPatch::default());
    let mut answer = |key: &str| {
        let adjust = AdjustStock { sku, delta: 1, reason: "count".into(), reference: None, key: key.to_owned().into() };
        match world.apply(Command::AdjustStock(adjust)).outcome {
            CommandOutcome::Sku(result) => result,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(answer("a").map(|done| done.replayed), Ok(false));
    assert_eq!(answer("b"), Err(SkuRefusal::Capacity));
    assert_eq!(answer("a").map(|done| done.replayed), Ok(true));
}
