//! Nodes with nothing to do take next to no processor time, be they a cluster or alone after a restart.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use holdfast_tests::cluster::Cluster;
use holdfast_tests::compare::processor::spent;
use holdfast_tests::http::{self, Call};
use holdfast_tests::limits::READY_WITHIN;
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::turn::Turn;
use holdfast_tests::{operator, program, wait};

/// How long is measured.
const IDLE: Duration = Duration::from_secs(4);

/// Of one core. A thread that spins takes all that it is given, which is more even where many others want the cores.
const BUSY_AT_MOST: f64 = 0.1;

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_node_does_not_spin_in_a_cluster_nor_alone_after_a_restart() -> Result<()> {
    let turn = Turn::take().await?;
    let mut cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    operator::create_sku(cluster.admin(1), "sneaker", 1_000).await?;
    operator::granted(cluster.admin(1), "sneaker", 3).await?;
    ensure_idle(&cluster).await.context("in a cluster")?;
    cluster.kill_all().await?;
    cluster.spawn(1)?;
    let admin = cluster.admin(1);
    wait::until("an answer of the node", READY_WITHIN, async || http::call(admin, &Call::get("/livez")).await.ok()).await?;
    ensure_idle(&cluster).await.context("alone after a restart")?;
    cluster.start_all().await?;
    cluster.end().await
}

/// Of every node that runs.
async fn ensure_idle(cluster: &Cluster) -> Result<()> {
    let watched = cluster.up().into_iter().filter_map(|id| Some((format!("node {id}"), cluster.process_id(id)?))).collect();
    let before = spent(&watched);
    // The measurement itself.
    tokio::time::sleep(IDLE).await;
    let after = spent(&watched);
    let busy: BTreeMap<_, _> = watched.iter().map(|(name, _)| (name, (after[name] - before[name]) / IDLE.as_secs_f64())).collect();
    println!("of a core: {busy:.3?}");
    ensure!(busy.values().all(|share| *share <= BUSY_AT_MOST), "nodes with nothing to do are busy: {busy:?}");
    Ok(())
}
