//! F4 and F5: processes that stand still and go on, unaware.

use std::time::Duration;

use anyhow::{Context, Result};
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::sleep;

use crate::chaos::fault::Made;
use crate::chaos::site::Site;
use crate::limits::LEADER_WITHIN;
use crate::wait;

/// Longer than every election timeout, in milliseconds.
const BEYOND_ELECTION_MS: std::ops::Range<u64> = 600..5_000;

/// Longer than the reclaim time, in milliseconds.
const BEYOND_RECLAIM_MS: std::ops::Range<u64> = 2_500..8_000;

/// The leader, beyond the election timeout.
pub(super) async fn leader(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    let (id, leads) = site.leader_or_any(random).await;
    if !leads {
        return Ok(Made::not_run("nobody led when it was the leader's turn"));
    }
    pause(site, id, random.random_range(BEYOND_ELECTION_MS)).await
}

/// Any node, beyond the reclaim time.
pub(super) async fn any(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    let id = site.any(random);
    pause(site, id, random.random_range(BEYOND_RECLAIM_MS)).await
}

async fn pause(site: &mut Site, id: u64, ms: u64) -> Result<Made> {
    let process = site.cluster.process_id(id).with_context(|| format!("node {id} is down"))?;
    site.cluster.pause(id).await?;
    wait::until("the process to stand still", LEADER_WITHIN, async || (state(process) == Some('T')).then_some(())).await?;
    sleep(Duration::from_millis(ms)).await;
    site.cluster.resume(id).await?;
    Ok(Made::fired(format!("node {id} stood still for {ms} ms")))
}

/// The state of a process as the kernel tells it: `T` stands still.
pub(super) fn state(process: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}
