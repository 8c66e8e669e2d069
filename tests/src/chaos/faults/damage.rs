//! F17: files that read back otherwise than they were written. What a node may not forget, it refuses to start without, whichever
//! byte is wrong; without its newest snapshot it either serves or refuses.

use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use rand::RngExt;
use rand::rngs::StdRng;

use crate::chaos::fault::Made;
use crate::chaos::limits::LEFT_WITHIN;
use crate::chaos::site::Site;
use crate::cluster::{copy_dir, left_with};
use crate::limits::LOG_TAIL_LINES;
use crate::process::tail;

const EXIT_DISK: i32 = 3;

/// The log's layout, as `storage/src/log_group.rs` tells it.
const SECTOR_BYTES: usize = 512;
const GROUP_HEADER_BYTES: usize = 20;

/// Damages a file of a node that is down.
pub(super) async fn damage(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    let id = site.any(random);
    site.kill(id).await?;
    let (data, intact, damaged) = (site.cluster.data(id), site.note("intact"), site.note("damaged"));
    copy_dir(&data, &intact)?;
    let snapshot = newest_snapshot(&data)?.filter(|_| random.random_range(0..4) == 0);
    let (variant, told) = match &snapshot {
        Some(snapshot) => ("snapshot", flip_anywhere(snapshot, random)?),
        None => hurt(&data, random)?,
    };
    // What was damaged stays for whoever wants to know, until the next time.
    drop(std::fs::remove_dir_all(&damaged));
    copy_dir(&data, &damaged)?;
    if snapshot.is_some() && serves(site, id).await? {
        std::fs::remove_dir_all(&intact)?;
        return Ok(Made::fired(variant, format!("{told} of node {id}: it serves without")));
    }
    let code = if snapshot.is_some() { site.cluster.left(id, LEFT_WITHIN).await } else { site.cluster.refused(id).await };
    std::fs::remove_dir_all(&data)?;
    copy_dir(&intact, &data)?;
    site.sync_data(id).await?;
    std::fs::remove_dir_all(&intact)?;
    let said = tail(&site.cluster.log(id), LOG_TAIL_LINES);
    code.and_then(|code| left_with(code, EXIT_DISK)).with_context(|| format!("node {id}, {told}:\n{said}"))?;
    ensure!(said.lines().last().is_some_and(|line| line.starts_with("error: ")), "it does not say why it leaves:\n{said}");
    Ok(Made::fired(variant, format!("{told} of node {id}: it left with code {EXIT_DISK}")))
}

/// Starts a node that may do without what it lost; false if it left instead.
async fn serves(site: &mut Site, id: u64) -> Result<bool> {
    site.cluster.spawn(id)?;
    match site.cluster.ready(id).await {
        Ok(()) => Ok(true),
        Err(error) => {
            if site.cluster.is_running(id)? {
                Err(error)
            } else {
                Ok(false)
            }
        }
    }
}

/// Damages one file; which, and how.
fn hurt(data: &Path, random: &mut StdRng) -> Result<(&'static str, String)> {
    Ok(match random.random_range(0..3) {
        0 => ("log", flip_in_log(&data.join("log"), random)?),
        1 => ("identity", hurt_whole(&data.join("identity"), random)?),
        _ => ("peers", hurt_whole(&data.join("peers"), random)?),
    })
}

/// Cuts off a file of which every byte counts, or flips a bit of it.
fn hurt_whole(file: &Path, random: &mut StdRng) -> Result<String> {
    let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
    if random.random() {
        let left = random.random_range(0..bytes.len());
        std::fs::write(file, &bytes[..left])?;
        return Ok(format!("{} cut off at {left} of {}", name(file), bytes.len()));
    }
    flip_anywhere(file, random)
}

fn flip_anywhere(file: &Path, random: &mut StdRng) -> Result<String> {
    let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
    let at = random.random_range(0..bytes.len());
    flip(file, bytes, at, random)
}

/// Flips a bit of any group of the log but the last, which passes for torn.
fn flip_in_log(log: &Path, random: &mut StdRng) -> Result<String> {
    let mut groups = Vec::new();
    for segment in files(log, "segment")? {
        groups.extend(groups_of(&std::fs::read(&segment)?).into_iter().map(|group| (segment.clone(), group)));
    }
    groups.pop();
    ensure!(!groups.is_empty(), "the log in {} has no two groups", log.display());
    let (segment, group) = groups.swap_remove(random.random_range(0..groups.len()));
    let at = random.random_range(group);
    flip(&segment, std::fs::read(&segment)?, at, random)
}

fn flip(file: &Path, mut bytes: Vec<u8>, at: usize, random: &mut StdRng) -> Result<String> {
    let was = bytes[at];
    bytes[at] ^= 1 << random.random_range(0..8);
    let told = format!("{} flipped at {at} of {}: {:02x} was {was:02x}", name(file), bytes.len(), bytes[at]);
    std::fs::write(file, bytes)?;
    Ok(told)
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The snapshot with the highest index, which its name begins with.
fn newest_snapshot(data: &Path) -> Result<Option<PathBuf>> {
    let index = |path: &PathBuf| path.file_stem()?.to_str()?.split('-').next()?.parse::<u64>().ok();
    Ok(files(&data.join("snapshots"), "snap")?.into_iter().max_by_key(index))
}

/// The files of a kind, by name.
pub(super) fn files(dir: &Path, kind: &str) -> Result<Vec<PathBuf>> {
    let mut files = std::fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == kind));
    files.sort_unstable();
    Ok(files)
}

/// Where the groups of a segment stand, without what fills up their sectors. Each begins with a checksum, the length of its body
/// and its number, by which the next one follows; behind the last are zeros, or what a file held that is used again.
fn groups_of(segment: &[u8]) -> Vec<Range<usize>> {
    let (mut groups, mut at, mut last) = (Vec::new(), SECTOR_BYTES, None);
    while let Some(header) = segment.get(at..at + GROUP_HEADER_BYTES) {
        let length = header[4..8].iter().rev().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let number = header[8..16].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let end = at + GROUP_HEADER_BYTES + length;
        if number == 0 || last.is_some_and(|last| number != last + 1) || end > segment.len() {
            break;
        }
        groups.push(at..end);
        (at, last) = (end.next_multiple_of(SECTOR_BYTES), Some(number));
    }
    groups
}
