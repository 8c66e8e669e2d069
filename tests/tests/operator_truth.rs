//! What the command line tells an operator while a cluster sells and loses a node.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use holdfast_tests::cluster::Cluster;
use holdfast_tests::command_line::{self, ask, holdfast};
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::sale::{Sale, SalePlan};
use holdfast_tests::turn::Turn;
use holdfast_tests::{checks, operator, program};
use serde_json::Value;

const STOCK: usize = 3_000;
/// Two seconds, and a busy machine.
const STATUS_WITHIN: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_tells_the_truth_during_a_sale_with_a_dead_node() -> Result<()> {
    let turn = Turn::take().await?;
    let mut cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    operator::create_sku(cluster.admin(1), "sneaker", STOCK as u64).await?;
    operator::granted(cluster.admin(1), "sneaker", 3).await?;
    let sale = Sale::begin(cluster.apis(), SalePlan::new("sneaker", 2 * STOCK).per_second(500));
    sale.reached(STOCK / 10).await?;
    audit_is_true(&cluster).await?;
    let dead = cluster.follower().await?;
    cluster.kill(dead).await?;
    sale.reached(STOCK / 3).await?;

    audit_is_true(&cluster).await?;
    status_names_the_leader_and_the_dead(&cluster, dead).await?;
    cluster.start_all().await?;
    let report = sale.finish().await?;
    println!("{report}");
    report.ensure_exactly(STOCK, "sold-out")?;
    checks::all(&cluster, "sneaker", &report).await?;
    list_is_true(&cluster, &report.ids()).await?;
    cluster.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_finds_running_nodes_and_a_stopped_directory_sound() -> Result<()> {
    let turn = Turn::take().await?;
    let mut cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    operator::create_sku(cluster.admin(1), "sneaker", 500).await?;
    let report = Sale::begin(cluster.apis(), SalePlan::new("sneaker", 600)).finish().await?;
    report.ensure_exactly(500, "sold-out")?;

    let mut live = vec!["verify".to_owned(), "--json".to_owned(), "--from".to_owned()];
    live.extend(cluster.ids().iter().map(|&id| format!("http://{}", cluster.admin(id))));
    let said = ask(&cluster, 1, &live.iter().map(String::as_str).collect::<Vec<_>>()).await?.json()?;
    ensure!(said["nodes"].as_array().is_some_and(|nodes| nodes.len() == 3), "not all nodes were asked: {said}");

    let stopped = cluster.follower().await?;
    cluster.stop(stopped).await?;
    let data = cluster.data(stopped).display().to_string();
    let said = ask(&cluster, 1, &["verify", "--json", "--data", &data]).await?.json()?;
    ensure!(said["nodes"] == serde_json::json!([stopped]), "another node's data: {said}");
    ensure!(said["skus"][0]["confirmed"] == 500 && said["orders"]["confirmed"] == 500, "the sale was not verified: {said}");
    // Looking changed nothing: the node takes its directory up again.
    cluster.start_all().await?;
    checks::all(&cluster, "sneaker", &report).await?;
    cluster.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn status_soon_tells_what_it_knows_when_the_majority_is_down() -> Result<()> {
    let turn = Turn::take().await?;
    let mut cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    operator::create_sku(cluster.admin(1), "sneaker", 500).await?;
    let left = cluster.leader().await?;
    for id in cluster.ids() {
        if id != left {
            cluster.kill(id).await?;
        }
    }
    let asked = Instant::now();
    let status = ask(&cluster, left, &["status", "--json"]).await?.json()?;
    ensure!(asked.elapsed() < STATUS_WITHIN, "it took {:?}", asked.elapsed());
    let told = status["alarms"].to_string();
    ensure!(told.contains("the stock could not be read") && !told.contains("nothing was done"), "the alarms are {told}");
    ensure!(status["cluster"]["members"].as_array().is_some_and(|members| members.len() == 3), "no members: {status}");
    cluster.start_all().await?;
    cluster.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_before_a_node_is_reached_is_a_problem_too() -> Result<()> {
    let nowhere = ["--api", "http://127.0.0.1:1", "--admin", "http://127.0.0.1:1", "--json"];
    let cases: [(&[&str], i32); 3] = [(&["status"], 1), (&["sku", "show", "tee-m"], 1), (&["buy", "tee-m", "--buyer", "ann"], 1)];
    for (command, code) in cases {
        let said = command_line::run(holdfast(program!(), &[command, &nowhere[..]].concat())).await?;
        let problem: Value = serde_json::from_str(&said.stderr).with_context(|| format!("no problem: {said:?}"))?;
        ensure!(said.code == Some(code) && problem["type"] == "about:blank", "{command:?}: {said:?}");
        let detail = problem["detail"].as_str().context("no detail")?;
        ensure!(
            detail.contains("127.0.0.1:1 cannot be reached") && detail.matches("nothing was done").count() == 1,
            "{command:?}: {detail}"
        );
    }
    let said = command_line::run(holdfast(program!(), &["sku", "list", "--admin", "ftp://a", "--json"])).await?;
    let problem: Value = serde_json::from_str(&said.stderr).with_context(|| format!("no problem: {said:?}"))?;
    ensure!(said.code == Some(2) && problem["detail"].as_str().is_some_and(|detail| detail.contains("ftp://a")), "{said:?}");
    Ok(())
}

async fn audit_is_true(cluster: &Cluster) -> Result<()> {
    for id in cluster.up() {
        let audit = ask(cluster, id, &["sku", "audit", "sneaker", "--json"]).await?.json()?;
        let number = |value: &Value| value.as_u64().with_context(|| format!("not a number in {audit}"));
        let slices = audit["slices"].as_array().context("no slices")?.iter().map(|slice| number(&slice["units"])).sum::<Result<u64>>()?;
        let sum = number(&audit["pool"])? + slices + number(&audit["held"])? + number(&audit["confirmed"])?;
        ensure!(number(&audit["stock"])? == sum && audit["conserved"] == true, "node {id}: {audit}");
        let told = ask(cluster, id, &["sku", "audit", "sneaker"]).await?;
        let says_so = told.stdout.lines().any(|line| line.split_whitespace().eq(["conserved:", "yes"]));
        ensure!(told.code == Some(0) && says_so, "node {id} to a person: {told:?}");
    }
    Ok(())
}

async fn status_names_the_leader_and_the_dead(cluster: &Cluster, dead: u64) -> Result<()> {
    let leader = cluster.leader().await?;
    let status = ask(cluster, leader, &["status", "--json"]).await?.json()?;
    let told = status.to_string();
    let view = &status["cluster"];
    ensure!(view["leader"] == leader, "another leader than {leader}: {told}");
    let members = view["members"].as_array().with_context(|| format!("no members in {told}"))?;
    let alive = |id: u64| members.iter().find(|member| member["id"] == id).map(|member| member["alive"] == true);
    ensure!(alive(dead) == Some(false) && alive(leader) == Some(true), "who is alive is told wrong: {told}");
    ensure!(status["alarms"].as_array().is_some_and(|alarms| !alarms.is_empty()), "a dead node raises no alarm: {told}");
    ensure!(ask(cluster, leader, &["status"]).await?.code == Some(0), "status to a person");
    Ok(())
}

/// The list on the command line, page after page, is the set of acknowledged orders.
async fn list_is_true(cluster: &Cluster, acknowledged: &[String]) -> Result<()> {
    let first = ["order", "list", "--sku", "sneaker", "--limit", "1000", "--json"];
    let (mut listed, mut cursor) = (BTreeSet::new(), None::<String>);
    loop {
        let more = cursor.as_deref().map_or(Vec::new(), |cursor| vec!["--cursor", cursor]);
        let page = ask(cluster, 1, &[&first[..], &more].concat()).await?.json()?;
        let orders = page["orders"].as_array().with_context(|| format!("no orders in {page}"))?;
        listed.extend(orders.iter().filter_map(|order| order["id"].as_str().map(str::to_owned)));
        cursor = page["next"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
        ensure!(orders.len() == 1_000, "{} orders on a full page", orders.len());
    }
    let acknowledged: BTreeSet<String> = acknowledged.iter().cloned().collect();
    let differ: Vec<_> = listed.symmetric_difference(&acknowledged).take(3).collect();
    ensure!(differ.is_empty(), "{} listed, {} acknowledged; these differ: {differ:?}", listed.len(), acknowledged.len());
    Ok(())
}
