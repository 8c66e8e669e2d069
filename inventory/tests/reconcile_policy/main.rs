//! The leader's policy, asked what it would do about a state.

// A test fails by panicking; helpers outside of test functions are no exception.
#![allow(clippy::unwrap_used)]

mod bench;
mod refills;

use std::borrow::Cow;
use std::collections::BTreeMap;

use bench::{Bench, SHOE};
use holdfast_inventory::*;

#[test]
fn stock_is_spread_by_weight_and_a_buffer_stays_in_the_pool() {
    let weights = BTreeMap::from([(NodeId(1), 2)]);
    let mut bench = Bench::new(1_000, ReconcileConfig { weights, ..ReconcileConfig::default() });
    bench.report_all();
    bench.wake();
    assert_eq!(bench.slices(), (100, [450, 225, 225]));
    assert!(bench.wake().is_empty(), "what is spread is left alone");
}

#[test]
fn only_a_node_that_reported_applying_its_session_is_granted_anything() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.report(1);
    bench.report(2);
    let early = Report { node: NodeId(3), session: None, applied: LogIndex(2), draining: false, demands: Vec::new() };
    bench.policy.report(bench.now, early);
    bench.wake();
    assert_eq!(bench.slices(), (100, [450, 450, 0]));
}

#[test]
fn a_node_that_comes_late_gets_its_part_from_those_who_have_more() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.report(1);
    bench.report(2);
    bench.wake();
    bench.report(3);
    let collected: Vec<Action> = bench.wake();
    let collect = |node, units| Action::CollectReturn { node: NodeId(node), sku: SHOE, units };
    assert_eq!(collected, vec![collect(1, 150), collect(2, 150)]);
}

#[test]
fn a_node_that_comes_late_gets_its_part_by_weight_from_all_who_have_more_than_theirs() {
    let weights = BTreeMap::from([(NodeId(1), 1), (NodeId(2), 2), (NodeId(3), 3)]);
    let mut bench = Bench::new(6_000, ReconcileConfig { weights, ..ReconcileConfig::default() });
    bench.report(1);
    bench.report(3);
    bench.wake();
    assert_eq!(bench.slices(), (600, [1_350, 0, 4_050]));
    bench.report(2);
    let collect = |node, units| Action::CollectReturn { node: NodeId(node), sku: SHOE, units };
    assert_eq!(bench.wake(), vec![collect(3, 1_350), collect(1, 450)]);
}

#[test]
fn a_small_stock_is_pooled_and_sliced_again_only_at_the_higher_threshold() {
    let mut bench = Bench::new(100, ReconcileConfig::default());
    let adjust =
        |delta, key: &str| Command::AdjustStock(AdjustStock { sku: SHOE, delta, reason: "count".into(), reference: None, key: key.into() });
    bench.report_all();
    bench.apply(&adjust(-75, "1"));
    assert_eq!(bench.wake(), [Action::Propose(Command::SetMode { skus: vec![SHOE], mode: Mode::Pooled })]);
    bench.apply(&adjust(30, "2"));
    assert!(bench.wake().is_empty(), "55 is between 30 and 60");
    bench.apply(&adjust(10, "3"));
    assert_eq!(bench.wake(), [Action::Propose(Command::SetMode { skus: vec![SHOE], mode: Mode::Sliced })]);
    bench.wake();
    assert_eq!(bench.slices().1.iter().sum::<u64>(), 57, "and spread once more");
}

/// They come in several returns. What is there already would else go back to those who have nothing left, over and over.
/// Both want more than half of what is left: were it taken from each for the other, neither would ever have it all.
#[test]
fn a_negative_adjustment_withholds_grants_and_collects() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.report_all();
    bench.wake();
    bench.policy.adjustment_waits(SHOE, 500);
    bench.policy.refill(bench.now, NodeId(2), SHOE, 50, 50);
    let actions = bench.wake();
    assert!(actions.iter().all(|action| matches!(action, Action::CollectReturn { .. })), "{actions:?}");
    let collected: u64 = actions.iter().map(|action| if let Action::CollectReturn { units, .. } = action { *units } else { 0 }).sum();
    assert_eq!(collected, 400);
}

