//! Holds that nobody confirms.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
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

/// Holds that end in the same moment: one batch.
const CROWD: usize = 4_096;

/// Longest that a hold that is over may wait for its sweep: the oracle's bound, and the alert's.
const EXPIRY_LAG: Duration = Duration::from_secs(5);

/// From the placing of the holds until all of them are swept.
const SWEPT_WITHIN: Duration = Duration::from_secs(30);

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

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_holds_that_end_at_once_lag_within_the_bound_and_the_metric_tells_it() -> Result<()> {
    let turn = Turn::take().await?;
    // So few an entry that a sweep is seen under way.
    let options = ClusterOptions::new(program!()).set("orders", "sweep_per_entry", 256);
    let cluster = Cluster::start(&turn, options).await?;
    let stock = 4 * CROWD;
    operator::create_sku_with(cluster.admin(1), &json!({ "sku": "seat", "stock": stock, "hold_ttl_ms": 5_000 })).await?;
    operator::granted(cluster.admin(1), "seat", 3).await?;
    let order =
        |n| json!({ "idempotency_key": format!("key-{n}"), "buyer": format!("buyer-{n}"), "lines": [{ "sku": "seat", "quantity": 1 }] });
    let orders: Vec<_> = (0..CROWD).map(order).collect();
    let placed = http::call(cluster.api(1), &Call::post("/v1/orders/batch", &json!({ "orders": orders }))).await?.expect(200)?;
    let accepted = placed["results"].as_array().context("no results")?.iter().filter(|result| result["order"].is_object()).count();
    // A slow machine may be out of time for some.
    ensure!(accepted >= CROWD / 2, "{accepted} of {CROWD} holds were placed");

    let (mut held, mut longest) = (0.0_f64, 0.0_f64);
    wait::until("every hold to be swept", SWEPT_WITHIN, async || {
        let told = http::call(cluster.admin(1), &Call::get("/metrics")).await.ok()?;
        let [units, lag] = [r#"holdfast_held_units{sku="seat"}"#, "holdfast_expiry_lag_seconds"].map(|series| told.sample::<f64>(series));
        (held, longest) = (held.max(units?), longest.max(lag?));
        (held > 0.0 && units? + lag? == 0.0).then_some(())
    })
    .await?;
    println!("at most {held} holds; at most {longest} s late");
    ensure!(longest > 0.0 && longest <= EXPIRY_LAG.as_secs_f64(), "a hold was swept {longest} s late, or none was told to be late");
    cluster.end().await
}
