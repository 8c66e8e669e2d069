//! An answer that is lost after its order is durable: the retry hears of that order.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use holdfast_tests::buyer::Wanted;
use holdfast_tests::chaos::proxy::{Direction, Proxy, Weather};
use holdfast_tests::cluster::Cluster;
use holdfast_tests::http::{self, Answer};
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::turn::Turn;
use holdfast_tests::{ledger, operator, program};

const STOCK: u64 = 10_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_after_a_cut_answer_hears_the_order_at_every_node() -> Result<()> {
    let turn = Turn::take().await?;
    let cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    operator::create_sku(cluster.admin(1), "ticket", STOCK).await?;
    for id in cluster.ids() {
        let wanted = wanted(&format!("cut-{id}"));
        // The node answers, and the connection breaks in the middle of what it says.
        let (there, back) = (Arc::new(Direction::default()), Arc::new(Direction::default()));
        back.set(Weather { reset: 1_000, ..Weather::default() });
        let proxy = Proxy::start(cluster.api(id), there, Arc::clone(&back)).await?;
        let lost = http::call(proxy.address(), &wanted.call()).await;
        ensure!(lost.is_err() && back.touched().counts()[2] == 1, "the answer was not cut: {lost:?}");

        let order = the_one_order_of(&cluster, &wanted).await?;
        for other in cluster.ids() {
            ensure_replayed(&http::call(cluster.api(other), &wanted.call()).await?, &order)?;
        }
    }
    let audit = operator::Audit::of(cluster.admin(1), "ticket").await?;
    audit.ensure_conserved()?;
    ensure!(audit.sold() == cluster.ids().len() as u64, "not one order a key: {audit:?}");
    cluster.end().await
}

fn wanted(key: &str) -> Wanted {
    Wanted { buyer: format!("buyer-of-{key}"), key: key.into(), sku: "ticket".into(), quantity: 1 }
}

/// The order that the cluster has for this buyer, whom nobody told of it.
async fn the_one_order_of(cluster: &Cluster, wanted: &Wanted) -> Result<String> {
    let listed = ledger::read(cluster.admin(1), &wanted.sku).await?;
    let mut own = listed.into_iter().filter(|entry| entry.buyer == wanted.buyer);
    let order = own.next().context("the answer was cut before there was an order")?;
    ensure!(own.next().is_none(), "two orders of {wanted:?}");
    Ok(order.id)
}

fn ensure_replayed(answer: &Answer, order: &str) -> Result<()> {
    let is_replay = answer.expect(201)?["id"] == order && answer.header("idempotency-replayed") == Some("true");
    ensure!(is_replay, "not the order {order}: {answer:?}");
    Ok(())
}

/// Run by `cargo planted`, which builds nodes that can crash at a named point.
#[cfg(feature = "abort-points")]
mod crash {
    use holdfast_tests::limits::STOPPED_WITHIN;
    use holdfast_tests::wait;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_retry_after_a_crash_before_the_answer_hears_the_order() -> Result<()> {
        let turn = Turn::take().await?;
        let mut cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
        operator::create_sku(cluster.admin(1), "ticket", STOCK).await?;
        for id in cluster.ids() {
            let lost = lost(&mut cluster, id).await?;
            let first = answered(&cluster, &lost).await?;
            let order = first.expect(201)?["id"].as_str().context("no id")?.to_owned();
            ensure_replayed(&first, &order)?;
            cluster.start_all().await?;
            for other in cluster.ids() {
                ensure_replayed(&http::call(cluster.api(other), &lost.call()).await?, &order)?;
            }
            ensure!(the_one_order_of(&cluster, &lost).await? == order, "the list tells another order");
        }
        cluster.end().await
    }

    /// Buys at a node that is to crash until it does: the order that it did not answer.
    async fn lost(cluster: &mut Cluster, id: u64) -> Result<Wanted> {
        std::fs::write(cluster.abort_file(id), "answer 0")?;
        let (api, mut number) = (cluster.api(id), 0);
        let lost = wait::until("a crash before an answer", STOPPED_WITHIN, async || {
            number += 1;
            let wanted = wanted(&format!("crash-{id}-{number}"));
            http::call(api, &wanted.call()).await.err().map(|_| wanted)
        })
        .await?;
        ensure!(cluster.left(id, STOPPED_WITHIN).await?.is_none(), "node {id} did not crash");
        std::fs::remove_file(cluster.abort_file(id))?;
        Ok(lost)
    }

    /// What the first node that has a definite answer says.
    async fn answered(cluster: &Cluster, wanted: &Wanted) -> Result<Answer> {
        let id = cluster.up()[0];
        wait::until("a definite answer", STOPPED_WITHIN, async || {
            http::call(cluster.api(id), &wanted.call()).await.ok().filter(|answer| answer.status != 503)
        })
        .await
    }
}
