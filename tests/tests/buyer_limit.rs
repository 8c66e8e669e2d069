//! The limit of a buyer who asks everywhere at once.

use anyhow::{Result, ensure};
use holdfast_tests::cluster::Cluster;
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::sale::{Sale, SalePlan};
use holdfast_tests::turn::Turn;
use holdfast_tests::{checks, operator, program};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_with_a_limit_of_two_gets_two_of_three_hundred_concurrent_orders() -> Result<()> {
    let turn = Turn::take().await?;
    let cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    let sku = json!({ "sku": "ticket", "stock": 3_000, "per_buyer_limit": 2, "hold_ttl_ms": 600_000 });
    operator::create_sku_with(cluster.admin(1), &sku).await?;
    operator::granted(cluster.admin(1), "ticket", 3).await?;

    let report = Sale::begin(cluster.apis(), SalePlan::new("ticket", 300).at_once(300).buyer("ann")).finish().await?;

    println!("{report}");
    report.ensure_exactly(2, "buyer-limit")?;
    let audit = checks::all(&cluster, "ticket", &report).await?;
    ensure!(audit.held == 2 && audit.confirmed == 0, "{audit:?}");
    cluster.end().await
}
