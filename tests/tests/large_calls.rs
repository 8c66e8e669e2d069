//! A batch call that is larger than a log entry.

use anyhow::{Result, ensure};
use holdfast_tests::cluster::Cluster;
use holdfast_tests::http::{self, Call};
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::turn::Turn;
use holdfast_tests::{operator, program};
use serde_json::{Value, json};

/// Requests in one entry, as the cluster was made.
const ENTRY: i64 = 4;

const ORDERS: usize = 60;

/// The cluster is made of what its first leader's file says, and node 3 has another.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_longer_than_an_entry_is_accepted_at_a_node_whose_file_allows_longer_ones() -> Result<()> {
    let turn = Turn::take().await?;
    let mut cluster = Cluster::prepare(&turn, ClusterOptions::new(program!()).set("orders", "max_batch_requests", ENTRY))?;
    let more = ClusterOptions::new(program!()).cluster_file(cluster.members());
    std::fs::write(cluster.dir().join("cluster-3.toml"), more)?;
    cluster.start_all().await?;
    operator::create_sku(cluster.admin(1), "ticket", 1_000).await?;
    operator::granted(cluster.admin(1), "ticket", 3).await?;

    for id in cluster.ids() {
        let order = |n| {
            let lines = json!([{ "sku": "ticket", "quantity": 1 }]);
            json!({ "idempotency_key": format!("{id}-{n}"), "buyer": format!("buyer-{id}-{n}"), "lines": lines })
        };
        let orders: Vec<Value> = (0..ORDERS).map(order).collect();
        let answer = http::call(cluster.api(id), &Call::post("/v1/orders/batch", &json!({ "orders": orders }))).await?.expect(200)?;
        let results = answer["results"].as_array().cloned().unwrap_or_default();
        ensure!(results.len() == ORDERS, "node {id}: {answer}");
        ensure!(results.iter().all(|result| result["order"].is_object()), "node {id}: {answer}");
    }
    cluster.end().await
}
