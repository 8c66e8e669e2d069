//! A node that comes back with another disk than the one it voted with; and one that comes back with an old log.

use anyhow::{Result, ensure};
use holdfast_tests::cluster::{Cluster, copy_dir, left_with};
use holdfast_tests::limits::{LOG_TAIL_LINES, STOPPED_WITHIN};
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::process::tail;
use holdfast_tests::report::SaleReport;
use holdfast_tests::sale::{Sale, SalePlan};
use holdfast_tests::turn::Turn;
use holdfast_tests::{checks, operator, program};

const EXIT_DATA_DIRECTORY: i32 = 4;

/// What the sentence about an empty directory holds.
const WAYS_OUT: &[&str] = &["--bootstrap", "new member", "this version"];

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_with_a_wiped_disk_is_refused_and_told_the_ways_out() -> Result<()> {
    let turn = Turn::take().await?;
    let mut cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    operator::create_sku(cluster.admin(1), "sneaker", 1_000).await?;
    let mut report = sell(&cluster, "before", 200).await?;
    let wiped = cluster.follower().await?;
    cluster.kill(wiped).await?;
    std::fs::remove_dir_all(cluster.data(wiped))?;

    left_with(cluster.refused(wiped).await?, EXIT_DATA_DIRECTORY)?;

    ensure_told(&cluster, wiped, WAYS_OUT)?;
    report.orders.extend(sell(&cluster, "after", 200).await?.orders);
    checks::all(&cluster, "sneaker", &report).await?;
    cluster.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn bootstrap_does_not_let_a_wiped_disk_back_into_a_cluster_that_lives() -> Result<()> {
    let turn = Turn::take().await?;
    let mut cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    let wiped = cluster.follower().await?;
    cluster.kill(wiped).await?;
    std::fs::remove_dir_all(cluster.data(wiped))?;

    let status = cluster.refused_bootstrap(wiped).await?;

    left_with(status, EXIT_DATA_DIRECTORY)?;
    cluster.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_whose_disk_is_lost_while_all_are_down_is_told_the_ways_out_and_the_others_sell() -> Result<()> {
    let turn = Turn::take().await?;
    let mut cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    operator::create_sku(cluster.admin(1), "sneaker", 1_000).await?;
    let mut report = sell(&cluster, "before", 200).await?;
    let wiped = cluster.leader().await?;
    cluster.kill_all().await?;
    std::fs::remove_dir_all(cluster.data(wiped))?;

    for id in cluster.ids() {
        cluster.spawn(id)?;
    }

    left_with(cluster.left(wiped, STOPPED_WITHIN).await?, EXIT_DATA_DIRECTORY)?;
    ensure_told(&cluster, wiped, &["refused by node", "wiped disk", "new id"])?;
    for id in cluster.up() {
        cluster.ready(id).await?;
    }
    left_with(cluster.refused(wiped).await?, EXIT_DATA_DIRECTORY)?;
    ensure_told(&cluster, wiped, WAYS_OUT)?;
    report.orders.extend(sell(&cluster, "after", 800).await?.orders);
    checks::all(&cluster, "sneaker", &report).await?;
    cluster.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_of_a_followers_disk_is_refused() -> Result<()> {
    let turn = Turn::take().await?;
    let mut cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    operator::create_sku(cluster.admin(1), "sneaker", 1_000).await?;
    let mut report = sell(&cluster, "first", 200).await?;
    let follower = cluster.follower().await?;
    let old = cluster.dir().join("old-copy");
    cluster.stop(follower).await?;
    copy_dir(&cluster.data(follower), &old)?;
    cluster.start_all().await?;
    report.orders.extend(sell(&cluster, "second", 200).await?.orders);
    cluster.stop(follower).await?;
    std::fs::remove_dir_all(cluster.data(follower))?;
    copy_dir(&old, &cluster.data(follower))?;

    left_with(cluster.refused(follower).await?, EXIT_DATA_DIRECTORY)?;

    ensure_told(&cluster, follower, &["older copy"])?;
    report.orders.extend(sell(&cluster, "third", 200).await?.orders);
    checks::all(&cluster, "sneaker", &report).await?;
    cluster.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_behind_a_purge_catches_up_by_snapshot() -> Result<()> {
    let turn = Turn::take().await?;
    let options = ClusterOptions::new(program!()).set("raft", "snapshot_every_entries", 200).set("raft", "log_keep_entries", 50);
    let mut cluster = Cluster::start(&turn, options).await?;
    operator::create_sku(cluster.admin(1), "sneaker", 10_000).await?;
    let mut report = sell(&cluster, "before", 100).await?;
    let lagging = cluster.follower().await?;
    cluster.kill(lagging).await?;
    let log_before = std::fs::metadata(cluster.log(lagging))?.len();
    // Few at once make small batches: many log entries, several snapshots and purges.
    report
        .orders
        .extend(Sale::begin(apis_up(&cluster), SalePlan::new("sneaker", 3_000).named("meanwhile").at_once(2)).finish().await?.orders);

    cluster.start_all().await?;

    checks::all(&cluster, "sneaker", &report).await?;
    let log = std::fs::read(cluster.log(lagging))?;
    let since = String::from_utf8_lossy(&log[usize::try_from(log_before)?..]).into_owned();
    ensure!(since.contains("snapshot installed"), "it caught up without a snapshot: the purge was not behind it\n{since}");
    cluster.end().await
}

/// The last line of a node's log says why it left.
fn ensure_told(cluster: &Cluster, id: u64, words: &[&str]) -> Result<()> {
    let told = tail(&cluster.log(id), 1);
    ensure!(words.iter().all(|word| told.contains(word)), "not told {words:?}:\n{}", tail(&cluster.log(id), LOG_TAIL_LINES));
    Ok(())
}

async fn sell(cluster: &Cluster, name: &str, orders: usize) -> Result<SaleReport> {
    let report = Sale::begin(apis_up(cluster), SalePlan::new("sneaker", orders).named(name)).finish().await?;
    report.ensure_exactly(orders, "")?;
    Ok(report)
}

fn apis_up(cluster: &Cluster) -> Vec<std::net::SocketAddr> {
    cluster.up().into_iter().map(|id| cluster.api(id)).collect()
}
