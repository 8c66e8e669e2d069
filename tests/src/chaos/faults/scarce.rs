//! F20: a node that is given too little: file descriptors, processor time, or memory.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::{memory, pause};
use crate::chaos::fault::Made;
use crate::chaos::site::Site;
use crate::cluster::Start;
use crate::limits::{LOG_TAIL_LINES, POLL_EVERY};
use crate::process::tail;

/// Enough to start and to serve a few, far too few for all that come.
const DESCRIPTORS: usize = 160;

/// How long it lasts.
const LASTING: Duration = Duration::from_secs(5);

/// How long others have the processor, and then the node.
const OTHERS: Duration = Duration::from_millis(90);
const OWN: Duration = Duration::from_millis(6);

/// One of the three.
pub(super) async fn starve(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    match random.random_range(0..3) {
        0 => of_time(site, random).await,
        1 => of_descriptors(site, random).await,
        _ => memory::starve(site, random).await,
    }
}

/// A node that may have few files open, and more connections than that.
async fn of_descriptors(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    let id = site.any(random);
    let limit = format!("ulimit -n {DESCRIPTORS}; exec \"$0\" \"$@\"");
    site.restart_as(id, &Start { under: vec!["sh".into(), "-c".into(), limit], more: Vec::new() }).await?;
    let mut idle = Vec::new();
    for _ in 0..2 * DESCRIPTORS {
        idle.extend(TcpStream::connect(site.cluster.api(id)).await);
    }
    // The node ends those that stay silent: the most that it had open counts.
    let (until, mut open) = (Instant::now() + LASTING, 0);
    while Instant::now() < until {
        let now = site.cluster.process_id(id).and_then(|process| std::fs::read_dir(format!("/proc/{process}/fd")).ok());
        open = open.max(now.map_or(0, Iterator::count));
        sleep(POLL_EVERY).await;
    }
    drop(idle);
    if let Some(status) = site.cluster.has_left(id)? {
        bail!("idle clients stopped node {id} ({status}): {}", tail(&site.cluster.log(id), LOG_TAIL_LINES));
    }
    site.kill(id).await?;
    // It keeps up to half for its own files.
    if open < DESCRIPTORS / 2 {
        return Ok(Made::not_run(format!("node {id} had {open} of {DESCRIPTORS} descriptors open")));
    }
    Ok(Made::fired("descriptors", format!("node {id} had {open} of {DESCRIPTORS} descriptors open")))
}

/// A node that runs for a sixteenth of the time, as on a processor that belongs to others.
async fn of_time(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    let id = site.any(random);
    let process = site.cluster.process_id(id).with_context(|| format!("node {id} is down"))?;
    let (until, mut kept) = (Instant::now() + LASTING, 0);
    while Instant::now() < until {
        site.cluster.pause(id).await?;
        sleep(OTHERS).await;
        kept += u32::from(pause::state_of(process) == Some('T'));
        site.cluster.resume(id).await?;
        sleep(OWN).await;
    }
    if kept == 0 {
        return Ok(Made::not_run(format!("node {id} was not kept from running")));
    }
    Ok(Made::fired("processor", format!("node {id} was kept from running {kept} times for {OTHERS:?}")))
}
