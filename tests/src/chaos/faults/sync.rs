//! F14 and F15: syncs that fail or take their time, by faults put into the node's system calls.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::sleep;

use crate::chaos::fault::Made;
use crate::chaos::limits::LEFT_WITHIN;
use crate::chaos::site::Site;
use crate::cluster::{Start, left_with};
use crate::limits::LOG_TAIL_LINES;
use crate::process::tail;

const EXIT_DISK: i32 = 3;

/// How long a node runs with a slow disk.
const SLOW_FOR: Duration = Duration::from_secs(7);

/// A node under strace, which puts `fault` into its syncs and writes what it did into `note`. Its process is the node's own
/// (`-D`): strace stands beside it.
fn under_strace(fault: &str, note: &Path) -> Start {
    let note = note.display().to_string();
    let args = ["strace", "-D", "-f", "--seccomp-bpf", "-e", "trace=fdatasync", "-e", fault, "-o", &note];
    Start { under: args.map(str::to_owned).to_vec(), more: Vec::new() }
}

/// One sync, or every one from some point on, fails: the node leaves with the code for disks, and serves nothing more.
pub(super) async fn fails(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    let id = site.any(random);
    let note = site.note("strace-fails");
    let from = random.random_range(1..60);
    let (only, told) = if random.random() { ("", "one sync") } else { ("+", "every sync") };
    site.kill(id).await?;
    site.cluster.spawn_as(id, &under_strace(&format!("inject=fdatasync:error=EIO:when={from}{only}"), &note))?;
    let left = tokio::time::timeout(LEFT_WITHIN, site.cluster.left(id)).await;
    ensure!(count(&note, "INJECTED")? > 0, "strace put no fault into node {id}");
    let code = left.context("a node whose sync failed goes on")??;
    left_with(code, EXIT_DISK).with_context(|| tail(&site.cluster.log(id), LOG_TAIL_LINES))?;
    Ok(Made::fired(format!("{told} of node {id} failed from the {from}th on: it left with code {EXIT_DISK}")))
}

/// Syncs that are slow, or one that stalls for long.
pub(super) async fn is_slow(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    let id = site.any(random);
    let note = site.note("strace-slow");
    let (fault, told) = if random.random_range(0..3) == 0 {
        let stall = random.random_range(5..12);
        (format!("inject=fdatasync:delay_enter={stall}s:when=40+200"), format!("a stall of {stall} s"))
    } else {
        let ms = random.random_range(50..1_000);
        (format!("inject=fdatasync:delay_enter={ms}ms"), format!("syncs of {ms} ms"))
    };
    site.kill(id).await?;
    site.cluster.spawn_as(id, &under_strace(&fault, &note))?;
    sleep(SLOW_FOR).await;
    site.kill(id).await?;
    let delayed = count(&note, "DELAYED")?;
    if delayed == 0 {
        return Ok(Made::not_run(format!("{told}: node {id} made no such sync in {SLOW_FOR:?}")));
    }
    Ok(Made::fired(format!("{told} at node {id}, {delayed} times")))
}

/// How often strace says that it did it; what it wrote is gone then.
fn count(note: &Path, what: &str) -> Result<usize> {
    let text = std::fs::read_to_string(note).context("strace wrote nothing down")?;
    std::fs::remove_file(note)?;
    Ok(text.matches(what).count())
}
