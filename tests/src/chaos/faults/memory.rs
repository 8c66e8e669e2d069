//! F20: a node that may have no more memory, and is ended by the kernel when it asks for more.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep};

use crate::chaos::fault::Made;
use crate::chaos::site::Site;
use crate::limits::POLL_EVERY;

/// Where the kernel's memory controller is, and the names of its files: of its first version, and of its second.
const CONTROLLERS: [(&str, &str, &str); 2] =
    [("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.failcnt"), ("/sys/fs/cgroup", "memory.max", "memory.events")];

/// What a node may have beyond what it has when it is put into the group.
const MORE_BYTES: u64 = 4 << 20;

/// Until it has come to the limit.
const WITHIN: Duration = Duration::from_secs(10);

const SIGKILL: i32 = 9;

/// A group of processes whose memory is limited; removed when it is dropped, and empty by then.
struct Group(PathBuf);

impl Drop for Group {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir(&self.0) {
            println!("{} stays: {error}", self.0.display());
        }
    }
}

/// Lets a node have next to no more memory, until it is killed for it or has felt it for a while.
pub(super) async fn starve(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    let id = site.any(random);
    let process = site.cluster.process_id(id).with_context(|| format!("node {id} is down"))?;
    let Some((controller, limit, hits)) = CONTROLLERS.into_iter().find(|(dir, limit, _)| has_limits(Path::new(dir), limit)) else {
        return Ok(Made::not_run("the memory of a process cannot be limited here"));
    };
    let group = Group(Path::new(controller).join(format!("holdfast-chaos-{process}")));
    if let Err(error) = std::fs::create_dir(&group.0) {
        return Ok(Made::not_run(format!("{}: {error}", group.0.display())));
    }
    std::fs::write(group.0.join(limit), MORE_BYTES.to_string())?;
    std::fs::write(group.0.join("cgroup.procs"), process.to_string())?;
    let until = Instant::now() + WITHIN;
    while site.cluster.is_running(id)? && Instant::now() < until {
        sleep(POLL_EVERY).await;
    }
    let felt = std::fs::read_to_string(group.0.join(hits))?.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(status) = site.cluster.has_left(id)? {
        ensure!(status.signal() == Some(SIGKILL), "node {id} left with {status} instead of being killed for its memory");
        return Ok(Made::fired("memory", format!("node {id} was killed when it asked for more memory ({hits}: {felt})")));
    }
    site.kill(id).await?;
    if felt.split(' ').filter_map(|word| word.parse::<u64>().ok()).all(|times| times == 0) {
        return Ok(Made::not_run(format!("node {id} asked for no more memory within {WITHIN:?}")));
    }
    Ok(Made::fired("memory", format!("node {id} came to the limit of its memory and lived ({hits}: {felt})")))
}

/// Whether groups made in `dir` have the file `limit`: some group there has.
fn has_limits(dir: &Path, limit: &str) -> bool {
    let has = |entry: std::io::Result<std::fs::DirEntry>| entry.is_ok_and(|entry| entry.path().join(limit).exists());
    dir.join(limit).exists() || std::fs::read_dir(dir).is_ok_and(|mut entries| entries.any(has))
}
