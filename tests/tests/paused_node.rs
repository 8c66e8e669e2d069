//! A node that stands still and goes on later, unaware: the case that leases and locks get wrong.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use holdfast_tests::cluster::Cluster;
use holdfast_tests::http::{self, Call};
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::report::SaleReport;
use holdfast_tests::sale::{Sale, SalePlan};
use holdfast_tests::turn::Turn;
use holdfast_tests::{checks, operator, program};
use serde_json::json;

const STOCK: usize = 5_000;
const MORE: usize = 300;

/// Longer than `reclaim_after` and than any election.
const PAUSE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn the_slice_of_a_paused_node_is_sold_by_the_others_and_it_rejoins() -> Result<()> {
    let turn = Turn::take().await?;
    let mut cluster = started(&turn).await?;
    let paused = cluster.follower().await?;
    sell_out_around_a_pause(&mut cluster, paused).await?;
    cluster.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_leader_sells_nothing_twice_when_it_goes_on() -> Result<()> {
    let turn = Turn::take().await?;
    let mut cluster = started(&turn).await?;
    let paused = cluster.leader().await?;
    sell_out_around_a_pause(&mut cluster, paused).await?;
    cluster.end().await
}

async fn started(turn: &Turn) -> Result<Cluster> {
    let cluster = Cluster::start(turn, ClusterOptions::new(program!())).await?;
    operator::create_sku(cluster.admin(1), "sneaker", STOCK as u64).await?;
    operator::granted(cluster.admin(1), "sneaker", 3).await?;
    Ok(cluster)
}

async fn sell_out_around_a_pause(cluster: &mut Cluster, paused: u64) -> Result<()> {
    let sale = Sale::begin(cluster.apis(), SalePlan::new("sneaker", 2 * STOCK).per_second(1_000));
    sale.reached(STOCK / 5).await?;
    let began = sale.elapsed();
    cluster.pause(paused).await?;
    sale.reached(STOCK).await.context("the others did not sell the slice of the paused node")?;
    // The fault itself lasts so long, whatever the sale does.
    tokio::time::sleep((began + PAUSE).saturating_sub(sale.elapsed())).await;
    cluster.resume(paused).await?;
    let mut report = sale.finish().await?;
    println!("{report}");
    report.ensure_exactly(STOCK, "sold-out")?;

    cluster.ready(paused).await?;
    checks::all(cluster, "sneaker", &report).await?;
    let sold_there = sell_more_at(cluster, paused).await?;
    report.orders.extend(sold_there.orders);
    checks::all(cluster, "sneaker", &report).await?;
    Ok(())
}

/// New stock is sold by the node that was away: it has a session again.
async fn sell_more_at(cluster: &Cluster, id: u64) -> Result<SaleReport> {
    let adjustment = json!({ "delta": MORE, "reason": "found behind the shelf" });
    let call = Call::post("/v1/skus/sneaker/adjustments", &adjustment).header("idempotency-key", "shelf-1");
    let adjusted = http::call(cluster.admin(id), &call).await?;
    ensure!((200..300).contains(&adjusted.status), "adjustment: {adjusted:?}");
    let plan = SalePlan::new("sneaker", MORE).named("second");
    let report = Sale::begin(vec![cluster.api(id)], plan).finish().await?;
    report.ensure_exactly(MORE, "")?;
    Ok(report)
}
