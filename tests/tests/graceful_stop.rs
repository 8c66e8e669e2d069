//! SIGTERM in the middle of a sale.

use anyhow::{Result, ensure};
use holdfast_tests::cluster::Cluster;
use holdfast_tests::operator::Audit;
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::process::is_there;
use holdfast_tests::sale::{Sale, SalePlan};
use holdfast_tests::turn::Turn;
use holdfast_tests::{checks, operator, program};

const STOCK: usize = 4_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_node_finishes_returns_its_slice_and_leaves_no_pid_file() -> Result<()> {
    let turn = Turn::take().await?;
    let mut cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    operator::create_sku(cluster.admin(1), "sneaker", STOCK as u64).await?;
    operator::granted(cluster.admin(1), "sneaker", 3).await?;
    let stopped = cluster.follower().await?;
    let pid: u32 = std::fs::read_to_string(cluster.pid_file(stopped))?.trim().parse()?;
    ensure!(is_there(pid), "the pid file names {pid}, which does not run");
    let sale = Sale::begin(cluster.apis(), SalePlan::new("sneaker", 2 * STOCK).per_second(1_500));
    sale.reached(STOCK / 4).await?;

    let status = cluster.stop(stopped).await?;

    ensure!(status.code() == Some(0), "left with {status}");
    ensure!(!cluster.pid_file(stopped).exists(), "the pid file is still there");
    let audit = Audit::of(cluster.admin(cluster.leader().await?), "sneaker").await?;
    audit.ensure_conserved()?;
    let kept = audit.slices.iter().find(|(node, units)| *node == stopped && *units > 0);
    ensure!(kept.is_none(), "its slice was not returned: {audit:?}");
    let report = sale.finish().await?;
    println!("{report}");
    report.ensure_exactly(STOCK, "sold-out")?;
    checks::all(&cluster, "sneaker", &report).await?;
    cluster.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_stop_of_a_whole_cluster_logs_no_error() -> Result<()> {
    let turn = Turn::take().await?;
    let mut cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    operator::create_sku(cluster.admin(1), "sneaker", 100).await?;
    Sale::begin(cluster.apis(), SalePlan::new("sneaker", 200)).finish().await?.ensure_exactly(100, "sold-out")?;

    cluster.stop_all().await?;

    for id in cluster.ids() {
        let log = std::fs::read_to_string(cluster.log(id))?;
        let errors: Vec<&str> = log.lines().filter(|line| line.contains("ERROR")).collect();
        ensure!(errors.is_empty(), "node {id} complains:\n{}", errors.join("\n"));
    }
    cluster.end().await
}
