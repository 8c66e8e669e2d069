//! F19: a node whose wall clock is an hour off.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::sleep;

use crate::chaos::fault::Made;
use crate::chaos::site::Site;
use crate::cluster::Start;
use crate::http::{self, Call};
use crate::limits::AGREED_WITHIN;
use crate::wait;

const HOUR_MS: i64 = 3_600_000;

/// How long the cluster lives with it.
const LASTING: Duration = Duration::from_secs(5);

/// How often the leader is killed so that the node with the wrong clock leads.
const ELECTIONS: usize = 6;

/// Restarts a node with a wrong clock, and every other time makes it the leader.
pub(super) async fn wrong(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    let id = site.any(random);
    let is_to_lead: bool = random.random();
    let offset = if random.random() { HOUR_MS } else { -HOUR_MS };
    let how = Start { more: vec!["--clock-offset-ms".into(), offset.to_string()], ..Start::default() };
    site.restart_as(id, &how).await?;
    let admins: Vec<SocketAddr> = site.ids().into_iter().filter(|other| *other != id).map(|other| site.cluster.admin(other)).collect();
    let seen = wait::until("the others to see the wrong clock", AGREED_WITHIN, async || {
        for &admin in &admins {
            if let Some(seen) = clock_of(admin, id).await.filter(|seen| seen.abs() > HOUR_MS / 2) {
                return Some(seen);
            }
        }
        None
    })
    .await?;
    let leads = is_to_lead && is_made_leader(site, id).await?;
    sleep(LASTING).await;
    site.kill(id).await?;
    let variant = if leads { "the leader" } else { "not the leader" };
    Ok(Made::fired(variant, format!("clock of node {id}, {variant}, off by {seen} ms")))
}

/// Kills whoever else leads until node `id` does, and starts the killed again. False if the others were elected each time.
async fn is_made_leader(site: &mut Site, id: u64) -> Result<bool> {
    for _ in 0..ELECTIONS {
        let leader = site.cluster.leader().await?;
        if leader == id {
            return Ok(true);
        }
        site.kill(leader).await?;
        let next = site.cluster.leader().await;
        site.cluster.spawn(leader)?;
        site.cluster.ready(leader).await?;
        next?;
    }
    Ok(site.cluster.leader().await? == id)
}

/// How far the clock of node `id` is off, as another node tells it.
async fn clock_of(admin: SocketAddr, id: u64) -> Option<i64> {
    let told = http::call(admin, &Call::get("/v1/cluster")).await.context("no answer").ok()?.json().ok()?;
    told["members"].as_array()?.iter().find(|member| member["id"] == id)?["clock_offset_ms"].as_i64()
}
