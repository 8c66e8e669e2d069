//! F13: a power cut. What was not synced is gone.

use anyhow::{Result, ensure};
use rand::RngExt;
use rand::rngs::StdRng;

use crate::chaos::fault::Made;
use crate::chaos::site::Site;

/// Cuts the power of one node, a majority or all: first the file systems, so that nothing more of a process reaches them.
pub(super) async fn cut(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    if site.disks.is_empty() {
        return Ok(Made::not_run("the nodes of this round have no disks of their own"));
    }
    let spared = site.any(random);
    let (victims, variant): (Vec<u64>, _) = match random.random_range(0..3) {
        0 => (vec![spared], "one"),
        1 => (site.ids().into_iter().filter(|id| *id != spared).collect(), "a majority"),
        _ => (site.ids(), "all"),
    };
    for &id in &victims {
        site.disk(id)?.cut().await?;
    }
    for &id in &victims {
        let written = std::fs::write(site.disk(id)?.path().join("after-the-cut"), "none of this may stay");
        ensure!(written.is_err(), "the power of node {id} was not cut");
        site.end(id).await?;
    }
    for &id in &victims {
        site.disk(id)?.unmount().await?;
        site.disk(id)?.mount().await?;
    }
    Ok(Made::fired(variant, format!("no power at nodes {victims:?}")))
}
