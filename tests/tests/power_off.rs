//! All nodes gone at once, under load: by SIGKILL, and by a power cut that loses whatever was not synced.

use anyhow::Result;
use holdfast_tests::cluster::Cluster;
use holdfast_tests::disk::{self, PowerCutDisk};
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::sale::{Sale, SalePlan};
use holdfast_tests::turn::Turn;
use holdfast_tests::{checks, operator, program};

const STOCK: usize = 5_000;

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_order_outlives_a_kill_of_all_nodes() -> Result<()> {
    let turn = Turn::take().await?;
    let mut cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    let sale = sale_under_way(&cluster).await?;
    cluster.kill_all().await?;
    cluster.start_all().await?;
    ensure_nothing_was_lost(&cluster, sale).await?;
    cluster.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_order_outlives_a_power_cut_of_all_nodes() -> Result<()> {
    let turn = Turn::take().await?;
    if let Some(reason) = disk::why_not().await {
        return disk::not_run(&format!("no power can be cut on this machine: {reason}"));
    }
    let room = tempfile::tempdir()?;
    let mut disks = Vec::new();
    for id in 1..=3 {
        disks.push(PowerCutDisk::create(room.path(), &format!("disk-{id}")).await?);
    }
    let mut options = ClusterOptions::new(program!());
    options.data_roots = disks.iter().map(|disk| disk.path().to_owned()).collect();
    let mut cluster = Cluster::start(&turn, options).await?;
    let sale = sale_under_way(&cluster).await?;

    for disk in &disks {
        disk.cut().await?;
    }
    cluster.kill_all().await?;
    for disk in &disks {
        disk.unmount().await?;
        disk.mount().await?;
    }
    cluster.start_all().await?;
    ensure_nothing_was_lost(&cluster, sale).await?;
    cluster.end().await
}

/// A sale of which more than a third is still to come. The buyers of the rest ask again and again until the nodes are back.
async fn sale_under_way(cluster: &Cluster) -> Result<Sale> {
    operator::create_sku(cluster.admin(1), "sneaker", STOCK as u64).await?;
    operator::granted(cluster.admin(1), "sneaker", 3).await?;
    let sale = Sale::begin(cluster.apis(), SalePlan::new("sneaker", 2 * STOCK).per_second(2_000));
    sale.reached(STOCK / 2).await?;
    Ok(sale)
}

async fn ensure_nothing_was_lost(cluster: &Cluster, sale: Sale) -> Result<()> {
    let report = sale.finish().await?;
    println!("{report}");
    report.ensure_exactly(STOCK, "sold-out")?;
    checks::all(cluster, "sneaker", &report).await?;
    Ok(())
}
