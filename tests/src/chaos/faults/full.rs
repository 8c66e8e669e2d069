//! F16: a disk without room.

use std::fs::File;
use std::io::Write;

use anyhow::{Context, Result};
use rand::rngs::StdRng;

use crate::chaos::fault::Made;
use crate::chaos::limits::LEFT_WITHIN;
use crate::chaos::site::Site;
use crate::cluster::left_with;
use crate::limits::LOG_TAIL_LINES;
use crate::process::tail;

const EXIT_DISK: i32 = 3;
const PIECE: usize = 1 << 20;

/// Fills a node's disk: it leaves with the code for disks; with room again it goes on.
pub(super) async fn fill(site: &mut Site, random: &mut StdRng) -> Result<Made> {
    if site.disks.is_empty() {
        return Ok(Made::not_run("the nodes of this round have no disks of their own"));
    }
    let id = site.any(random);
    let filler = site.disk(id)?.path().join("filler");
    let into = filler.clone();
    let written = tokio::task::spawn_blocking(move || fill_up(File::create(into)?)).await?.context("the disk does not fill up")?;
    let left = site.cluster.left(id, LEFT_WITHIN).await;
    std::fs::remove_file(&filler)?;
    if left.is_err() && site.cluster.is_running(id)? {
        // The log's files are made beforehand: it may live on with what it has.
        return Ok(Made::fired("it lives on", format!("disk of node {id} full after {} MiB: it had room in its log", written >> 20)));
    }
    left_with(left?, EXIT_DISK).with_context(|| tail(&site.cluster.log(id), LOG_TAIL_LINES))?;
    Ok(Made::fired("it leaves", format!("disk of node {id} full after {} MiB: it left with code {EXIT_DISK}", written >> 20)))
}

/// Writes until nothing more fits; how many bytes did.
fn fill_up(mut file: File) -> Result<usize> {
    let (mut piece, mut written) = (vec![7; PIECE], 0);
    while !piece.is_empty() {
        match file.write(&piece) {
            Ok(bytes) => written += bytes,
            Err(error) if error.kind() == std::io::ErrorKind::StorageFull => piece.truncate(piece.len() / 2),
            Err(error) => return Err(error.into()),
        }
    }
    // What is in memory only takes no room yet.
    file.sync_all()?;
    Ok(written)
}
