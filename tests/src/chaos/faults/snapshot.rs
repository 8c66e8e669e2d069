//! F23: a node that was away for so long that it needs a snapshot, and is killed as it takes it.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::damage::files;
use crate::chaos::fault::Made;
use crate::chaos::site::Site;
use crate::http::{self, Call};
use crate::wait;

/// Entries after which the log that the node needs is gone: two snapshots, and what is kept behind one.
const MISSED: u64 = 2_500;

/// Until so many were applied.
const MISSED_WITHIN: Duration = Duration::from_secs(40);

/// Until it has taken the snapshot at last.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);

/// Until it begins to take it.
const BEGUN_WITHIN: Duration = Duration::from_secs(20);

/// What the name of a snapshot that is being written ends with.
const UNFINISHED: &str = "part";

/// Between two looks: a snapshot of these shops is taken within milliseconds.
const LOOK_EVERY: Duration = Duration::from_micros(100);

/// What a node logs when it took one.
const TAKEN: &str = "snapshot installed";

/// A follower that misses much, comes back, is killed as it takes a snapshot, and comes back.
pub(super) async fn lag(site: &mut Site) -> Result<Made> {
    let id = site.cluster.follower().await?;
    let other = site.cluster.admin(if id == 1 { 2 } else { 1 });
    site.kill(id).await?;
    let (snapshots, log) = (site.cluster.data(id).join("snapshots"), site.cluster.log(id));
    let taken = taken(&log);
    let missed = match missed(other).await {
        Ok(missed) => missed,
        // The buyers are too slow to leave it behind.
        Err(error) => {
            site.cluster.spawn(id)?;
            return Ok(Made::not_run(format!("node {id}: {error:#}")));
        }
    };
    for unfinished in files(&snapshots, UNFINISHED)? {
        std::fs::remove_file(unfinished)?;
    }
    site.cluster.spawn(id)?;
    let process = site.cluster.process_id(id).with_context(|| format!("node {id} is down"))?;
    let begun = tokio::task::spawn_blocking(move || kill_when_begun(process, &snapshots)).await??;
    site.end(id).await?;
    let was_taking = begun && self::taken(&log) == taken;
    site.cluster.spawn(id)?;
    let took = wait::until("the snapshot", TAKEN_WITHIN, async || (self::taken(&log) > taken).then_some(())).await;
    Ok(match (was_taking, took) {
        (true, Ok(())) => Made::fired("", format!("node {id} missed {missed} entries, was killed as it took a snapshot, and took one")),
        (true, Err(_)) => anyhow::bail!("node {id} missed {missed} entries, was killed as it took a snapshot, and took none afterwards"),
        (false, _) => Made::not_run(format!("node {id} missed {missed} entries and was not killed as it took a snapshot")),
    })
}

/// Kills a process at the moment at which a snapshot is being written in `snapshots`; false if there was none.
fn kill_when_begun(process: u32, snapshots: &Path) -> Result<bool> {
    let until = Instant::now() + BEGUN_WITHIN;
    while Instant::now() < until {
        if !files(snapshots, UNFINISHED)?.is_empty() {
            let process = Pid::from_raw(i32::try_from(process)?).context("no process id")?;
            kill_process(process, Signal::KILL)?;
            return Ok(true);
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(false)
}

/// Waits until much was applied at `admin`; how much.
async fn missed(admin: SocketAddr) -> Result<u64> {
    let from = applied(admin).await.unwrap_or(0);
    wait::until("entries to miss", MISSED_WITHIN, async || {
        applied(admin).await.map(|now| now.saturating_sub(from)).filter(|missed| *missed >= MISSED)
    })
    .await
}

async fn applied(admin: SocketAddr) -> Option<u64> {
    http::call(admin, &Call::get("/v1/cluster")).await.ok()?.json().ok()?["applied"].as_u64()
}

/// How often a node says that it took a snapshot.
fn taken(log: &Path) -> usize {
    std::fs::read(log).map_or(0, |bytes| String::from_utf8_lossy(&bytes).matches(TAKEN).count())
}