#[test]
fn each_of_two_negative_adjustments_of_a_sku_waits_for_itself() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.report_all();
    bench.wake();
    let units = |actions: &[Action]| -> u64 {
        actions.iter().map(|action| if let Action::CollectReturn { units, .. } = action { *units } else { 0 }).sum()
    };
    let first = bench.policy.adjustment_waits(SHOE, 200);
    let second = bench.policy.adjustment_waits(SHOE, 200);
    assert_eq!(units(&bench.wake()), 300, "the pool's 100 are not enough for both");
    bench.policy.adjustment_done(SHOE, first);
    bench.policy.refill(bench.now, NodeId(2), SHOE, 50, 50);
    bench.wake();
    assert_eq!(bench.slices().0, 100, "the end of one does not end the other: grants are still withheld");
    bench.policy.adjustment_done(SHOE, second);
    bench.wake();
    assert_eq!(bench.slices().0, 50, "the refill was only put off");
}

#[test]
fn a_wait_of_an_earlier_term_ends_none_of_a_later_one() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    let early = bench.policy.adjustment_waits(SHOE, 500);
    bench.policy.elected(bench.now, &bench.stock);
    bench.report_all();
    bench.wake();
    bench.policy.adjustment_waits(SHOE, 500);
    bench.policy.adjustment_done(SHOE, early);
    bench.policy.refill(bench.now, NodeId(2), SHOE, 50, 50);
    bench.wake();
    assert_eq!(bench.slices().0, 100, "grants are withheld");
}

#[test]
fn a_node_that_does_not_follow_is_fenced_and_its_slice_is_spread_over_the_others() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.pass(1_000, &[1, 2, 3]);
    let lost = bench.session(3);
    bench.apply(&Command::Tick);
    let early = bench.pass(1_900, &[1, 2]);
    assert!(!early.contains(&Action::Propose(Command::CloseSession { session: lost })), "not before reclaim_after");
    let late = bench.pass(1_200, &[1, 2]);
    let closed = late.iter().filter(|action| matches!(action, Action::Propose(Command::CloseSession { .. }))).count();
    assert_eq!(closed, 1, "{late:?}");
    assert_eq!(bench.slices(), (100, [450, 450, 0]));
}

#[test]
fn a_node_that_dies_in_a_quiet_cluster_is_fenced_before_anybody_asks_for_its_units() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.pass(3_000, &[1, 2, 3]);
    let (lost, quiet_since) = (bench.session(3), bench.stock.last_index());
    let early = bench.pass(1_900, &[1, 2]);
    assert!(early.is_empty() && bench.stock.last_index() == quiet_since, "{early:?}");
    let late = bench.pass(300, &[1, 2]);
    assert!(late.contains(&Action::Propose(Command::CloseSession { session: lost })), "{late:?}");
    assert_eq!(bench.slices(), (100, [450, 450, 0]));
}

#[test]
fn a_new_leader_counts_from_its_own_election() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.pass(3_000, &[1, 2, 3]);
    bench.policy.deposed();
    bench.pass(3_000, &[]);
    bench.policy.elected(bench.now, &bench.stock);
    let early = bench.pass(1_900, &[]);
    assert!(!early.iter().any(|action| matches!(action, Action::Propose(Command::CloseSession { .. }))), "{early:?}");
}

#[test]
fn a_leader_that_stood_still_judges_nobody_by_the_reports_it_has_not_read() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.pass(3_000, &[1, 2, 3]);
    bench.apply(&Command::Tick);
    bench.now = bench.now.after(Millis(10_000));
    let actions = bench.wake();
    assert!(!actions.iter().any(|action| matches!(action, Action::Propose(Command::CloseSession { .. }))), "{actions:?}");
}

#[test]
fn a_quiet_cluster_ticks_seldom_and_one_that_holds_ticks_when_a_hold_is_over() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    let ticks = |actions: &[Action]| actions.iter().filter(|action| **action == Action::Propose(Command::Tick)).count();
    let quiet = bench.pass(30_000, &[1, 2, 3]);
    assert_eq!(ticks(&quiet), 3);
    let order = OrderRequest {
        caller: Cow::Borrowed(""),
        key: Cow::Borrowed("k"),
        buyer: Cow::Borrowed("ann"),
        lines: [Line { sku: SHOE, units: 1 }].into_iter().collect(),
        confirm: false,
        apply_before: bench.stamp() + Millis(1_000),
    };
    let session = bench.session(1);
    bench.apply(&Command::Batch(Batch { session, seq: Seq(1), requests: vec![Request::Order(order)] }));
    assert_eq!(bench.stock.sku(SHOE).map(|sku| sku.held), Some(1));
    let holding = bench.pass(10_000, &[1, 2, 3]);
    assert!((9..=10).contains(&ticks(&holding)), "{}", ticks(&holding));
    bench.pass(600_000, &[1, 2, 3]);
    assert_eq!(bench.stock.sku(SHOE).map(|sku| sku.held), Some(0));
}
