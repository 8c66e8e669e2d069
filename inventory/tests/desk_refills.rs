//! What a Desk asks the leader for, and what it gives back when the leader asks.

// A test fails by panicking; helpers outside of test functions are no exception.
#![allow(clippy::unwrap_used)]

mod bench;

use bench::Bench;
use holdfast_inventory::{Attempt, Command, Grant, Incarnation, Millis, NodeId, OpenSession, SkuId};

#[test]
fn units_to_give_back_are_not_sold_before_the_return_is_applied() {
    let mut bench = Bench::ready(100, 50);
    bench.grant_elsewhere(50);
    bench.give_back(50);
    bench.ask("a", 1);
    assert_eq!(bench.transcript(), "propose session 4 seq 1: return 50\nask refill of 0: 1, needed 1");
}

#[test]
fn what_a_sale_needs_for_a_moment_stays_unless_all_of_it_is_asked_for() {
    let mut bench = Bench::ready(1_000, 900);
    bench.ask("a", 400);
    bench.pass(100);
    bench.commit_proposal(0);
    bench.transcript();
    bench.give_back(499);
    assert_eq!(bench.transcript(), "propose session 4 seq 2: return 250", "half stays of what is asked for");
    bench.commit_proposal(1);
    bench.give_back(250);
    assert_eq!(bench.transcript(), "propose session 4 seq 3: return 250");
}

#[test]
fn a_node_that_nobody_waits_at_any_more_asks_for_units_no_longer() {
    let mut bench = Bench::ready(100, 0);
    bench.grant_elsewhere(100);
    bench.ask("a", 10);
    bench.ask("b", 10);
    bench.pass(190);
    assert!(bench.transcript().lines().all(|line| line.starts_with("ask refill of 0: ") && !line.ends_with("needed 0")));
    bench.pass(20);
    let transcript = bench.transcript();
    assert!(transcript.ends_with("ask refill of 0: 0, needed 0"), "{transcript}");
    bench.pass(200);
    assert_eq!(bench.transcript(), "", "once");
}

#[test]
fn units_on_their_way_back_are_reported_of_a_sku_that_sells_nothing_too() {
    let mut bench = Bench::ready(1_000, 900);
    bench.pass(1_000);
    bench.desk.demand(bench.now);
    bench.give_back(900);
    let reported: Vec<u64> = bench.desk.demand(bench.now).iter().map(|demand| demand.provisional).collect();
    assert_eq!(reported, [900]);
}

/// A node that was granted 10 units for "a", and asked to give 10 back while "a" is in flight, which another node sold before. "b"
/// wants so many units.
fn asked_back_while_promised(b: u32) -> Bench {
    let mut bench = Bench::ready(100, 0);
    bench.grant_elsewhere(100);
    bench.ask("a", 10);
    if b > 0 {
        bench.ask("b", b);
    }
    bench.pass(60);
    bench.take_elsewhere(10);
    bench.grant(10);
    bench.sell_elsewhere("a", 10);
    bench.transcript();
    bench.give_back(10);
    assert_eq!(bench.transcript(), "", "promised");
    bench
}

/// What is said within 10 ms of the outcome of "a".
fn after_a(mut bench: Bench) -> String {
    bench.commit_proposal(0);
    bench.pass(10);
    bench.transcript()
}

#[test]
fn units_asked_back_while_they_were_promised_go_back_once_their_order_is_not_one() {
    assert_eq!(after_a(asked_back_while_promised(0)), "a: Replayed\npropose session 4 seq 2: return 10");
}

#[test]
fn units_that_are_owed_stay_for_who_waits_here() {
    assert_eq!(after_a(asked_back_while_promised(10)), "a: Replayed\nask refill of 0: 0, needed 0\npropose session 4 seq 2: b");
}

#[test]
fn units_that_are_owed_stay_for_an_order_that_waits_here_for_another_sku() {
    let mut bench = Bench::ready(100, 10);
    bench.grant_elsewhere(90);
    bench.create_sku("hat", 100);
    // Of the hats' pool an eighth may be drawn unasked; they go elsewhere before the draw is judged.
    bench.admit("a", bench.ask_for("a", &[(SkuId(0), 10), (SkuId(1), 10)]));
    bench.grant_elsewhere_of(SkuId(1), 100);
    bench.give_back(10);
    bench.commit_proposal(0);
    bench.pass(30);
    let transcript = bench.transcript();
    assert!(transcript.contains("ask refill of 1: 10, needed 10") && !transcript.contains("return"), "{transcript}");
}

