//! As many units as nodes: the tail of a sale, where slices strand what is left.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use holdfast_tests::cluster::Cluster;
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::sale::{Sale, SalePlan};
use holdfast_tests::turn::Turn;
use holdfast_tests::{checks, operator, program};

#[tokio::test(flavor = "multi_thread")]
async fn three_units_on_three_nodes_are_sold_to_three_of_three_hundred_buyers() -> Result<()> {
    let turn = Turn::take().await?;
    let cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    operator::create_sku(cluster.admin(1), "seat", 3).await?;

    let report = Sale::begin(cluster.apis(), SalePlan::new("seat", 300)).finish().await?;

    println!("{report}");
    report.ensure_exactly(3, "sold-out")?;
    let audit = checks::all(&cluster, "seat", &report).await?;
    ensure!(audit.pool + audit.sliced() == 0, "stranded: {audit:?}");
    cluster.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn buyers_of_one_node_get_the_units_of_all_slices() -> Result<()> {
    let turn = Turn::take().await?;
    let cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    operator::create_sku(cluster.admin(1), "seat", 2_000).await?;
    operator::granted(cluster.admin(1), "seat", 3).await?;

    let report = Sale::begin(vec![cluster.api(2)], SalePlan::new("seat", 2_500)).finish().await?;

    println!("{report}");
    report.ensure_exactly(2_000, "sold-out")?;
    checks::all(&cluster, "seat", &report).await?;
    cluster.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn slices_follow_the_weights_of_the_nodes() -> Result<()> {
    let turn = Turn::take().await?;
    let mut options = ClusterOptions::new(program!());
    options.weights = vec![1, 2, 3];
    let cluster = Cluster::start(&turn, options).await?;
    // Once each has a slice of another SKU, the leader has heard of all.
    operator::create_sku(cluster.admin(1), "early", 6_000).await?;
    operator::granted(cluster.admin(1), "early", 3).await?;

    // A tenth is kept back; the rest goes by weight.
    operator::create_sku(cluster.admin(1), "seat", 6_000).await?;
    let audit = operator::granted(cluster.admin(1), "seat", 3).await?;
    let slices: BTreeMap<u64, u64> = audit.slices.iter().copied().collect();
    ensure!(audit.pool == 600 && slices == BTreeMap::from([(1, 900), (2, 1_800), (3, 2_700)]), "{audit:?}");
    cluster.end().await
}
