//! A disk that is full when a snapshot is written: the node leaves with exit code 3 and says which file had no room.

use anyhow::{Result, ensure};
use holdfast_tests::cluster::{Cluster, left_with};
use holdfast_tests::limits::STOPPED_WITHIN;
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::process::tail;
use holdfast_tests::sale::{Sale, SalePlan};
use holdfast_tests::turn::Turn;
use holdfast_tests::{operator, program};

const EXIT_DISK: i32 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_without_room_ends_the_node_with_the_name_of_its_file() -> Result<()> {
    let turn = Turn::take().await?;
    let options = ClusterOptions::new(program!()).nodes(1).set("raft", "snapshot_every_entries", 50);
    let mut cluster = Cluster::start(&turn, options).await?;
    operator::create_sku(cluster.admin(1), "sneaker", 1_000).await?;
    // The first snapshot's file is a device that is always full.
    let part = cluster.data(1).join("snapshots/1.part");
    std::os::unix::fs::symlink("/dev/full", &part)?;
    let sale = Sale::begin(cluster.apis(), SalePlan::new("sneaker", 100).at_once(1));
    left_with(cluster.left(1, STOPPED_WITHIN).await?, EXIT_DISK)?;
    let told = tail(&cluster.log(1), 1);
    let says = format!("error: snapshot: {} could not be written after 0 bytes: No space left on device", part.display());
    ensure!(told.starts_with(&says), "it does not say last why it left: {told}");
    // Nothing was lost: with room it goes on, and buyers' retries are answered.
    cluster.start_all().await?;
    sale.finish().await?.ensure_exactly(100, "")?;
    cluster.end().await
}
