//! One key, one order: at once, later, and after a restart.

use anyhow::{Result, ensure};
use holdfast_tests::buyer::{Buyer, Nodes, Wanted};
use holdfast_tests::cluster::Cluster;
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::report::Fate;
use holdfast_tests::turn::Turn;
use holdfast_tests::{http, ledger, operator, program};
use tokio::task::JoinSet;

const AT_ONCE: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_sent_a_hundred_times_at_once_to_three_nodes_makes_one_order() -> Result<()> {
    let turn = Turn::take().await?;
    let mut cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    operator::create_sku(cluster.admin(1), "ticket", 1_000).await?;
    let wanted = Wanted { buyer: "ann".into(), key: "one-key".into(), sku: "ticket".into(), quantity: 1 };

    let ids = send_at_once(&cluster, &wanted).await?;
    ensure!(ids.len() == AT_ONCE && ids.iter().all(|id| *id == ids[0]), "more than one order: {ids:?}");

    for id in cluster.ids() {
        let replay = http::call(cluster.api(id), &wanted.call()).await?;
        ensure!(
            replay.expect(201)?["id"] == ids[0].as_str() && replay.header("idempotency-replayed") == Some("true"),
            "node {id}: {replay:?}"
        );
        let other = http::call(cluster.api(id), &Wanted { quantity: 2, ..wanted.clone() }.call()).await?;
        ensure!(other.status == 422 && other.problem().as_deref() == Some("idempotency-key-reused"), "node {id}: {other:?}");
    }
    cluster.kill_all().await?;
    cluster.start_all().await?;
    for id in cluster.ids() {
        let replay = http::call(cluster.api(id), &wanted.call()).await?;
        ensure!(replay.expect(201)?["id"] == ids[0].as_str(), "node {id} after the restart: {replay:?}");
        ensure!(ledger::read(cluster.admin(id), "ticket").await?.len() == 1, "node {id} lists another number of orders");
    }
    let audit = operator::Audit::of(cluster.admin(1), "ticket").await?;
    audit.ensure_conserved()?;
    ensure!(audit.sold() == 1, "sold otherwise than once: {audit:?}");
    cluster.end().await
}

/// The order that each of the senders was given.
async fn send_at_once(cluster: &Cluster, wanted: &Wanted) -> Result<Vec<String>> {
    let nodes = Nodes::new(cluster.apis());
    let mut senders = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (nodes, wanted) = (nodes.clone(), wanted.clone());
        senders.spawn(async move { Buyer::new(&nodes).buy(&wanted).await });
    }
    let mut ids = Vec::new();
    for attempted in senders.join_all().await {
        match attempted.fate {
            Fate::Acknowledged { id, .. } => ids.push(id),
            other => anyhow::bail!("not the order: {other:?}"),
        }
    }
    Ok(ids)
}
