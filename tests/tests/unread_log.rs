//! A node whose log is taken by nobody, as by a full pipe or a disk that hangs.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use holdfast_tests::cluster::{Cluster, Start, left_with};
use holdfast_tests::limits::{READY_WITHIN, STOPPED_WITHIN};
use holdfast_tests::options::ClusterOptions;
use holdfast_tests::sale::{Sale, SalePlan};
use holdfast_tests::turn::Turn;
use holdfast_tests::{checks, operator, program, wait};
use rustix::fs::OFlags;

const EXIT_DISK: i32 = 3;
const STOCK: usize = 200;

/// What a pipe takes whole or not at all; less of it may find room behind another piece.
const PAGE: usize = 4_096;

/// Runs a program that logs into a pipe which is open for reading, and never read.
const UNREAD: &str = r#"mkfifo "$0" && exec 9<>"$0" && exec "$@" 2>"$0""#;

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_log_is_not_taken_sells_on_and_leaves_when_it_must() -> Result<()> {
    let turn = Turn::take().await?;
    let room = tempfile::tempdir()?;
    let mut options = ClusterOptions::new(program!());
    options.disks_can_hang = true;
    let mut cluster = with_an_unread_log(&turn, options, &room.path().join("log")).await?;

    operator::create_sku(cluster.admin(1), "sneaker", STOCK as u64).await?;
    operator::granted(cluster.admin(1), "sneaker", 3).await?;
    let report = Sale::begin(vec![cluster.api(1)], SalePlan::new("sneaker", 2 * STOCK)).finish().await?;
    report.ensure_exactly(STOCK, "sold-out")?;
    checks::all(&cluster, "sneaker", &report).await?;

    // Nothing takes its last sentence either.
    cluster.hang_disk(1)?;
    left_with(cluster.left(1, STOPPED_WITHIN).await?, EXIT_DISK)?;
    cluster.mend_disk(1)?;
    cluster.start_all().await?;
    cluster.end().await
}

/// A cluster whose first node has logged more than a pipe takes.
async fn with_an_unread_log(turn: &Turn, options: ClusterOptions, pipe: &Path) -> Result<Cluster> {
    let mut cluster = Cluster::prepare(turn, options)?;
    let unread = ["env", "HOLDFAST_LOG=debug", "sh", "-c", UNREAD, pipe.to_str().context("a path")?];
    cluster.spawn_as(1, &Start { under: unread.map(str::to_owned).to_vec(), ..Start::default() })?;
    cluster.start_all().await?;
    wait::until("a pipe that takes nothing more", READY_WITHIN, async || is_full(pipe).map(|full| full.then_some(())).transpose())
        .await??;
    Ok(cluster)
}

/// Whether a pipe takes no further page; puts one into it if it does.
fn is_full(pipe: &Path) -> Result<bool> {
    let now = OFlags::NONBLOCK.bits().try_into()?;
    let mut pipe = OpenOptions::new().write(true).custom_flags(now).open(pipe)?;
    Ok(pipe.write(&[b'-'; PAGE]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock))
}
