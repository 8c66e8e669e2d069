//! What a node says of the cluster when it reaches nobody.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use holdfast_tests::cluster::Cluster;
use holdfast_tests::http::{self, Call};
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::turn::Turn;
use holdfast_tests::{program, wait};
use serde_json::Value;

const WITHIN: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_reaches_nobody_names_no_leader_and_knows_only_itself() -> Result<()> {
    let turn = Turn::take().await?;
    let mut cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    let alone = cluster.follower().await?;
    let seen = seen_alone(&mut cluster, alone).await?;
    for member in seen["members"].as_array().context("no members")? {
        let expected = if member["id"] == alone { Value::Bool(true) } else { Value::Null };
        ensure!(member["alive"] == expected && member["lag"].is_null(), "{member}");
    }
    cluster.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_reaches_nobody_does_not_name_itself() -> Result<()> {
    let turn = Turn::take().await?;
    let mut cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    let alone = cluster.leader().await?;
    let seen = seen_alone(&mut cluster, alone).await?;
    let own = seen["members"].as_array().and_then(|members| members.iter().find(|member| member["id"] == alone));
    ensure!(own.is_some_and(|own| own["alive"] == true), "{seen}");
    cluster.end().await
}

/// What `alone` says once it has noticed; the others go on afterwards.
async fn seen_alone(cluster: &mut Cluster, alone: u64) -> Result<Value> {
    let others: Vec<u64> = cluster.ids().into_iter().filter(|id| *id != alone).collect();
    for id in &others {
        cluster.pause(*id).await?;
    }
    let admin = cluster.admin(alone);
    let seen = wait::until("no leader", WITHIN, async || {
        let told = http::call(admin, &Call::get("/v1/cluster")).await.ok()?.json().ok()?;
        told["leader"].is_null().then_some(told)
    })
    .await;
    for id in others {
        cluster.resume(id).await?;
    }
    seen
}