#[test]
fn units_that_are_owed_go_back_once_their_order_is_given_up() {
    let mut bench = Bench::ready(100, 20);
    bench.grant_elsewhere(80);
    bench.ask("a", 10);
    bench.ask_until("b", 10, Millis(50));
    bench.give_back(20);
    bench.pass(70);
    bench.transcript();
    bench.commit_proposal(0);
    assert_eq!(bench.transcript(), "a: accepted at 8\npropose session 4 seq 2: return 10");
}

#[test]
fn units_that_are_owed_go_back_once_who_waited_here_goes_away() {
    let mut bench = asked_back_while_promised(20);
    bench.commit_proposal(0);
    bench.pass(139);
    assert!(!bench.transcript().contains("return"));
    bench.pass(20);
    let transcript = bench.transcript();
    assert!(transcript.ends_with("propose session 4 seq 2: return 10"), "{transcript}");
}

#[test]
fn nothing_is_owed_of_what_was_granted_later() {
    let mut bench = asked_back_while_promised(0);
    bench.take_elsewhere(10);
    bench.grant(10);
    assert_eq!(after_a(bench), "a: Replayed");
}

#[test]
fn nothing_is_owed_of_a_later_session() {
    let mut bench = asked_back_while_promised(0);
    bench.commit(&Command::CloseSession { session: bench.session() });
    bench.wake();
    bench.commit_untold(&Command::OpenSession(OpenSession { node: NodeId(1), incarnation: Incarnation(1), attempt: Attempt(2) }));
    let session = bench.session();
    bench.commit_untold(&Command::Grant(vec![Grant { sku: SkuId(0), session, units: 10 }]));
    bench.snapshot_installed();
    bench.commit_proposal(1);
    bench.pass(20);
    let transcript = bench.transcript();
    assert!(transcript.contains("a: Replayed") && !transcript.contains("return"), "{transcript}");
}

#[test]
fn what_is_asked_back_later_takes_the_place_of_what_is_owed() {
    let mut bench = asked_back_while_promised(0);
    bench.give_back(0);
    assert_eq!(after_a(bench), "a: Replayed");
}

#[test]
fn nothing_is_owed_for_who_has_waited_long_enough() {
    let mut bench = asked_back_while_promised(0);
    bench.pass(200);
    bench.transcript();
    assert_eq!(after_a(bench), "a: Replayed");
}

#[test]
fn who_is_served_with_fewer_units_than_were_needed_needs_the_rest_no_longer() {
    let mut bench = Bench::ready(100, 0);
    bench.grant_elsewhere(100);
    bench.ask("a", 10);
    bench.ask("b", 10);
    bench.pass(60);
    bench.take_elsewhere(10);
    bench.grant(10);
    bench.sell_elsewhere("a", 10);
    assert!(bench.transcript().contains("ask refill of 0: 10, needed 10\npropose session 4 seq 1: a"), "for b");
    bench.commit_proposal(0);
    bench.pass(10);
    assert_eq!(bench.transcript(), "a: Replayed\nask refill of 0: 0, needed 0\npropose session 4 seq 2: b");
}

#[test]
fn who_gets_all_that_was_needed_says_nothing_more() {
    let mut bench = Bench::ready(100, 0);
    bench.grant_elsewhere(100);
    bench.ask("a", 10);
    bench.take_elsewhere(10);
    bench.grant(10);
    bench.commit_proposal(0);
    assert_eq!(bench.transcript(), "ask refill of 0: 10, needed 10\npropose session 4 seq 1: a\na: accepted at 9");
}

#[test]
fn the_need_of_all_who_wait_is_told_and_not_that_of_the_first_alone() {
    let mut bench = Bench::ready(100, 0);
    bench.grant_elsewhere(100);
    bench.ask("a", 1);
    bench.ask("b", 50);
    bench.pass(60);
    assert_eq!(bench.transcript(), "ask refill of 0: 1, needed 1\nask refill of 0: 51, needed 51");
    bench.take_elsewhere(5);
    bench.grant(5);
    assert_eq!(bench.transcript(), "ask refill of 0: 46, needed 46\npropose session 4 seq 1: a");
}
