//! F18: a node that comes back with a wiped disk, or with an older copy of its own.

use anyhow::{Context, Result};
use rand::RngExt;
use rand::rngs::StdRng;

use crate::chaos::fault::Made;
use crate::chaos::site::Site;
use crate::cluster::{copy_dir, left_with};
use crate::limits::LOG_TAIL_LINES;
use crate::process::tail;

const EXIT_DATA_DIRECTORY: i32 = 4;

/// Exchanges a node's directory: it is refused, and goes on with its own.
pub(super) async fn exchange(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    let id = site.any(random);
    let (data, other) = (site.cluster.data(id), site.note("other-copy"));
    site.kill(id).await?;
    let told = if random.random() {
        std::fs::create_dir(&other)?;
        "a wiped disk"
    } else {
        copy_dir(&data, &other)?;
        site.cluster.spawn(id)?;
        site.cluster.ready(id).await?;
        site.kill(id).await?;
        "an older copy of the disk"
    };
    let own = data.with_extension("own");
    std::fs::rename(&data, &own)?;
    copy_dir(&other, &data)?;
    // With `--bootstrap` even: where there is a cluster it lets nobody in.
    let refused = if random.random() { site.cluster.refused_bootstrap(id).await } else { site.cluster.refused(id).await };
    std::fs::remove_dir_all(&data)?;
    std::fs::rename(&own, &data)?;
    site.sync_data(id).await?;
    std::fs::remove_dir_all(&other)?;
    left_with(refused?, EXIT_DATA_DIRECTORY).with_context(|| format!("{told}:\n{}", tail(&site.cluster.log(id), LOG_TAIL_LINES)))?;
    Ok(Made::fired(told, format!("{told} of node {id}: refused with code {EXIT_DATA_DIRECTORY}")))
}
