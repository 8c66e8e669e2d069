//! F17: files that read back otherwise than they were written.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rand::RngExt;
use rand::rngs::StdRng;

use crate::chaos::fault::Made;
use crate::chaos::site::Site;
use crate::cluster::{copy_dir, left_with};
use crate::limits::LOG_TAIL_LINES;
use crate::process::tail;

const EXIT_DISK: i32 = 3;

/// Damages what a node may not forget: it refuses to start, says so, and starts with the intact files.
pub(super) async fn damage(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    let id = site.any(random);
    site.kill(id).await?;
    let (data, intact) = (site.cluster.data(id), site.note("intact"));
    copy_dir(&data, &intact)?;
    let told = hurt(&data, random)?;
    let refused = site.cluster.refused(id).await;
    std::fs::remove_dir_all(&data)?;
    copy_dir(&intact, &data)?;
    std::fs::remove_dir_all(&intact)?;
    let said = tail(&site.cluster.log(id), LOG_TAIL_LINES);
    left_with(refused?, EXIT_DISK).with_context(|| format!("{told}:\n{said}"))?;
    ensure!(said.lines().last().is_some_and(|line| line.starts_with("error: ")), "it does not say why it leaves:\n{said}");
    Ok(Made::fired(format!("{told} of node {id}: it left with code {EXIT_DISK}")))
}

/// Damages one file; how.
fn hurt(data: &Path, random: &mut StdRng) -> Result<String> {
    let mut files = vec![data.join("identity"), data.join("peers")];
    files.extend(oldest_segment(&data.join("log"))?);
    let file = &files[random.random_range(0..files.len())];
    let name = file.strip_prefix(data).unwrap_or(file).display().to_string();
    let mut bytes = std::fs::read(file).with_context(|| name.clone())?;
    // Behind the last byte that was written a log's file holds zeros made beforehand; the end itself may be torn.
    let used = bytes.iter().rposition(|byte| *byte != 0).context("an empty file")?;
    if random.random() && !name.starts_with("log") {
        bytes.truncate(used / 2);
        std::fs::write(file, bytes)?;
        return Ok(format!("{name} cut off at {}", used / 2));
    }
    // Zeros between groups fill up a sector: they say nothing, and nobody reads them.
    let told: Vec<usize> = (0..used / 2).filter(|&at| bytes[at] != 0).collect();
    let at = *told.get(random.random_range(0..told.len().max(1))).context("a file of zeros")?;
    bytes[at] ^= 1 << random.random_range(0..8);
    std::fs::write(file, bytes)?;
    Ok(format!("a bit of {name} flipped at {at}"))
}

/// The log's oldest file; its first half is never the torn end of a log that was in use for a while.
fn oldest_segment(log: &Path) -> Result<Option<PathBuf>> {
    let files = std::fs::read_dir(log)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    Ok(files.into_iter().filter(|file| file.metadata().is_ok_and(|meta| meta.is_file() && meta.len() > 0)).min())
}
