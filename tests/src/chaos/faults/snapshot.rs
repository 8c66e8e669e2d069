//! F23: a node that was away for so long that it needs a snapshot, and is killed as it takes it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::sleep;

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

/// How long it is let alone before it is killed.
const TAKING_MS: std::ops::Range<u64> = 20..400;

/// What a node logs when it took one.
const TAKEN: &str = "snapshot installed";

/// A follower that misses much, comes back, is killed, and comes back.
pub(super) async fn lag(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    let id = site.cluster.follower().await?;
    let other = site.cluster.admin(if id == 1 { 2 } else { 1 });
    site.kill(id).await?;
    let taken = count(site, id);
    let missed = missed(other).await?;
    site.cluster.spawn(id)?;
    let life = Duration::from_millis(random.random_range(TAKING_MS));
    sleep(life).await;
    site.kill(id).await?;
    site.cluster.spawn(id)?;
    let log = site.cluster.log(id);
    let took = wait::until("the snapshot", TAKEN_WITHIN, async || (count_in(&log) > taken).then_some(())).await;
    if took.is_err() {
        return Ok(Made::not_run(format!("node {id} missed {missed} entries and took no snapshot")));
    }
    Ok(Made::fired(format!("node {id} missed {missed} entries, was killed {life:.0?} after its start and took a snapshot")))
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

fn count(site: &Site, id: u64) -> usize {
    count_in(&site.cluster.log(id))
}

fn count_in(log: &std::path::Path) -> usize {
    std::fs::read(log).map_or(0, |bytes| String::from_utf8_lossy(&bytes).matches(TAKEN).count())
}
