//! A sale with three times as many buyers as units.

use anyhow::{Result, ensure};
use holdfast_tests::cluster::Cluster;
use holdfast_tests::http::{self, Call};
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::sale::{Sale, SalePlan};
use holdfast_tests::turn::Turn;
use holdfast_tests::{checks, operator, program};

const STOCK: usize = 10_000;
const ORDERS: usize = 30_000;

#[tokio::test(flavor = "multi_thread")]
async fn thirty_thousand_buyers_get_exactly_ten_thousand_units() -> Result<()> {
    let turn = Turn::take().await?;
    let cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    operator::create_sku(cluster.admin(1), "sneaker", STOCK as u64).await?;
    let before = operator::granted(cluster.admin(2), "sneaker", 3).await?;
    ensure!(before.pool > 0, "no buffer is kept in the pool: {before:?}");

    let report = Sale::begin(cluster.apis(), SalePlan::new("sneaker", ORDERS)).finish().await?;

    println!("{report}");
    report.ensure_exactly(STOCK, "sold-out")?;
    let audit = checks::all(&cluster, "sneaker", &report).await?;
    ensure!(audit.confirmed == STOCK as u64 && audit.pool + audit.sliced() == 0, "units are left: {audit:?}");
    for id in cluster.ids() {
        let said = http::call(cluster.api(id), &Call::get("/v1/skus/sneaker/availability?consistency=linearizable")).await?.expect(200)?;
        ensure!(said["available"] == 0 && said["sold_out"] == true && said["final"] == true, "node {id} says {said}");
    }
    cluster.end().await
}
