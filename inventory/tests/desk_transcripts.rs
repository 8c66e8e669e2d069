//! One Desk, told what happens and asked what it does.

// A test fails by panicking; helpers outside of test functions are no exception.
#![allow(clippy::unwrap_used)]

mod bench;

use bench::Bench;
use holdfast_inventory::{Batch, Command, DeskConfig, Incarnation, Millis, NodeId, Params, Seq, codec};

#[test]
fn a_session_is_asked_for_only_once_the_node_has_caught_up() {
    let mut bench = Bench::new(100);
    bench.wake();
    assert_eq!(bench.transcript(), "", "nobody leads");
    bench.leader(Some(NodeId(2)));
    assert_eq!(bench.transcript(), "probe");
    bench.prove();
    assert_eq!(bench.transcript(), "open session, attempt 1");
    bench.pass(400);
    assert_eq!(bench.transcript(), "open session, attempt 1", "it is repeated until it is seen applied");
}

#[test]
fn a_lone_buyer_never_waits_for_a_batch_to_gather() {
    let mut bench = Bench::ready(100, 50);
    bench.ask("a", 1);
    assert_eq!(bench.transcript(), "propose session 4 seq 1: a");
    bench.commit_proposal(0);
    bench.ask("b", 1);
    assert_eq!(bench.transcript(), "a: accepted at 6\npropose session 4 seq 2: b");
}

#[test]
fn after_a_batch_of_many_the_next_waits_for_most_of_them_but_not_long() {
    let mut bench = Bench::ready(100, 50);
    bench.ask("a", 1);
    bench.ask_each(["b", "c", "d", "e"]);
    bench.commit_proposal(0);
    assert_eq!(bench.transcript(), "propose session 4 seq 1: a\na: accepted at 6\npropose session 4 seq 2: b c d e");
    bench.commit_proposal(1);
    bench.transcript();
    bench.ask_each(["f", "g"]);
    assert_eq!(bench.transcript(), "", "three are expected");
    bench.ask("h", 1);
    assert_eq!(bench.transcript(), "propose session 4 seq 3: f g h");
    bench.commit_proposal(2);
    bench.transcript();
    bench.ask("i", 1);
    assert_eq!(bench.transcript(), "", "two are expected");
    bench.pass(1);
    assert_eq!(bench.transcript(), "", "for two milliseconds");
    bench.pass(1);
    assert_eq!(bench.transcript(), "propose session 4 seq 4: i");
}

#[test]
fn an_unanswered_batch_is_proposed_again_byte_for_byte_and_answered_once() {
    let mut bench = Bench::ready(100, 50);
    bench.ask("a", 1);
    bench.leader(None);
    bench.pass(300);
    bench.leader(Some(NodeId(1)));
    bench.desk.proposal_refused(bench.now);
    bench.pass(20);
    bench.pass(800);
    let again = "propose session 4 seq 1: a";
    assert_eq!(bench.transcript(), [again; 4].join("\n"));
    assert!(bench.proposed.iter().all(|bytes| *bytes == bench.proposed[0]));
    bench.commit_proposal(1);
    bench.commit_proposal(2);
    bench.commit_proposal(0);
    assert_eq!(bench.transcript(), "a: accepted at 6");
}

#[test]
fn a_key_is_worked_on_once_at_a_time() {
    let mut bench = Bench::ready(100, 50);
    bench.ask("a", 1);
    bench.ask_as("again", "a", 1);
    bench.ask_as("other body", "a", 2);
    bench.commit_proposal(0);
    bench.ask_as("later", "a", 1);
    bench.commit_proposal(1);
    let expected = "propose session 4 seq 1: a\nagain: KeyInProgress\nother body: KeyInProgress\na: accepted at 6\n\
                    propose session 4 seq 2: a\nlater: Replayed";
    assert_eq!(bench.transcript(), expected);
}

#[test]
fn sold_out_is_never_said_without_a_fresh_proof() {
    let mut bench = Bench::ready(3, 0);
    bench.sell_elsewhere("x", 3);
    bench.pass(2_000);
    bench.transcript();
    bench.ask("a", 1);
    assert_eq!(bench.transcript(), "probe", "the last proof is too old");
    bench.prove();
    assert_eq!(bench.transcript(), "a: refused SoldOut at 6");
    bench.ask("b", 1);
    assert_eq!(bench.transcript(), "b: refused SoldOut at 6", "at once while the proof lasts");
    bench.pass(600);
    bench.ask("c", 1);
    assert_eq!(bench.transcript(), "probe\nc: refused SoldOut at 6", "the proof is renewed before it ends");
    bench.leader(None);
    bench.pass(1_500);
    bench.ask("d", 1);
    bench.pass(2_500);
    assert_eq!(bench.transcript().lines().last(), Some("d: Stale"));
}

