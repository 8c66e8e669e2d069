//! SIGKILL to a follower and then to the leader in the middle of a sale.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use holdfast_tests::cluster::Cluster;
use holdfast_tests::limits::GAP_AFTER_KILL;
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::report::SaleReport;
use holdfast_tests::sale::{Sale, SalePlan};
use holdfast_tests::turn::Turn;
use holdfast_tests::{checks, operator, program};

const STOCK: usize = 10_000;
const ORDERS: usize = 30_000;

/// Slow enough that the sale still goes on when the second node comes back.
const PER_SECOND: u32 = 1_000;

/// How long a killed node stays away.
const AWAY: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_outlives_the_kill_of_a_follower_and_of_the_leader() -> Result<()> {
    let turn = Turn::take().await?;
    let mut cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    operator::create_sku(cluster.admin(1), "sneaker", STOCK as u64).await?;
    operator::granted(cluster.admin(1), "sneaker", 3).await?;
    let sale = Sale::begin(cluster.apis(), SalePlan::new("sneaker", ORDERS).per_second(PER_SECOND));

    sale.reached(STOCK / 7).await?;
    let follower = cluster.follower().await?;
    let follower_killed = kill_and_bring_back(&mut cluster, &sale, follower).await?;
    sale.reached(STOCK / 2).await?;
    let leader = cluster.leader().await?;
    let leader_killed = kill_and_bring_back(&mut cluster, &sale, leader).await?;
    let report = sale.finish().await?;

    println!("{report}");
    ensure_selling_went_on(&report, "follower", follower_killed)?;
    ensure_selling_went_on(&report, "leader", leader_killed)?;
    report.ensure_exactly(STOCK, "sold-out")?;
    let audit = checks::all(&cluster, "sneaker", &report).await?;
    ensure!(audit.confirmed == STOCK as u64, "not everything was sold: {audit:?}");
    cluster.end().await
}

/// When the kill was, in the time of the sale. The node is ready again when this returns.
async fn kill_and_bring_back(cluster: &mut Cluster, sale: &Sale, id: u64) -> Result<Duration> {
    let killed = sale.elapsed();
    cluster.kill(id).await?;
    // The fault itself, not a wait for anything.
    tokio::time::sleep(AWAY).await;
    cluster.spawn(id)?;
    cluster.ready(id).await?;
    Ok(killed)
}

fn ensure_selling_went_on(report: &SaleReport, who: &str, killed: Duration) -> Result<()> {
    let gap = report.longest_gap(killed, killed + AWAY).with_context(|| format!("nothing sold after the kill of the {who}"))?;
    println!("longest time without an acknowledgement after the kill of the {who}: {gap:.0?}");
    ensure!(gap < GAP_AFTER_KILL, "{gap:?} without an acknowledgement after the kill of the {who}");
    Ok(())
}
