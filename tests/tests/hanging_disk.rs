//! A disk that answers neither yes nor no, under a node in the middle of a sale: the node leaves with exit code 3.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use holdfast_tests::cluster::{Cluster, left_with};
use holdfast_tests::disk::{self, PowerCutDisk};
use holdfast_tests::http::{Call, Connection};
use holdfast_tests::limits::{ATTEMPT_WITHIN, LOG_TAIL_LINES, STOPPED_WITHIN};
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::process::tail;
use holdfast_tests::sale::{Sale, SalePlan};
use holdfast_tests::turn::Turn;
use holdfast_tests::{checks, operator, program, wait};
use serde_json::json;

const EXIT_DISK: i32 = 3;
const STOCK: usize = 3_000;

fn options() -> ClusterOptions {
    let mut options = ClusterOptions::new(program!());
    options.disks_can_hang = true;
    options
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_whose_syncs_hang_leaves_and_the_others_sell_on() -> Result<()> {
    let turn = Turn::take().await?;
    let mut cluster = Cluster::start(&turn, options()).await?;
    let sale = sale_under_way(&cluster).await?;
    let hung = cluster.leader().await?;

    cluster.hang_disk(hung)?;
    answers(cluster.api(hung)).await?;

    left_with(cluster.left(hung, STOPPED_WITHIN).await?, EXIT_DISK)?;
    let told = tail(&cluster.log(hung), 1);
    ensure!(told.starts_with("error: ") && told.contains("the disk hangs"), "it does not say last why it left: {told}");
    cluster.mend_disk(hung)?;
    cluster.start_all().await?;
    let report = sale.finish().await?;
    report.ensure_exactly(STOCK, "sold-out")?;
    checks::all(&cluster, "sneaker", &report).await?;
    cluster.end().await
}

/// A node on a frozen file system cannot be gone before the kernel lets its threads go; it has ended all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_on_a_frozen_file_system_says_why_and_is_gone_when_it_thaws() -> Result<()> {
    let turn = Turn::take().await?;
    if let Some(reason) = disk::why_not().await {
        return disk::not_run(&format!("no file system can be frozen on this machine: {reason}"));
    }
    let room = tempfile::tempdir()?;
    let disks = disks(room.path()).await?;
    let options = on(&disks, options());
    let mut cluster = Cluster::start(&turn, options).await?;
    let sale = sale_under_way(&cluster).await?;
    let hung = cluster.follower().await?;
    let frozen = &disks[usize::try_from(hung)? - 1];

    frozen.freeze().await?;
    let answered = answers(cluster.api(hung)).await;
    let log = cluster.log(hung);
    let told = wait::until("the node to say why it leaves", STOPPED_WITHIN, async || {
        Some(tail(&log, LOG_TAIL_LINES)).filter(|told| told.lines().any(|line| line.starts_with("error: ")))
    })
    .await;
    frozen.thaw().await?;
    answered?;

    ensure!(told?.contains("the disk hangs"));
    left_with(cluster.left(hung, STOPPED_WITHIN).await?, EXIT_DISK)?;
    cluster.start_all().await?;
    let report = sale.finish().await?;
    report.ensure_exactly(STOCK, "sold-out")?;
    checks::all(&cluster, "sneaker", &report).await?;
    cluster.end().await
}

/// Long enough for a lead to be lost, elections to be tried, and buyers to give up; the product waits far longer for a disk.
#[tokio::test(flavor = "multi_thread")]
async fn while_all_disks_stand_still_buyers_hear_so_in_time_and_then_it_sells_on() -> Result<()> {
    let turn = Turn::take().await?;
    if let Some(reason) = disk::why_not().await {
        return disk::not_run(&format!("no file system can be frozen on this machine: {reason}"));
    }
    let room = tempfile::tempdir()?;
    let disks = disks(room.path()).await?;
    let cluster = Cluster::start(&turn, on(&disks, ClusterOptions::new(program!()))).await?;
    let sale = sale_under_way(&cluster).await?;

    for disk in &disks {
        disk.freeze().await?;
    }
    let mut answered = Ok(());
    for _ in 0..3 {
        let all = try_join_all(cluster.ids().into_iter().map(|id| answers(cluster.api(id)))).await;
        answered = answered.and(all.map(drop));
    }
    for disk in &disks {
        disk.thaw().await?;
    }

    answered?;
    let report = sale.finish().await?;
    report.ensure_exactly(STOCK, "sold-out")?;
    checks::all(&cluster, "sneaker", &report).await?;
    cluster.end().await
}

async fn disks(room: &Path) -> Result<Vec<PowerCutDisk>> {
    let mut disks = Vec::new();
    for id in 1..=3 {
        disks.push(PowerCutDisk::create(room, &format!("disk-{id}")).await?);
    }
    Ok(disks)
}

/// A node on each disk.
fn on(disks: &[PowerCutDisk], mut options: ClusterOptions) -> ClusterOptions {
    options.data_roots = disks.iter().map(|disk| disk.path().to_owned()).collect();
    options
}

/// A buyer hears of an order in time, be it only that its fate is unknown; what is in memory is read.
async fn answers(node: SocketAddr) -> Result<()> {
    let order = json!({ "buyer": "ann", "lines": [{ "sku": "beside", "quantity": 1 }] });
    let mut connection = Connection::to(node);
    connection.send(&Call::post("/v1/orders", &order).header("idempotency-key", "beside"), ATTEMPT_WITHIN).await?;
    connection.send(&Call::get("/v1/skus/beside/availability"), ATTEMPT_WITHIN).await?.expect(200)?;
    Ok(())
}

async fn sale_under_way(cluster: &Cluster) -> Result<Sale> {
    operator::create_sku(cluster.admin(1), "beside", 10).await?;
    operator::create_sku(cluster.admin(1), "sneaker", STOCK as u64).await?;
    operator::granted(cluster.admin(1), "sneaker", 3).await?;
    let sale = Sale::begin(cluster.apis(), SalePlan::new("sneaker", 2 * STOCK).per_second(300));
    sale.reached(STOCK / 10).await?;
    Ok(sale)
}
