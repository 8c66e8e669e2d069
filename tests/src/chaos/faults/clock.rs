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

/// Restarts a node, the leader every other time, with a wrong clock.
pub(super) async fn wrong(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    let id = if random.random() { site.leader_or_any(random).await.0 } else { site.any(random) };
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
    sleep(LASTING).await;
    site.kill(id).await?;
    Ok(Made::fired(format!("clock of node {id} off by {seen} ms")))
}

/// How far the clock of node `id` is off, as another node tells it.
async fn clock_of(admin: SocketAddr, id: u64) -> Option<i64> {
    let told = http::call(admin, &Call::get("/v1/cluster")).await.context("no answer").ok()?.json().ok()?;
    told["members"].as_array()?.iter().find(|member| member["id"] == id)?["clock_offset_ms"].as_i64()
}
