//! Lists of orders on a node that was jumped over by a snapshot: whole, or not told.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use holdfast_tests::cluster::Cluster;
use holdfast_tests::http::{self, Call};
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::sale::{Sale, SalePlan};
use holdfast_tests::turn::Turn;
use holdfast_tests::{operator, program, wait};

const ORDERS: usize = 6_000;
const WITHIN: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_missed_history_lists_all_of_it_or_says_that_it_cannot() -> Result<()> {
    let turn = Turn::take().await?;
    let options = ClusterOptions::new(program!()).set("raft", "snapshot_every_entries", 50).set("raft", "log_keep_entries", 1);
    let mut cluster = Cluster::start(&turn, options).await?;
    operator::create_sku(cluster.admin(1), "sneaker", ORDERS as u64).await?;
    operator::granted(cluster.admin(1), "sneaker", 3).await?;
    let late = cluster.follower().await?;
    cluster.kill(late).await?;
    let sellers = cluster.up().into_iter().map(|id| cluster.api(id)).collect();
    let report = Sale::begin(sellers, SalePlan::new("sneaker", ORDERS).at_once(64)).finish().await?;
    println!("{report}");
    let acknowledged: BTreeSet<String> = report.ids().into_iter().collect();
    ensure!(!acknowledged.is_empty(), "nothing was sold");

    let sold_at = index(cluster.admin(cluster.up()[0])).await.context("no index")?;
    cluster.spawn(late)?;
    let admin = cluster.admin(late);
    wait::until("the late node", WITHIN, async || index(admin).await.filter(|index| *index >= sold_at)).await?;
    // The state came by a snapshot, history comes after it: from here on every list is whole, or not told.
    let (mut stale, mut told) = (0, 0);
    let whole = wait::until("a whole list", WITHIN, async || match list(&cluster, late).await {
        Ok(None) => {
            stale += 1;
            None
        }
        Ok(Some(listed)) => {
            told += 1;
            Some(Ok(listed))
        }
        Err(error) => Some(Err(error)),
    })
    .await??;
    println!("{stale} lists were refused before {told} was told");
    let missing = acknowledged.difference(&whole).count();
    ensure!(missing == 0, "{missing} of {} acknowledged orders are not listed", acknowledged.len());
    cluster.end().await
}

/// How far a node's state has come.
async fn index(admin: SocketAddr) -> Option<u64> {
    http::call(admin, &Call::get("/v1/skus/sneaker")).await.ok()?.json().ok()?["index"].as_u64()
}

/// Every order, page by page; none once a page was refused as stale.
async fn list(cluster: &Cluster, id: u64) -> Result<Option<BTreeSet<String>>> {
    let (mut ids, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let answer = http::call(cluster.admin(id), &Call::get(format!("/v1/orders?sku=sneaker&limit=1000{cursor}"))).await?;
        if answer.status == 503 && answer.problem().as_deref() == Some("stale") {
            return Ok(None);
        }
        ensure!(answer.header("holdfast-stamp").is_some(), "a list without its stamp: {answer:?}");
        let page = answer.expect(200)?;
        let orders = page["orders"].as_array().with_context(|| format!("no orders in {page}"))?;
        ids.extend(orders.iter().filter_map(|order| Some(order["id"].as_str()?.to_owned())));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(Some(ids)),
        }
    }
}
