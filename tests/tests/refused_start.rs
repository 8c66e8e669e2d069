//! Starts that must fail: each with its exit code, one sentence, and nothing harmed; and one that warns.

use std::net::TcpListener;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use holdfast_tests::cluster::{Cluster, left_with};
use holdfast_tests::command_line::{self, Said};
use holdfast_tests::limits::{LOG_TAIL_LINES, READY_WITHIN};
use holdfast_tests::options::{ClusterOptions, Member};
use holdfast_tests::process::tail;
use holdfast_tests::turn::Turn;
use holdfast_tests::{operator, ports, program, wait};
use tokio::process::Command;

const EXIT_FAILED: i32 = 1;
const EXIT_DATA_DIRECTORY: i32 = 4;

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_directory_is_refused_without_bootstrap() -> Result<()> {
    let turn = Turn::take().await?;
    let cluster = Cluster::prepare(&turn, ClusterOptions::new(program!()))?;
    let said = command_line::run(cluster.serve_without_bootstrap(1)).await?;
    ensure_refused(&said, EXIT_DATA_DIRECTORY, "--bootstrap")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_serve_on_a_data_directory_in_use_is_refused_and_the_first_goes_on() -> Result<()> {
    let turn = Turn::take().await?;
    let cluster = Cluster::start(&turn, ClusterOptions::new(program!()).nodes(1)).await?;
    // Other ports, so that nothing but the directory can be refused.
    let config = cluster.dir().join("other-ports.toml");
    std::fs::write(&config, cluster.options().cluster_file(&members(1)?))?;
    let said = command_line::run(serve(&config, 1, &cluster.data(1))).await?;
    ensure_refused(&said, EXIT_DATA_DIRECTORY, "in use")?;
    operator::create_sku(cluster.admin(1), "still-serving", 1).await?;
    cluster.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_named() -> Result<()> {
    let turn = Turn::take().await?;
    let cluster = Cluster::prepare(&turn, ClusterOptions::new(program!()).nodes(1))?;
    let taken = TcpListener::bind(cluster.api(1))?;
    let said = command_line::run(cluster.serve_command(1)).await?;
    ensure_refused(&said, EXIT_FAILED, &taken.local_addr()?.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_directory_of_another_cluster_is_refused() -> Result<()> {
    let turn = Turn::take().await?;
    let mut other = Cluster::start(&turn, ClusterOptions::new(program!()).nodes(1)).await?;
    other.stop(1).await?;
    let mut options = ClusterOptions::new(program!()).nodes(1);
    options.name = "mine".into();
    let mine = Cluster::prepare(&turn, options)?;
    let said = command_line::run(serve(&mine.config(), 1, &other.data(1))).await?;
    ensure_refused(&said, EXIT_DATA_DIRECTORY, "another cluster")?;
    other.start_all().await?;
    other.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_directory_of_another_node_is_refused() -> Result<()> {
    let turn = Turn::take().await?;
    let mut cluster = Cluster::start(&turn, ClusterOptions::new(program!())).await?;
    cluster.stop(2).await?;
    cluster.stop(3).await?;
    let said = command_line::run(serve(&cluster.config(), 3, &cluster.data(2))).await?;
    ensure_refused(&said, EXIT_DATA_DIRECTORY, "node 2")?;
    cluster.start_all().await?;
    cluster.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_with_a_missing_peer_is_refused_with_file_key_and_reason() -> Result<()> {
    let said = with_config(|text| text.replacen("peer", "#peer", 1)).await?;
    ensure_refused(&said, EXIT_FAILED, "peer")?;
    ensure!(said.stderr.contains("cluster.toml") && said.stderr.contains("members"), "file and key are not told: {}", said.stderr);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_with_an_unknown_key_is_refused_with_its_name() -> Result<()> {
    let said = with_config(|text| format!("{text}\n[raft]\nheartbeat_seconds = 1\n")).await?;
    ensure_refused(&said, EXIT_FAILED, "heartbeat_seconds")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_members_are_warned_that_the_loss_of_either_stops_the_sale() -> Result<()> {
    let turn = Turn::take().await?;
    let mut cluster = Cluster::prepare(&turn, ClusterOptions::new(program!()).nodes(2))?;
    cluster.spawn(1)?;
    let log = cluster.log(1);
    let warns = |line: &str| line.contains("WARN") && line.contains("majority of two is both");
    wait::until("the warning", READY_WITHIN, async || tail(&log, LOG_TAIL_LINES).lines().any(warns).then_some(())).await?;
    cluster.kill(1).await?;
    cluster.end().await
}

/// What `serve` says about a configuration that was changed by `edit`.
async fn with_config(edit: impl Fn(String) -> String) -> Result<Said> {
    let turn = Turn::take().await?;
    let cluster = Cluster::prepare(&turn, ClusterOptions::new(program!()))?;
    let text = edit(std::fs::read_to_string(cluster.config())?);
    std::fs::write(cluster.config(), text)?;
    command_line::run(cluster.serve_command(1)).await
}

fn serve(config: &Path, id: u64, data: &Path) -> Command {
    let mut command = Command::new(program!());
    command.arg("serve").arg("--config").arg(config).args(["--node", &id.to_string()]).arg("--data").arg(data);
    command
}

fn members(count: usize) -> Result<Vec<Member>> {
    let addresses = ports::free(3 * count)?;
    Ok((1..).zip(addresses.chunks_exact(3)).map(|(id, a)| Member { id, api: a[0], admin: a[1], peer: a[2], weight: 1 }).collect())
}

/// The exit code, a text that helps, and no stack trace.
fn ensure_refused(said: &Said, code: i32, helps: &str) -> Result<()> {
    left_with(said.code, code).with_context(|| said.stderr.clone())?;
    ensure!(said.stderr.contains(helps), "nothing about {helps:?}: {}", said.stderr);
    ensure!(!said.stderr.contains("panicked") && !said.stderr.contains("backtrace"), "a stack trace: {}", said.stderr);
    Ok(())
}
