//! `verify --from` on running nodes: sound ones at rest and in a sale, and each lie that one of them could tell.

use anyhow::{Context, Result, ensure};
use holdfast_tests::cluster::Cluster;
use holdfast_tests::command_line::{self, Said, holdfast};
use holdfast_tests::http::{self, Call};
use holdfast_tests::liar::Liar;
use holdfast_tests::operator::{self, Audit};
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::sale::{Sale, SalePlan};
use holdfast_tests::turn::Turn;
use holdfast_tests::{checks, program};
use serde_json::{Value, json};

const EXIT_FAILED: i32 = 1;

#[tokio::test(flavor = "multi_thread")]
async fn nodes_at_rest_are_found_sound_with_the_facts_an_auditor_wants() -> Result<()> {
    let turn = Turn::take().await?;
    let cluster = sold(&turn).await?;
    let urls = admins(&cluster);
    let said = verify(&urls, &["--json"]).await?.json()?;
    let audit = Audit::of(cluster.admin(2), "sneaker").await?;
    let sneaker = said["skus"].as_array().and_then(|skus| skus.iter().find(|sku| sku["sku"] == "sneaker")).context("no SKU")?;
    let told = ["stock", "confirmed", "held", "available", "pool"].map(|term| sneaker[term].as_u64());
    let known = [audit.stock, audit.confirmed, audit.held, audit.pool + audit.sliced(), audit.pool];
    ensure!(told == known.map(Some), "not what the audit says: {sneaker} {audit:?}");
    ensure!(said["nodes"] == json!([1, 2, 3]), "not all nodes: {said}");
    let orders = json!({ "held": 1, "confirmed": 40, "released": 1, "expired": 0, "cancelled": 1 });
    ensure!(said["orders"] == orders, "not the orders that were placed: {said}");
    let text = verify(&urls, &[]).await?;
    ensure!(text.code == Some(0) && text.stderr.is_empty(), "{text:?}");
    for part in ["sound: every unit of 2 SKUs", "all 43 orders", "43: 1 held, 40 confirmed, 1 released, 0 expired, 1 cancelled"] {
        ensure!(text.stdout.contains(part), "no {part:?} in {}", text.stdout);
    }
    cluster.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_lie_names_the_node_the_index_and_the_thing() -> Result<()> {
    let turn = Turn::take().await?;
    let cluster = sold(&turn).await?;
    let audit = "/v1/skus/sneaker/audit";
    told(&cluster, &["node 3 differs at index", "in the digest"], |path, body| {
        if path == "/v1/cluster" {
            body["digest"]["value"] = "0".repeat(32).into();
        }
    })
    .await?;
    // One unit more of both: it adds up, and no other node has it.
    told(
        &cluster,
        &["node 3 differs at index", "the units of sneaker", "nodes 1 and 2 said stock 100,", "stock 101,"],
        move |path, body| {
            if path == audit {
                add(body, "stock", 1);
                add(body, "pool", 1);
            }
        },
    )
    .await?;
    told(&cluster, &["node 3", "at index", "the units of sneaker do not add up"], move |path, body| {
        if path == audit {
            add(body, "confirmed", 1);
        }
    })
    .await?;
    told(&cluster, &["node 3 differs at index", "its orders", "43: 1 held", "42: 0 held"], |path, body| {
        if let Some(orders) = body["orders"].as_array_mut().filter(|_| path == "/v1/orders") {
            orders.retain(|order| order["buyer"] != "eve");
        }
    })
    .await?;
    // As many of each status, and another order cancelled.
    told(&cluster, &["node 3 differs at index", "its orders"], |path, body| {
        if let Some(orders) = body["orders"].as_array_mut().filter(|_| path == "/v1/orders") {
            for order in orders.iter_mut().filter(|order| order["status"] == "cancelled" || order["status"] == "released") {
                order["status"] = if order["status"] == "cancelled" { "released" } else { "cancelled" }.into();
            }
        }
    })
    .await?;
    told(&cluster, &["not of one cluster"], |path, body| {
        if path == "/v1/cluster" {
            body["cluster_id"] = "f".repeat(32).into();
        }
    })
    .await?;
    told(&cluster, &["at no equal index"], move |path, body| match path {
        "/v1/cluster" => add(&mut body["digest"], "index", 1_000_000),
        _ if path == audit => add(body, "index", 1_000_000),
        _ => {}
    })
    .await?;
    let liar = Liar::before(cluster.admin(3), |path, body| {
        if path == "/v1/cluster" {
            body["digest"]["value"] = "0".repeat(32).into();
        }
    })
    .await?;
    let (differs, absent) = (format!("http://{}", liar.address()), "http://127.0.0.1:1".to_owned());
    let titles = [titled(&[admins(&cluster)[0].clone(), differs]).await?, titled(&[absent]).await?];
    ensure!(titles == ["What was checked is not sound", "It failed"], "{titles:?}");
    let twice = [format!("http://{}", cluster.admin(1)), format!("http://{}", cluster.admin(1))];
    let said = verify(&twice, &[]).await?;
    ensure!(said.code == Some(EXIT_FAILED) && said.stderr.contains("one node, 1"), "{said:?}");
    cluster.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_in_the_middle_of_a_sale_are_compared_at_equal_indices() -> Result<()> {
    let turn = Turn::take().await?;
    let cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    operator::create_sku(cluster.admin(1), "sneaker", 100_000).await?;
    let sale = Sale::begin(cluster.apis(), SalePlan::new("sneaker", 4_000).at_once(8).per_second(200));
    sale.reached(100).await?;
    let said = verify(&admins(&cluster), &["--json"]).await?.json()?;
    let confirmed = said["skus"][0]["confirmed"].as_u64().context("no SKU")?;
    ensure!(confirmed >= 100, "not the sale that runs: {said}");
    let report = sale.finish().await?;
    checks::all(&cluster, "sneaker", &report).await?;
    cluster.end().await
}

/// Three nodes that sold 40 orders of one, and had one held, one released and one cancelled; nothing is under way.
async fn sold(turn: &Turn) -> Result<Cluster> {
    let cluster = Cluster::start(turn, ClusterOptions::new(program!())).await?;
    operator::create_sku(cluster.admin(1), "sneaker", 100).await?;
    operator::create_sku_with(cluster.admin(1), &json!({ "sku": "shirt", "stock": 100 })).await?;
    Sale::begin(cluster.apis(), SalePlan::new("sneaker", 40)).finish().await?.ensure_exactly(40, "")?;
    for (buyer, sku, step) in [("eve", "shirt", None), ("adam", "shirt", Some("release")), ("lot", "sneaker", Some("cancel"))] {
        let body = json!({ "buyer": buyer, "lines": [{ "sku": sku, "quantity": 1 }] });
        let call = Call::post("/v1/orders", &body).header("idempotency-key", buyer);
        let order = http::call(cluster.api(1), &call).await?.expect(201)?;
        if let Some(step) = step {
            let id = order["id"].as_str().context("an order without an id")?;
            http::call(cluster.api(1), &Call::post(format!("/v1/orders/{id}/{step}"), &json!({}))).await?.expect(200)?;
        }
    }
    Ok(cluster)
}

/// With such a lie on its way from node 3, `verify` says all of `parts`, in one sentence.
async fn told(cluster: &Cluster, parts: &[&str], lie: impl Fn(&str, &mut Value) + Send + Sync + 'static) -> Result<()> {
    let liar = Liar::before(cluster.admin(3), lie).await?;
    let mut urls = admins(cluster);
    urls[2] = format!("http://{}", liar.address());
    let said = verify(&urls, &[]).await?;
    println!("{}", said.stderr.trim());
    ensure!(said.code == Some(EXIT_FAILED) && said.stderr.trim().lines().count() == 1, "{said:?}");
    let missing = parts.iter().find(|part| !said.stderr.contains(**part));
    ensure!(missing.is_none(), "no {missing:?} in {said:?}");
    Ok(())
}

/// As a program is told it: what is not sound has a title of its own, and what was not compared has not.
async fn titled(urls: &[String]) -> Result<String> {
    let said = verify(urls, &["--json"]).await?;
    let problem: Value = serde_json::from_str(said.stderr.trim()).with_context(|| format!("no problem: {said:?}"))?;
    ensure!(said.code == Some(EXIT_FAILED), "{said:?}");
    Ok(problem["title"].as_str().unwrap_or_default().to_owned())
}

fn add(body: &mut Value, term: &str, units: u64) {
    body[term] = (body[term].as_u64().unwrap_or_default() + units).into();
}

fn admins(cluster: &Cluster) -> Vec<String> {
    cluster.ids().into_iter().map(|id| format!("http://{}", cluster.admin(id))).collect()
}

async fn verify(urls: &[String], more: &[&str]) -> Result<Said> {
    let args: Vec<_> = ["verify", "--from"].into_iter().chain(urls.iter().map(String::as_str)).chain(more.iter().copied()).collect();
    command_line::run(holdfast(program!(), &args)).await
}
