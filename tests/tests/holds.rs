//! Holds that nobody confirms.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use holdfast_tests::cluster::Cluster;
use holdfast_tests::http::{self, Call};
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::sale::{Sale, SalePlan};
use holdfast_tests::turn::Turn;
use holdfast_tests::{checks, operator, program, wait};
use serde_json::json;

const STOCK: usize = 900;

/// From the last hold of two seconds until everything is sellable again.
const SELLABLE_WITHIN: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn holds_of_two_seconds_are_sellable_again_within_three_on_every_node() -> Result<()> {
    let turn = Turn::take().await?;
    let cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    let sku = json!({ "sku": "seat", "stock": STOCK, "hold_ttl_ms": 2_000 });
    operator::create_sku_with(cluster.admin(1), &sku).await?;
    operator::granted(cluster.admin(1), "seat", 3).await?;

    let mut held = Sale::begin(cluster.apis(), SalePlan::new("seat", STOCK)).finish().await?;
    let last_hold = Instant::now();
    held.ensure_exactly(STOCK, "")?;
    for id in cluster.ids() {
        let api = cluster.api(id);
        wait::until(&format!("everything sellable on node {id}"), SELLABLE_WITHIN.saturating_sub(last_hold.elapsed()), async || {
            let call = Call::get("/v1/skus/seat/availability?consistency=linearizable");
            let said = http::call(api, &call).await.ok()?.expect(200).ok()?;
            (said["available"] == STOCK && said["held"] == 0).then_some(())
        })
        .await?;
    }
    let expired = last_hold.elapsed();
    println!("sellable again {expired:.1?} after the last hold");

    for id in cluster.ids() {
        let plan = SalePlan::new("seat", STOCK / 3).named(&format!("again-{id}"));
        let again = Sale::begin(vec![cluster.api(id)], plan).finish().await?;
        again.ensure_exactly(STOCK / 3, "")?;
        held.orders.extend(again.orders);
    }
    let audit = checks::all(&cluster, "seat", &held).await?;
    ensure!(audit.confirmed == 0, "a hold was confirmed by nobody: {audit:?}");
    cluster.end().await
}