#[test]
fn a_proof_whose_index_is_not_applied_proves_nothing() {
    let mut bench = Bench::ready(3, 0);
    bench.sell_elsewhere("x", 3);
    bench.pass(2_000);
    bench.transcript();
    bench.ask("a", 1);
    let ahead = holdfast_inventory::LogIndex(bench.inventory.last_index().0 + 1);
    let mut out = Vec::new();
    let records = holdfast_inventory::NodeRecords::new(&bench.inventory, NodeId(1));
    bench.desk.fresh(bench.now, bench.now, ahead, &records, &mut out);
    assert!(out.is_empty());
    bench.transcript();
    bench.commit(&Command::Tick);
    assert_eq!(bench.transcript(), "a: refused SoldOut at 7");
}

#[test]
fn a_retry_hears_of_its_order_and_not_that_all_is_sold() {
    let mut bench = Bench::ready(3, 0);
    bench.sell_elsewhere("x", 3);
    bench.prove();
    bench.transcript();
    bench.ask("x", 3);
    bench.ask_as("other body", "x", 1);
    assert_eq!(bench.transcript(), "x: Replayed\nother body: refused KeyReused at 6");
}

#[test]
fn an_exhausted_slice_asks_for_a_refill_and_the_buyer_waits_for_it() {
    let mut bench = Bench::ready(100, 2);
    bench.grant_elsewhere(98);
    bench.ask("a", 2);
    bench.ask("b", 2);
    assert_eq!(bench.transcript(), "propose session 4 seq 1: a\nask refill of 0: 2, needed 2");
    bench.commit_proposal(0);
    bench.take_elsewhere(10);
    bench.grant(10);
    bench.pass(10);
    assert_eq!(bench.transcript(), "a: accepted at 8\npropose session 4 seq 2: b");
}

#[test]
fn a_buyer_whose_refill_does_not_come_hears_refilling_after_a_while() {
    let mut bench = Bench::ready(100, 0);
    bench.grant_elsewhere(100);
    bench.ask("a", 2);
    bench.pass(250);
    let transcript = bench.transcript();
    assert!(transcript.ends_with("a: refused Refilling at 6\nask refill of 0: 0, needed 0"), "{transcript}");
    assert!(transcript.lines().filter(|line| line.starts_with("ask refill")).count() > 1, "{transcript}");
}

#[test]
fn buyers_who_wait_for_units_when_the_session_is_lost_queue_for_the_next() {
    let mut bench = Bench::ready(100, 0);
    bench.grant_elsewhere(100);
    bench.ask("a", 2);
    bench.pass(150);
    let session = bench.session();
    bench.commit(&Command::CloseSession { session });
    bench.pass(400);
    bench.prove();
    assert!(!bench.transcript().contains("refused"), "no refill is late while there is no session");
    bench.open(2);
    assert_eq!(bench.transcript(), "ask refill of 0: 2, needed 2");
    bench.pass(150);
    assert!(!bench.transcript().contains("refused"), "the wait for a refill begins anew");
    bench.take_elsewhere(50);
    bench.grant(10);
    assert!(bench.transcript().ends_with("propose session 8 seq 1: a"));
}

#[test]
fn buyers_who_wait_for_units_queue_between_leaders_until_their_deadline() {
    let mut bench = Bench::ready(100, 0);
    bench.grant_elsewhere(100);
    bench.ask("a", 2);
    bench.leader(None);
    bench.pass(1_900);
    assert_eq!(bench.transcript(), "ask refill of 0: 2, needed 2");
    bench.pass(200);
    assert_eq!(bench.transcript(), "a: NoLeader");
}

