//! The protocol, simulated: fresh seeds each time, seeds that once found something, and that a seed means one run only.

use std::time::{SystemTime, UNIX_EPOCH};

use holdfast_tests::sim::{self, regressions, runner};

const FRESH_SEEDS: u64 = 300;
/// So many fixed seeds come to everything that is counted.
const COVERING_SEEDS: u64 = 1_000;

#[test]
fn nothing_is_ever_wrong_in_fresh_seeds() {
    let from = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() * 1_000;
    println!("{FRESH_SEEDS} seeds from {from}");
    let summary = runner::run_many(from, FRESH_SEEDS, |_| {});
    if let Some(failed) = &summary.failed {
        panic!("{}", runner::told(failed.seed));
    }
    assert_eq!(summary.seeds, FRESH_SEEDS);
}

#[test]
fn the_oracle_finds_nothing_wrong_with_any_run_that_it_can_judge() {
    let judged = (0..COVERING_SEEDS).filter_map(|seed| Some((seed, sim::judged_by_oracle_alone(seed)?)));
    let (mut runs, mut orders) = (0, 0);
    for (seed, judgement) in judged {
        assert!(judgement.holds(), "seed {seed}: {judgement}");
        runs += 1;
        orders += judgement.counts.orders;
    }
    println!("{runs} runs with {orders} orders judged");
    assert!(runs > COVERING_SEEDS * 9 / 10 && orders > 1_000, "too few: {runs} runs, {orders} orders");
}

#[test]
fn what_a_seed_once_found_stays_mended() {
    for (seed, found) in regressions::SEEDS {
        assert!(!runner::fails(*seed), "{}which once found: {found}", runner::told(*seed));
    }
}

#[test]
fn every_fault_fires_and_every_situation_comes_up() {
    let summary = runner::run_many(0, COVERING_SEEDS, |_| {});
    if let Some(failed) = &summary.failed {
        panic!("{}", runner::told(failed.seed));
    }
    assert_eq!(summary.tally.missing(), Vec::<&str>::new());
}

#[test]
fn a_seed_means_one_run_byte_for_byte() {
    let mut lines = 0;
    for seed in 0..20 {
        let (first, second) = (sim::run(seed, true), sim::run(seed, true));
        lines += first.trace.lines().len();
        assert_eq!(first, second, "seed {seed}");
        assert_eq!(first.tally, sim::run(seed, false).tally, "a trace changes nothing: seed {seed}");
    }
    assert!(lines > 2_000, "twenty runs that did nothing: {lines} lines");
}

#[test]
fn three_desks_sell_a_whole_stock_and_nobody_hears_refilling_at_the_end() {
    assert_eq!(sim::calm_sale(3, 500, 1_500, false), Ok((500, 1_000)));
}

#[test]
fn three_units_on_ten_nodes_are_sold_first_come_first_served() {
    assert_eq!(sim::calm_sale(10, 3, 300, true).map(|(accepted, _)| accepted), Ok(3));
}
