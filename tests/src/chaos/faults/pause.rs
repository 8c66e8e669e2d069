//! F4 and F5: processes that stand still and go on, unaware.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use holdfast_client::api::ClusterStatus;
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::chaos::fault::Made;
use crate::chaos::site::Site;
use crate::http::{self, Call};
use crate::limits::LEADER_WITHIN;
use crate::wait;

/// Longer than every election timeout, in milliseconds.
const BEYOND_ELECTION_MS: std::ops::Range<u64> = 1_000..5_000;

/// Longer than the reclaim time, after an election even, in milliseconds.
const BEYOND_RECLAIM_MS: std::ops::Range<u64> = 3_500..8_000;

/// The leader, until another one leads.
pub(super) async fn leader(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    let (id, leads) = site.leader_or_any(random).await;
    if !leads {
        return Ok(Made::not_run("nobody led when it was the leader's turn"));
    }
    let is_replaced = |status: &ClusterStatus| status.leader.is_some_and(|leader| leader != id);
    let (told, happened) = pause(site, id, random.random_range(BEYOND_ELECTION_MS), is_replaced).await?;
    Ok(if happened { Made::fired("", format!("{told} while another led")) } else { Made::not_run(format!("{told}: no other led")) })
}

/// Any node, until its session was closed.
pub(super) async fn any(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    let id = site.any(random);
    let admins = others(site, id);
    let Some(before) = session(&admins, id).await else {
        return Ok(Made::not_run(format!("node {id} had no session when it was its turn")));
    };
    let is_fenced = move |status: &ClusterStatus| {
        status.leader == Some(status.node) && status.members.iter().any(|member| member.id == id && member.session != Some(before))
    };
    let (told, happened) = pause(site, id, random.random_range(BEYOND_RECLAIM_MS), is_fenced).await?;
    Ok(if happened {
        Made::fired("", format!("{told} and lost session {before}"))
    } else {
        Made::not_run(format!("{told}: session {before} lived on"))
    })
}

/// Lets node `id` stand still for `ms`; what was done, and whether meanwhile another node told what `happened` waits for.
async fn pause(site: &mut Site, id: u64, ms: u64, happened: impl Fn(&ClusterStatus) -> bool) -> Result<(String, bool)> {
    let process = site.cluster.process_id(id).with_context(|| format!("node {id} is down"))?;
    let admins = others(site, id);
    site.cluster.pause(id).await?;
    wait::until("the process to stand still", LEADER_WITHIN, async || (state_of(process) == Some('T')).then_some(())).await?;
    let until = Instant::now() + Duration::from_millis(ms);
    let seen = wait::until("it to happen", Duration::from_millis(ms), async || {
        for &admin in &admins {
            if status(admin).await.is_some_and(|status| happened(&status)) {
                return Some(());
            }
        }
        None
    });
    let seen = matches!(timeout_at(until, seen).await, Ok(Ok(())));
    sleep_until(until).await;
    site.cluster.resume(id).await?;
    Ok((format!("node {id} stood still for {ms} ms"), seen))
}

/// Where operators call the other nodes.
fn others(site: &Site, id: u64) -> Vec<SocketAddr> {
    site.cluster.up().into_iter().filter(|other| *other != id).map(|other| site.cluster.admin(other)).collect()
}

async fn status(admin: SocketAddr) -> Option<ClusterStatus> {
    serde_json::from_value(http::call(admin, &Call::get("/v1/cluster")).await.ok()?.json().ok()?).ok()
}

/// The session of node `id`, as the others tell it.
async fn session(admins: &[SocketAddr], id: u64) -> Option<u64> {
    for &admin in admins {
        let told = status(admin).await.and_then(|status| status.members.into_iter().find(|member| member.id == id)?.session);
        if told.is_some() {
            return told;
        }
    }
    None
}

/// The state of a process as the kernel tells it: `T` stands still.
pub(super) fn state_of(process: u32) -> Option<char> {
    state(&Path::new("/proc").join(process.to_string()))
}

/// The same of a process or thread by its directory: `t` is held by a tracer.
pub(super) fn state(task: &Path) -> Option<char> {
    let stat = std::fs::read_to_string(task.join("stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}
