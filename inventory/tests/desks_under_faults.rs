//! Ten Desks over one log, with everything going wrong that can: nobody is answered twice or wrongly, nothing is sold
//! twice, and in the end nothing is left over.

// A test fails by panicking; helpers outside of test functions are no exception.
#![allow(clippy::unwrap_used)]
// Small numbers of a simulated cluster.
#![allow(clippy::cast_possible_truncation)]

mod cluster;

use cluster::{Asked, Cluster, Faults};
use holdfast_inventory::{Answer, Line, Millis, Refusal, SettingsPatch, SkuId};

const STORM: Faults = Faults { lost: 50, doubled: 100, leader_change: 1, close_session: 1, snapshot_jump: 3, pause: 1 };

fn bought_at_once() -> SettingsPatch {
    SettingsPatch { hold_ttl: Some(Millis(0)), ..SettingsPatch::default() }
}

fn random_ask(cluster: &mut Cluster, skus: u64) -> Asked {
    let random = &mut cluster.random;
    // Few keys, so that many are used twice, and at two nodes at once.
    let key = format!("key-{}", random.below(100_000) % 4_000);
    let seed = key.bytes().map(u64::from).sum::<u64>();
    let mut lines = vec![Line { sku: SkuId((seed % skus) as u32), units: 1 + (seed % 3) as u32 }];
    if seed.is_multiple_of(5) && skus > 1 {
        lines.push(Line { sku: SkuId(((seed + 1) % skus) as u32), units: 1 });
    }
    Asked { buyer: format!("buyer-{}", seed % 50), key, lines }
}

fn sell(cluster: &mut Cluster, millis: u64, skus: u64) {
    let until = cluster.now.after(Millis(millis));
    while cluster.now < until {
        if cluster.random.chance(700) {
            let at = cluster.random.below(cluster.nodes.len() as u64) as usize;
            let asked = random_ask(cluster, skus);
            cluster.ask(at, &asked);
        }
        cluster.step();
    }
}

fn settle(cluster: &mut Cluster) {
    cluster.heal();
    cluster.run(4_000);
    assert!(cluster.is_settled(), "{} waiters were never answered", cluster.book.open());
    for node in &cluster.nodes {
        assert_eq!(node.desk.keys_in_progress(), 0, "node {} still works on a key", node.id);
        assert_eq!(node.desk.queued() + node.desk.in_flight(), 0);
    }
    cluster.book.check_final(&cluster.head);
}

/// Sells what is left, one unit at a time and at every node, until all say that it is sold out.
fn sell_the_rest(cluster: &mut Cluster, skus: u32) {
    for round in 0..200 {
        if cluster.head.skus().all(|sku| sku.available() == 0) {
            break;
        }
        for at in 0..cluster.nodes.len() {
            for sku in 0..skus {
                cluster.ask(at, &Asked::one(&format!("rest-{round}-{at}-{sku}"), sku, 1));
            }
        }
        cluster.run(50);
    }
    settle(cluster);
    for sku in cluster.head.skus() {
        assert_eq!((sku.available(), sku.confirmed), (0, sku.stock), "units of {} are stranded", sku.id);
    }
}

#[test]
fn ten_desks_in_a_storm_answer_everyone_once_and_sell_exactly_the_stock() {
    for seed in 0..12 {
        let mut cluster = Cluster::new(seed, 10, &[3_000, 1_200, 200, 3], &bought_at_once());
        cluster.run(300);
        cluster.faults = STORM;
        sell(&mut cluster, 6_000, 4);
        settle(&mut cluster);
        sell_the_rest(&mut cluster, 4);
    }
}

#[test]
fn three_desks_sell_a_whole_stock_without_faults_and_nobody_hears_refilling_at_the_end() {
    let mut cluster = Cluster::new(77, 3, &[500], &bought_at_once());
    cluster.run(300);
    for order in 0..1_500 {
        cluster.ask(order % 3, &Asked::one(&format!("order-{order}"), 0, 1));
        cluster.step();
    }
    settle(&mut cluster);
    let accepted = cluster.book.answers().filter(|(_, answer)| matches!(answer, Answer::Accepted { .. })).count();
    let sold_out = |answer: &Answer| matches!(answer, Answer::Refused { refusal: Refusal::SoldOut { is_final: true, .. }, .. });
    assert_eq!(accepted, 500);
    assert_eq!(cluster.book.answers().filter(|(_, answer)| sold_out(answer)).count(), 1_000);
}

#[test]
fn three_units_on_ten_nodes_are_sold_first_come_first_served() {
    let mut cluster = Cluster::new(5, 10, &[3], &bought_at_once());
    cluster.run(300);
    for order in 0..300 {
        cluster.ask(order % 10, &Asked::one(&format!("order-{order}"), 0, 1));
    }
    settle(&mut cluster);
    let accepted = cluster.book.answers().filter(|(_, answer)| matches!(answer, Answer::Accepted { .. })).count();
    assert_eq!(accepted, 3);
    assert_eq!(cluster.head.sku(SkuId(0)).map(|sku| sku.confirmed), Some(3));
}