#[test]
fn requests_of_a_closed_session_are_admitted_again_under_the_next() {
    let mut bench = Bench::ready(100, 50);
    bench.ask("a", 1);
    bench.ask("b", 1);
    let session = bench.session();
    bench.commit(&Command::CloseSession { session });
    bench.commit_proposal(0);
    bench.pass(1);
    bench.prove();
    let expected = "propose session 4 seq 1: a\nprobe\nopen session, attempt 2";
    assert_eq!(bench.transcript(), expected, "the late batch does nothing");
    bench.open(2);
    bench.grant(50);
    assert_eq!(bench.transcript(), "propose session 8 seq 1: a b");
    let deadline = |bytes: &[u8]| format!("{:?}", codec::decode_borrowed::<Command<'_>>(bytes).unwrap());
    let stamp = "apply_before: Stamp(1002000)";
    assert_eq!(deadline(&bench.proposed[1]).matches(stamp).count(), 2, "with their original deadline");
    bench.commit_proposal(1);
    assert_eq!(bench.transcript(), "a: accepted at 10\nb: accepted at 10");
}

#[test]
fn a_snapshot_within_the_session_answers_from_its_last_outcomes() {
    let mut bench = Bench::ready(100, 50);
    bench.ask("a", 1);
    let bytes = bench.proposed[0].clone();
    bench.commit_untold(&codec::decode_borrowed(&bytes).unwrap());
    bench.snapshot_installed();
    assert_eq!(bench.transcript(), "propose session 4 seq 1: a\na: accepted at 6");
    bench.ask("b", 1);
    bench.snapshot_installed();
    assert_eq!(bench.transcript(), "propose session 4 seq 2: b\npropose session 4 seq 2: b", "not judged yet");
}

#[test]
fn a_snapshot_over_the_session_leaves_what_was_in_flight_unknown_and_the_rest_waiting() {
    let mut bench = Bench::ready(100, 50);
    bench.ask("a", 1);
    bench.ask("b", 1);
    let session = bench.session();
    bench.commit_untold(&Command::CloseSession { session });
    bench.snapshot_installed();
    assert_eq!(bench.transcript(), "propose session 4 seq 1: a\na: OutcomeUnknown\nprobe");
    bench.open(2);
    bench.grant(5);
    assert_eq!(bench.transcript(), "propose session 7 seq 1: b");
}

#[test]
fn an_acceptance_that_a_snapshot_jumped_over_is_found_by_its_key() {
    let mut bench = Bench::ready(100, 50);
    bench.ask("a", 1);
    let bytes = bench.proposed[0].clone();
    bench.commit_untold(&codec::decode_borrowed(&bytes).unwrap());
    let session = bench.session();
    bench.commit_untold(&Command::CloseSession { session });
    bench.snapshot_installed();
    assert_eq!(bench.transcript(), "propose session 4 seq 1: a\na: Replayed\nprobe");
}

#[test]
fn a_proposed_request_without_an_outcome_is_unknown_and_an_unproposed_one_without_effect() {
    let mut bench = Bench::ready(100, 50);
    bench.ask("a", 1);
    bench.ask("b", 1);
    bench.pass(2_300);
    let transcript = bench.transcript();
    let answers: Vec<_> = transcript.lines().filter(|line| !line.starts_with("propose") && *line != "probe").collect();
    assert_eq!(answers, ["b: Overloaded", "a: OutcomeUnknown"]);
    bench.commit_proposal(0);
    assert_eq!(bench.transcript(), "", "nobody is answered twice");
    assert_eq!(bench.desk.keys_in_progress(), 0);
}

#[test]
fn a_drain_finishes_what_was_admitted_then_returns_the_slices() {
    let mut bench = Bench::ready(100, 50);
    bench.ask("a", 1);
    bench.drain();
    bench.ask("late", 1);
    bench.commit_proposal(0);
    let expected = "propose session 4 seq 1: a\nlate: Draining\na: accepted at 6\npropose session 4 seq 2: return 49";
    assert_eq!(bench.transcript(), expected);
    assert!(!bench.desk.is_drained());
    bench.commit_proposal(1);
    assert!(bench.desk.is_drained());
    assert_eq!(bench.inventory.sku(holdfast_inventory::SkuId(0)).map(|sku| (sku.pool, sku.sliced())), Some((99, 0)));
}

#[test]
fn a_node_that_hears_of_no_majority_names_no_leader_and_not_its_own_load() {
    let mut bench = Bench::ready(100, 50);
    bench.ask("a", 1);
    bench.pass(1_000);
    bench.ask("b", 1);
    bench.pass(2_300);
    let transcript = bench.transcript();
    let answers: Vec<_> = transcript.lines().filter(|line| !line.starts_with("propose") && *line != "probe").collect();
    assert_eq!(answers, ["a: OutcomeUnknown", "b: NoLeader"]);
}

#[test]
fn more_than_the_bound_is_shed_and_a_bound_of_bytes_cuts_the_batch() {
    let config = DeskConfig { max_waiting: 3, max_entry_bytes: 64 + 2 * 70, ..DeskConfig::new(NodeId(1), Incarnation(1)) };
    let mut bench = Bench::with(100, config);
    bench.become_ready(50);
    bench.ask_each(["a", "b", "c", "d", "e"]);
    assert_eq!(bench.transcript(), "propose session 4 seq 1: a\ne: Overloaded");
    bench.commit_proposal(0);
    assert_eq!(bench.transcript(), "a: accepted at 6\npropose session 4 seq 2: b c");
    bench.commit_proposal(1);
    assert_eq!(
        bench.transcript(),
        "b: accepted at 7\nc: accepted at 7\npropose session 4 seq 3: d",
        "who was left behind waits for nobody"
    );
}

#[test]
fn a_desk_keeps_within_the_bound_of_the_state_and_within_a_smaller_one_of_its_own() {
    let default = DeskConfig::new(NodeId(1), Incarnation(1));
    assert!(default.max_batch_requests <= Params::default().max_batch_requests as usize);
    for (own, of_the_state) in [(8_192, 3), (3, 8_192)] {
        let mut bench = Bench::with(100, DeskConfig { max_batch_requests: own, ..default });
        bench.desk.bound_batches(of_the_state, default.max_entry_bytes);
        bench.become_ready(50);
        bench.ask_each(["a", "b", "c", "d", "e"]);
        bench.commit_proposal(0);
        assert!(bench.transcript().ends_with("propose session 4 seq 2: b c d"));
        bench.commit_proposal(1);
        assert!(bench.transcript().ends_with("propose session 4 seq 3: e"), "the rest follows at once");
    }
}

#[test]
fn a_sale_that_surely_has_not_begun_is_refused_early_and_one_that_may_have_is_left_to_apply() {
    let mut bench = Bench::ready(100, 50);
    bench.opens_in(Millis(100));
    bench.prove();
    bench.ask("a", 1);
    assert_eq!(bench.transcript(), "a: refused NotOpen at 6");
    bench.pass(95);
    bench.ask("b", 1);
    assert_eq!(bench.transcript(), "propose session 4 seq 1: b", "the leader's clock may be 10 ms ahead");
}

#[test]
fn batches_that_come_late_or_too_early_change_nothing() {
    let mut bench = Bench::ready(100, 50);
    let session = bench.session();
    bench.ask("a", 1);
    bench.commit_proposal(0);
    bench.ask("b", 1);
    bench.commit_proposal(1);
    bench.ask("c", 1);
    bench.transcript();
    bench.commit_proposal(0);
    bench.commit(&Command::Batch(Batch { session, seq: Seq(9), requests: Vec::new() }));
    assert_eq!((bench.transcript().as_str(), bench.desk.session()), ("", Some(session)));
    bench.commit_proposal(2);
    assert_eq!(bench.transcript(), "c: accepted at 10");
}

#[test]
fn what_a_desk_sold_and_lacks_is_told_until_it_is_idle() {
    let mut bench = Bench::ready(100, 5);
    bench.grant_elsewhere(95);
    bench.ask("a", 3);
    bench.ask("b", 4);
    let demand = bench.desk.demand(bench.now);
    assert_eq!(demand.iter().map(|sku| (sku.provisional, sku.wanted)).collect::<Vec<_>>(), [(3, 4)]);
    bench.commit_proposal(0);
    bench.pass(3_000);
    assert_eq!(bench.desk.demand(bench.now).iter().map(|sku| sku.wanted).sum::<u64>(), 0);
    assert!(bench.desk.demand(bench.now).is_empty());
}

#[test]
fn a_buyer_surely_over_the_limit_is_refused_early() {
    let mut bench = Bench::ready(100, 50);
    bench.limit(2);
    bench.ask("a", 2);
    bench.commit_proposal(0);
    bench.prove();
    bench.transcript();
    bench.ask("b", 1);
    assert_eq!(bench.transcript(), "b: refused BuyerLimit at 7");
}
