//! What becomes of what nodes ask for.

use holdfast_inventory::*;

use crate::bench::{Bench, SHOE, collects};

#[test]
fn a_refill_is_granted_from_the_pool_and_shrinks_with_it() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.report_all();
    bench.wake();
    bench.policy.refill(bench.now, NodeId(2), SHOE, 90, 1);
    bench.wake();
    assert_eq!(bench.slices(), (67, [300, 333, 300]));
    bench.policy.refill(bench.now, NodeId(2), SHOE, 90, 60);
    bench.wake();
    assert_eq!(bench.slices(), (7, [300, 393, 300]), "buyers who wait are served whole");
}

#[test]
fn a_refill_beyond_the_pool_collects_returns_from_those_who_have() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.report_all();
    bench.wake();
    bench.policy.refill(bench.now, NodeId(2), SHOE, 500, 500);
    let actions = bench.wake();
    let collect = |node, units| Action::CollectReturn { node: NodeId(node), sku: SHOE, units };
    assert!(actions.contains(&collect(1, 300)) && actions.contains(&collect(3, 100)), "{actions:?}");
    assert_eq!(bench.slices().0, 0);
    assert!(!bench.wake().iter().any(|action| matches!(action, Action::CollectReturn { .. })), "not twice at once");
}

#[test]
fn what_is_collected_for_a_buyer_who_wants_all_there_is_stays_until_he_has_it() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.report_all();
    bench.wake();
    bench.policy.refill(bench.now, NodeId(2), SHOE, 700, 700);
    bench.wake();
    bench.give_back(1, 300);
    assert_eq!(collects(&bench.wake()), [], "of node 1, which has nothing left");
    assert_eq!(bench.slices(), (0, [0, 700, 300]));
    bench.give_back(3, 300);
    assert_eq!(collects(&bench.wake()), [], "nor with the last of it");
    assert_eq!(bench.slices(), (0, [0, 1_000, 0]));
}

#[test]
fn of_two_who_need_units_the_second_takes_none_from_the_first() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.report_all();
    bench.wake();
    bench.policy.refill(bench.now, NodeId(2), SHOE, 700, 700);
    bench.now = bench.now.after(Millis(1));
    bench.policy.refill(bench.now, NodeId(1), SHOE, 600, 600);
    assert_eq!(collects(&bench.wake()), [(1, 300), (3, 300)], "for the first both others give, for the second nobody is left");
    bench.give_back(1, 300);
    bench.give_back(3, 300);
    assert_eq!((collects(&bench.wake()), bench.slices()), (vec![], (0, [0, 1_000, 0])), "not as the first gets the last of it");
    bench.now = bench.now.after(Millis(101));
    bench.report_all();
    bench.policy.refill(bench.now, NodeId(1), SHOE, 600, 600);
    assert_eq!(collects(&bench.wake()), [(2, 600)], "once the first has what he needs he is asked like anybody");
}

#[test]
fn who_waits_for_more_than_there_can_be_keeps_nothing_from_others() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.report_all();
    bench.wake();
    bench.now = bench.now.after(Millis(300));
    bench.report(1);
    bench.report(2);
    bench.policy.refill(bench.now, NodeId(2), SHOE, 700, 700);
    bench.now = bench.now.after(Millis(1));
    bench.policy.refill(bench.now, NodeId(1), SHOE, 350, 350);
    let asked = collects(&bench.wake());
    assert!(asked.contains(&(2, 300)), "node 3 is not heard of, so node 2 can't have 700: {asked:?}");
}

#[test]
fn what_was_granted_is_needed_no_more() {
    let mut bench = Bench::new(900, ReconcileConfig { buffer_per_mille: 0, ..ReconcileConfig::default() });
    bench.report_all();
    bench.wake();
    bench.policy.refill(bench.now, NodeId(2), SHOE, 400, 400);
    assert_eq!(collects(&bench.wake()), [(1, 300), (3, 100)]);
    bench.give_back(1, 300);
    bench.wake();
    bench.give_back(3, 100);
    bench.wake();
    bench.now = bench.now.after(Millis(101));
    assert_eq!(bench.slices(), (0, [0, 700, 200]));
    assert_eq!(collects(&bench.wake()), [(2, 300)], "nothing of node 3: node 2 has what it needs, and node 1 nothing at all");
}

#[test]
fn what_is_good_for_a_node_is_not_taken_from_one_where_buyers_wait() {
    let mut bench = Bench::new(900, ReconcileConfig { buffer_per_mille: 0, ..ReconcileConfig::default() });
    bench.report_all();
    bench.wake();
    bench.give_back(1, 200);
    let session = bench.session(2);
    bench.apply(&Command::Grant(vec![Grant { sku: SHOE, session, units: 200 }]));
    assert_eq!(bench.slices(), (0, [100, 500, 300]));
    // Its buyers wait no longer.
    bench.policy.refill(bench.now, NodeId(1), SHOE, 700, 700);
    bench.policy.refill(bench.now, NodeId(1), SHOE, 200, 0);
    bench.now = bench.now.after(Millis(1));
    bench.policy.refill(bench.now, NodeId(2), SHOE, 300, 300);
    assert_eq!(collects(&bench.wake()), [(3, 300)], "for node 2, and nothing of node 2 for node 1");
}

#[test]
fn a_node_that_came_late_while_buyers_waited_gets_its_part_once_they_do_not() {
    let mut bench = Bench::new(900, ReconcileConfig { buffer_per_mille: 0, ..ReconcileConfig::default() });
    bench.report(1);
    bench.report(2);
    bench.wake();
    bench.policy.refill(bench.now, NodeId(1), SHOE, 2_000, 2_000);
    bench.wake();
    bench.now = bench.now.after(Millis(20));
    bench.report_all();
    bench.wake();
    bench.pass(150, &[1, 2, 3]);
    let asked = collects(&bench.pass(150, &[1, 2, 3]));
    assert!(asked.contains(&(1, 150)), "once the ask is forgotten, which nobody tells: {asked:?}");
}

#[test]
fn who_has_asked_longest_gets_the_last_units() {
    let mut bench = Bench::new(1_000, ReconcileConfig::default());
    bench.report_all();
    bench.wake();
    // The pool's 100 go to node 1; nodes 3 and 2 then ask in vain, and node 1 once more.
    bench.policy.refill(bench.now, NodeId(1), SHOE, 100, 100);
    bench.wake();
    for node in [3, 2, 1, 3] {
        bench.policy.refill(bench.now, NodeId(node), SHOE, 60, 60);
        bench.now = bench.now.after(Millis(1));
    }
    bench.give_back(1, 60);
    bench.wake();
    assert_eq!(bench.slices(), (0, [340, 300, 360]), "node 3 asked first");
    bench.give_back(1, 60);
    bench.wake();
    assert_eq!(bench.slices(), (0, [280, 360, 360]), "then node 2, though the id of node 1 is lower");
}
