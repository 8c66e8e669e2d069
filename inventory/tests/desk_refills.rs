//! What a Desk asks the leader for, and what it gives back when the leader asks.

// A test fails by panicking; helpers outside of test functions are no exception.
#![allow(clippy::unwrap_used)]

mod bench;

use bench::Bench;
use holdfast_inventory::{Command, Millis, Params};

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

#[test]
fn no_units_are_fetched_for_an_order_that_there_is_no_room_for() {
    let mut bench = Bench::new_with(100, Params { max_orders_per_buyer: 1, ..bench::params() });
    bench.become_ready(1);
    bench.grant_elsewhere(99);
    bench.ask("a", 1);
    bench.commit_proposal(0);
    bench.transcript();
    bench.ask("b", 50);
    assert_eq!(bench.transcript(), "b: refused Capacity at 8", "as of a fresh state");
    bench.pass(5_000);
    bench.ask("c", 50);
    assert_eq!(bench.transcript(), "probe", "of a state that may be old apply would have to decide, or a proof");
    bench.prove();
    assert_eq!(bench.transcript(), "c: refused Capacity at 8");
}

#[test]
fn no_units_are_fetched_for_an_order_that_its_limit_or_the_sale_would_refuse() {
    let mut bench = Bench::ready(100, 1);
    bench.grant_elsewhere(99);
    bench.limit(40);
    bench.pass(5_000);
    bench.ask("a", 50);
    assert_eq!(bench.transcript(), "probe", "its limit");
    bench.prove();
    assert_eq!(bench.transcript(), "a: refused BuyerLimit at 8");
    bench.closes_in(Millis(10));
    bench.pass(5_000);
    bench.commit(&Command::Tick);
    bench.ask("b", 30);
    assert_eq!(bench.transcript(), "probe", "the sale is over");
    bench.pass(5);
    bench.prove();
    assert_eq!(bench.transcript(), "b: refused Closed at 10");
}
