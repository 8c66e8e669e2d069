//! What a Desk asks the leader for, and what it gives back when the leader asks.

// A test fails by panicking; helpers outside of test functions are no exception.
#![allow(clippy::unwrap_used)]

mod bench;

use bench::Bench;

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

/// A node that was granted 10 units for "a", and asked to give 10 back while "a" is in flight. Its other orders are in `late`; "a" is
/// going to be one that another node sold before.
fn asked_back_while_promised(late: &[&'static str]) -> Bench {
    let mut bench = Bench::ready(100, 0);
    bench.grant_elsewhere(100);
    bench.ask("a", 10);
    for key in late {
        bench.ask(key, 10);
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

#[test]
fn units_asked_back_while_they_were_promised_go_back_once_their_order_is_not_one() {
    let mut bench = asked_back_while_promised(&[]);
    bench.commit_proposal(0);
    assert_eq!(bench.transcript(), "a: Replayed\npropose session 4 seq 2: return 10");
}

#[test]
fn units_that_are_owed_stay_for_who_waits_here() {
    let mut bench = asked_back_while_promised(&["b"]);
    bench.commit_proposal(0);
    bench.pass(10);
    assert_eq!(bench.transcript(), "a: Replayed\nask refill of 0: 0, needed 0\npropose session 4 seq 2: b");
}

#[test]
fn nothing_is_owed_of_what_was_granted_later() {
    let mut bench = asked_back_while_promised(&[]);
    bench.take_elsewhere(10);
    bench.grant(10);
    bench.commit_proposal(0);
    assert_eq!(bench.transcript(), "a: Replayed");
}

#[test]
fn nothing_is_owed_for_who_has_waited_long_enough() {
    let mut bench = asked_back_while_promised(&[]);
    bench.pass(200);
    bench.transcript();
    bench.commit_proposal(0);
    assert_eq!(bench.transcript(), "a: Replayed");
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
