//! F20: a node that is given too little: file descriptors, or processor time.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::chaos::fault::Made;
use crate::chaos::machine::Machine;
use crate::chaos::site::Site;
use crate::cluster::{Start, left_with};
use crate::limits::LOG_TAIL_LINES;
use crate::process::tail;

const EXIT_DISK: i32 = 3;

/// Enough to start and to serve a few, far too few for all that come.
const DESCRIPTORS: usize = 160;

/// How long it lasts.
const LASTING: Duration = Duration::from_secs(5);

/// 6 % of one processor.
const QUOTA_US: u32 = 6_000;

/// One of the two.
pub(super) async fn starve(site: &mut Site, machine: &Machine, random: &mut StdRng) -> Result<Made> {
    match &machine.cpu_groups {
        Some(groups) if random.random() => of_time(site, groups, random).await,
        _ => of_descriptors(site, random).await,
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
    sleep(LASTING).await;
    let open = site.cluster.process_id(id).and_then(|process| std::fs::read_dir(format!("/proc/{process}/fd")).ok());
    let open = open.map_or(0, Iterator::count);
    drop(idle);
    if let Some(status) = site.cluster.has_left(id)? {
        // Without a descriptor for its log it must not go on.
        left_with(status.code(), EXIT_DISK).with_context(|| tail(&site.cluster.log(id), LOG_TAIL_LINES))?;
        return Ok(Made::fired(format!("node {id} had too few of {DESCRIPTORS} descriptors: it left with code {EXIT_DISK}")));
    }
    site.kill(id).await?;
    if open + 4 < DESCRIPTORS {
        return Ok(Made::not_run(format!("node {id} had {open} of {DESCRIPTORS} descriptors open")));
    }
    Ok(Made::fired(format!("node {id} had {open} of {DESCRIPTORS} descriptors open")))
}

/// A group of processes with little time. Dropped: gone, once it is empty.
struct Group(PathBuf);

impl Drop for Group {
    fn drop(&mut self) {
        // At best: the kernel removes an empty group only.
        drop(std::fs::remove_dir(&self.0));
    }
}

async fn of_time(site: &mut Site, groups: &Path, random: &mut StdRng) -> Result<Made> {
    let id = site.any(random);
    let process = site.cluster.process_id(id).with_context(|| format!("node {id} is down"))?;
    let group = Group(groups.join(format!("holdfast-chaos-{process}")));
    std::fs::create_dir(&group.0)?;
    std::fs::write(group.0.join("cpu.cfs_quota_us"), QUOTA_US.to_string())?;
    std::fs::write(group.0.join("cgroup.procs"), process.to_string())?;
    sleep(LASTING).await;
    let stat = std::fs::read_to_string(group.0.join("cpu.stat"))?;
    let throttled = stat.lines().find_map(|line| line.strip_prefix("nr_throttled ")?.parse::<u64>().ok()).unwrap_or(0);
    std::fs::write(groups.join("cgroup.procs"), process.to_string())?;
    if throttled == 0 {
        return Ok(Made::not_run(format!("node {id} did not want its time")));
    }
    Ok(Made::fired(format!("node {id} was kept from running {throttled} times")))
}
