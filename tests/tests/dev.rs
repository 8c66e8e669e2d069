//! `holdfast dev`: what a newcomer runs first.

use anyhow::{Context, Result, ensure};
use holdfast_tests::command_line::{self, holdfast};
use holdfast_tests::dev::Dev;
use holdfast_tests::http::{self, Call};
use holdfast_tests::process::{Process, Signal, send};
use holdfast_tests::turn::Turn;
use holdfast_tests::{limits, ports, program, wait};
use serde_json::{Value, json};
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn dev_prints_ready_sells_and_finds_its_data_on_other_ports() -> Result<()> {
    let turn = Turn::take().await?;
    let room = tempfile::tempdir()?;
    let data = room.path().join("cluster");
    let dev = Dev::start(&turn, program!(), &data, ports::free_base(3)?).await?;
    let order = buy_demo(&dev, 1, "first").await?;
    ensure!(dev.interrupt().await? == Some(0), "Ctrl-C is a clean end");

    let dev = Dev::start(&turn, program!(), &data, ports::free_base(3)?).await?;
    for id in 1..=3 {
        let found = http::call(dev.api(id), &Call::get(format!("/v1/orders/{order}"))).await?.expect(200)?;
        ensure!(found["id"] == order.as_str(), "node {id} tells {found}");
    }
    let again = buy_demo(&dev, 2, "first").await?;
    ensure!(again == order, "the key made another order after the restart: {again}");
    ensure!(dev.interrupt().await? == Some(0), "Ctrl-C is a clean end");
    for id in 1..=3 {
        ensure!(!data.join(format!("node-{id}.pid")).exists(), "node {id} left its pid file");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_tells_of_a_killed_child_and_serve_brings_it_back() -> Result<()> {
    let turn = Turn::take().await?;
    let room = tempfile::tempdir()?;
    let data = room.path().join("cluster");
    let dev = Dev::start(&turn, program!(), &data, ports::free_base(3)?).await?;
    send(Signal::Kill, dev.pid(2)?).await?;
    wait::until("dev to tell of the death", limits::READY_WITHIN, async || dev.printed().lines().any(tells_of_node_two).then_some(()))
        .await?;
    buy_demo(&dev, 1, "without-two").await?;

    let mut command = Command::new(program!());
    command.arg("serve").arg("--config").arg(data.join("cluster.toml")).args(["--node", "2"]).arg("--data").arg(data.join("node-2"));
    let mut serve = Process::start(command, &room.path().join("by-hand.log"))?;
    wait::until("node 2 back", limits::READY_WITHIN, async || {
        http::call(dev.api(2), &Call::get("/readyz")).await.is_ok_and(|answer| answer.status == 200).then_some(())
    })
    .await?;
    buy_demo(&dev, 2, "at-two").await?;
    serve.signal(Signal::Term).await?;
    ensure!(serve.wait(limits::STOPPED_WITHIN).await?.success(), "serve by hand stops cleanly");
    ensure!(dev.interrupt().await? == Some(0), "Ctrl-C is a clean end");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nodes_of_a_killed_dev_do_not_outlive_it() -> Result<()> {
    let turn = Turn::take().await?;
    let room = tempfile::tempdir()?;
    let dev = Dev::start(&turn, program!(), &room.path().join("cluster"), ports::free_base(3)?).await?;
    dev.kill().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nodes_of_a_dev_ask_for_huge_pages_unless_the_allocator_was_told_otherwise() -> Result<()> {
    let turn = Turn::take().await?;
    let room = tempfile::tempdir()?;
    let dev = Dev::start(&turn, program!(), &room.path().join("cluster"), ports::free_base(3)?).await?;
    let given = std::env::var("GLIBC_TUNABLES").ok();
    for id in 1..=3 {
        let environment = std::fs::read(format!("/proc/{}/environ", dev.pid(id)?))?;
        let environment = String::from_utf8_lossy(&environment);
        let told = environment.split('\0').find_map(|variable| variable.strip_prefix("GLIBC_TUNABLES="));
        let told = told.with_context(|| format!("node {id} was told nothing"))?;
        match &given {
            None => ensure!(told.split(':').any(|one| one == "glibc.malloc.hugetlb=1"), "node {id} was told {told:?}"),
            Some(given) => ensure!(told == given, "node {id} was told {told:?} instead of {given:?}"),
        }
    }
    ensure!(dev.interrupt().await? == Some(0), "Ctrl-C is a clean end");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_dev_on_a_directory_in_use_leaves_and_changes_nothing() -> Result<()> {
    let turn = Turn::take().await?;
    let room = tempfile::tempdir()?;
    let dev = Dev::start(&turn, program!(), &room.path().join("cluster"), ports::free_base(3)?).await?;
    let data = dev.data().display().to_string();
    let config = std::fs::read(dev.data().join("cluster.toml"))?;
    for other_ports in [&[][..], &["--base-port", "20000"]] {
        let said = command_line::run(holdfast(program!(), &[&["dev", "--data", &data], other_ports].concat())).await?;
        ensure!(said.code == Some(4) && said.stderr.contains("in use"), "{said:?}");
    }
    ensure!(std::fs::read(dev.data().join("cluster.toml"))? == config, "the running cluster's configuration was changed");
    buy_demo(&dev, 1, "still-serving").await?;
    ensure!(dev.interrupt().await? == Some(0), "Ctrl-C is a clean end");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dev_on_ports_of_another_cluster_is_never_ready() -> Result<()> {
    let turn = Turn::take().await?;
    let room = tempfile::tempdir()?;
    let base = ports::free_base(3)?;
    let dev = Dev::start(&turn, program!(), &room.path().join("cluster"), base).await?;
    // The first cluster answers at each address of the second, as soon as that asks.
    for attempt in 0..3 {
        let data = room.path().join(format!("other-{attempt}")).display().to_string();
        let said = command_line::run(holdfast(program!(), &["dev", "--data", &data, "--base-port", &base.to_string()])).await?;
        ensure!(said.code == Some(1) && said.stderr.contains("could not start"), "{said:?}");
        ensure!(!said.stdout.lines().any(|line| line.starts_with("ready")), "{said:?}");
    }
    buy_demo(&dev, 1, "still-serving").await?;
    ensure!(dev.interrupt().await? == Some(0), "Ctrl-C is a clean end");
    Ok(())
}

/// Any wording that names the node and does not call it ready.
fn tells_of_node_two(line: &str) -> bool {
    line.contains("node 2") && ["died", "exited", "ended", "killed", "stopped", "left"].iter().any(|word| line.contains(word))
}

/// Buys one unit of the demo SKU at node `id`; the order's id.
async fn buy_demo(dev: &Dev, id: u16, key: &str) -> Result<String> {
    let skus = http::call(dev.admin(id), &Call::get("/v1/skus")).await?.expect(200)?;
    let sku = first_sku(&skus).with_context(|| format!("no demo SKU in {skus}"))?;
    let body = json!({ "buyer": "newcomer", "lines": [{ "sku": sku, "quantity": 1 }] });
    let order = http::call(dev.api(id), &Call::post("/v1/orders", &body).header("idempotency-key", key)).await?.expect(201)?;
    Ok(order["id"].as_str().context("an order without an id")?.to_owned())
}

fn first_sku(skus: &Value) -> Option<String> {
    Some(skus["skus"].as_array()?.first()?["sku"].as_str()?.to_owned())
}
