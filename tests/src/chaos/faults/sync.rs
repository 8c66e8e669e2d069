//! F14 and F15: syncs that fail or take their time, by faults put into the node's system calls.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep};

use super::pause;
use crate::chaos::fault::Made;
use crate::chaos::limits::LEFT_WITHIN;
use crate::chaos::site::Site;
use crate::cluster::{Start, left_with};
use crate::limits::{LOG_TAIL_LINES, POLL_EVERY};
use crate::process::tail;

const EXIT_DISK: i32 = 3;

/// How long a node runs with a slow disk.
const SLOW_FOR: Duration = Duration::from_secs(7);

/// How long a stalled sync takes, in seconds; less than the store's own patience with its disk.
const STALL_SECONDS: std::ops::RangeInclusive<u64> = 10..=30;

/// Which sync of each thread stalls.
const STALLED_SYNC: u32 = 40;

/// Until that one has come, and is noticed to be over.
const STALLED_WITHIN: Duration = Duration::from_secs(30);

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
    let left = site.cluster.left(id, LEFT_WITHIN).await;
    ensure!(count(&note, "INJECTED")? > 0, "strace put no fault into node {id}");
    left_with(left.context("a node whose sync failed goes on")?, EXIT_DISK).with_context(|| tail(&site.cluster.log(id), LOG_TAIL_LINES))?;
    Ok(Made::fired(told, format!("{told} of node {id} failed from the {from}th on: it left with code {EXIT_DISK}")))
}

/// Syncs that are slow, or one of each thread that stalls for long.
pub(super) async fn is_slow(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    let id = site.any(random);
    if random.random_range(0..3) == 0 {
        return stalls(site, id, Duration::from_secs(random.random_range(STALL_SECONDS))).await;
    }
    let note = site.note("strace-slow");
    let ms = random.random_range(50..1_000);
    site.kill(id).await?;
    site.cluster.spawn_as(id, &under_strace(&format!("inject=fdatasync:delay_enter={ms}ms"), &note))?;
    sleep(SLOW_FOR).await;
    site.kill(id).await?;
    let delayed = count(&note, "DELAYED")?;
    if delayed == 0 {
        return Ok(Made::not_run(format!("syncs of {ms} ms: node {id} made no such sync in {SLOW_FOR:?}")));
    }
    Ok(Made::fired("slow syncs", format!("syncs of {ms} ms at node {id}, {delayed} times")))
}

/// A sync that takes as long as `stall`: when it is over the node serves again, if it has not left with the code for disks.
async fn stalls(site: &mut Site, id: u64, stall: Duration) -> Result<Made> {
    let note = site.note("strace-stall");
    let told = format!("a stall of {stall:?} at node {id}");
    site.kill(id).await?;
    let fault = format!("inject=fdatasync:delay_enter={}s:when={STALLED_SYNC}", stall.as_secs());
    site.cluster.spawn_as(id, &under_strace(&fault, &note))?;
    let process = site.cluster.process_id(id).with_context(|| format!("node {id} is down"))?;
    let until = Instant::now() + stall + STALLED_WITHIN;
    let is_over = || std::fs::read_to_string(&note).is_ok_and(|told| told.contains("DELAYED")) && !has_stopped_thread(process);
    while site.cluster.is_running(id)? && !is_over() && Instant::now() < until {
        sleep(POLL_EVERY).await;
    }
    if let Some(status) = site.cluster.has_left(id)? {
        left_with(status.code(), EXIT_DISK).with_context(|| format!("{told}:\n{}", tail(&site.cluster.log(id), LOG_TAIL_LINES)))?;
        return Ok(Made::fired("a stall", format!("{told}: it left with code {EXIT_DISK}")));
    }
    if !is_over() {
        site.kill(id).await?;
        return Ok(Made::not_run(format!("{told}: it did not come to its end")));
    }
    site.cluster.ready(id).await.with_context(|| format!("after {told}"))?;
    site.kill(id).await?;
    Ok(Made::fired("a stall", format!("{told}, {} times: it served again", count(&note, "DELAYED")?)))
}

/// Whether a thread of the process stands still because strace holds it.
fn has_stopped_thread(process: u32) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else { return false };
    threads.flatten().any(|thread| pause::state(&thread.path()) == Some('t'))
}

/// How often strace says that it did it; what it wrote is gone then.
fn count(note: &Path, what: &str) -> Result<usize> {
    let text = std::fs::read_to_string(note).context("strace wrote nothing down")?;
    std::fs::remove_file(note)?;
    Ok(text.matches(what).count())
}
