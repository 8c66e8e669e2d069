//! One key, one order: at once, later, and after a restart, a snapshot, another leader.

use anyhow::{Context, Result, ensure};
use holdfast_tests::buyer::{Buyer, Nodes, Wanted};
use holdfast_tests::cluster::Cluster;
use holdfast_tests::limits::LEADER_WITHIN;
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::report::Fate;
use holdfast_tests::sale::{Sale, SalePlan};
use holdfast_tests::turn::Turn;
use holdfast_tests::{http, ledger, operator, program, wait};
use tokio::task::JoinSet;

const AT_ONCE: usize = 100;

/// Orders while a node is away.
const MEANWHILE: usize = 600;

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

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_known_after_a_snapshot_was_installed_the_leader_killed_and_all_restarted() -> Result<()> {
    let turn = Turn::take().await?;
    let options = ClusterOptions::new(program!()).set("raft", "snapshot_every_entries", 50).set("raft", "log_keep_entries", 10);
    let mut cluster = Cluster::start(&turn, options).await?;
    operator::create_sku(cluster.admin(1), "ticket", 10_000).await?;
    let wanted = Wanted { buyer: "ann".into(), key: "one-key".into(), sku: "ticket".into(), quantity: 1 };
    let order = http::call(cluster.api(1), &wanted.call()).await?.expect(201)?["id"].as_str().context("no id")?.to_owned();

    let away = cluster.follower().await?;
    cluster.kill(away).await?;
    // Two at once make small batches: more entries than the others keep.
    let up = cluster.up().into_iter().map(|id| cluster.api(id)).collect();
    Sale::begin(up, SalePlan::new("ticket", MEANWHILE).at_once(2)).finish().await?.ensure_exactly(MEANWHILE, "")?;
    let told_before = std::fs::metadata(cluster.log(away))?.len();
    cluster.start_all().await?;
    let told = std::fs::read(cluster.log(away))?;
    let installed = String::from_utf8_lossy(&told[usize::try_from(told_before)?..]).contains("snapshot installed");
    ensure!(installed, "node {away} caught up without a snapshot");
    ensure_known(&cluster, &wanted, &order).await?;

    let leader = cluster.leader().await?;
    cluster.kill(leader).await?;
    ensure_known(&cluster, &wanted, &order).await?;
    cluster.start_all().await?;
    ensure_known(&cluster, &wanted, &order).await?;
    cluster.kill_all().await?;
    cluster.start_all().await?;
    ensure_known(&cluster, &wanted, &order).await?;
    let audit = operator::Audit::of(cluster.admin(1), "ticket").await?;
    audit.ensure_conserved()?;
    ensure!(audit.sold() == MEANWHILE as u64 + 1, "sold otherwise than once: {audit:?}");
    cluster.end().await
}

/// Every node that runs answers the key with its order, and refuses it for another one.
async fn ensure_known(cluster: &Cluster, wanted: &Wanted, order: &str) -> Result<()> {
    for id in cluster.up() {
        let replay = answered(cluster, id, wanted).await?;
        ensure!(
            replay.expect(201)?["id"] == order && replay.header("idempotency-replayed") == Some("true"),
            "node {id} answers the key otherwise: {replay:?}"
        );
        let other = answered(cluster, id, &Wanted { quantity: 2, ..wanted.clone() }).await?;
        ensure!(other.status == 422 && other.problem().as_deref() == Some("idempotency-key-reused"), "node {id}: {other:?}");
    }
    Ok(())
}

/// The first answer that is no 503, of which there are some between two leaders.
async fn answered(cluster: &Cluster, id: u64, wanted: &Wanted) -> Result<http::Answer> {
    wait::until(&format!("a definite answer of node {id}"), LEADER_WITHIN, async || {
        http::call(cluster.api(id), &wanted.call()).await.ok().filter(|answer| answer.status != 503)
    })
    .await
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
