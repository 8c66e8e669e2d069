//! What nodes log while others are down: few lines, and what is wrong among them.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use holdfast_tests::cluster::Cluster;
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::sale::{Sale, SalePlan};
use holdfast_tests::turn::Turn;
use holdfast_tests::{operator, program, wait};

/// A complaint about a peer comes every five seconds.
const COMPLAINED_WITHIN: Duration = Duration::from_secs(30);
/// While three complaints about each of two peers come.
const LINES: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_a_majority_says_so_once_and_little_else() -> Result<()> {
    let turn = Turn::take().await?;
    let mut cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    let left = cluster.follower().await?;
    let others: Vec<u64> = cluster.ids().into_iter().filter(|id| *id != left).collect();
    let log = cluster.log(left);
    let before = lines(&log)?.len();
    for id in &others {
        cluster.kill(*id).await?;
    }
    let since = complaints_about(&log, before, others[0], 3).await?;
    println!("{}", since.join("\n"));
    ensure!(since.len() <= LINES, "{} lines", since.len());
    ensure!(since.iter().filter(|line| line.contains("no majority of the members answers")).count() == 1, "the majority is not told once");
    cluster.start_all().await?;
    let is_back = async || lines(&log).ok()?[before..].iter().any(|line| line.contains(" a majority of the members answers")).then_some(());
    wait::until("the majority is back", COMPLAINED_WITHIN, is_back).await?;
    cluster.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_with_a_snapshot_for_a_peer_that_is_down_does_not_tell_each_attempt() -> Result<()> {
    let turn = Turn::take().await?;
    let options = ClusterOptions::new(program!()).set("raft", "snapshot_every_entries", 50).set("raft", "log_keep_entries", 1);
    let mut cluster = Cluster::start(&turn, options).await?;
    operator::create_sku(cluster.admin(1), "sneaker", 1_000).await?;
    let down = cluster.follower().await?;
    cluster.kill(down).await?;
    let apis = cluster.up().into_iter().map(|id| cluster.api(id)).collect();
    Sale::begin(apis, SalePlan::new("sneaker", 200).at_once(1)).finish().await?.ensure_exactly(200, "")?;
    let log = cluster.log(cluster.leader().await?);
    let since = complaints_about(&log, lines(&log)?.len(), down, 2).await?;
    println!("{}", since.join("\n"));
    ensure!(since.len() <= LINES, "{} lines", since.len());
    cluster.start_all().await?;
    cluster.end().await
}

/// The lines after the first `before`, once so many of them complain about a peer.
async fn complaints_about(log: &Path, before: usize, peer: u64, count: usize) -> Result<Vec<String>> {
    let complains = |line: &&String| line.contains("no connection to a peer") && line.contains(&format!("peer={peer} "));
    let enough = async || Some(lines(log).ok()?.split_off(before)).filter(|since| since.iter().filter(complains).count() >= count);
    wait::until("complaints about a peer", COMPLAINED_WITHIN, enough).await
}

fn lines(log: &Path) -> Result<Vec<String>> {
    Ok(std::fs::read_to_string(log)?.lines().map(str::to_owned).collect())
}
