//! The floor: what a durable write costs on this disk, by itself.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::task::{JoinSet, spawn_blocking};

use super::cell::Measured;
use super::limits::{SYNCED_BYTES, SYNCED_FILE_BYTES};

/// So many threads, each with a file of its own, write a block and sync it, again and again.
pub async fn measure(writers: u32, lasting: Duration) -> Result<Measured> {
    let dir = TempDir::with_prefix("holdfast-syncs-")?;
    let files = (0..writers).map(|writer| dir.path().join(writer.to_string())).collect::<Vec<PathBuf>>();
    for file in &files {
        prepare(file)?;
    }
    let mut running = JoinSet::new();
    for file in files {
        running.spawn(async move { spawn_blocking(move || write(&file, lasting)).await? });
    }
    let mut all = Vec::new();
    for taken in running.join_all().await {
        all.extend(taken?);
    }
    told(all, lasting)
}

/// Allocated and written through, so that a sync has no block to find and no size to note.
fn prepare(path: &Path) -> Result<()> {
    let file = File::create(path)?;
    let block = [1; SYNCED_BYTES];
    for at in (0..SYNCED_FILE_BYTES).step_by(SYNCED_BYTES) {
        file.write_all_at(&block, at)?;
    }
    Ok(file.sync_all()?)
}

fn write(path: &Path, lasting: Duration) -> Result<Vec<Duration>> {
    let file = File::options().write(true).open(path)?;
    let (begin, mut taken, block) = (Instant::now(), Vec::new(), [2; SYNCED_BYTES]);
    for at in (0..SYNCED_FILE_BYTES).step_by(SYNCED_BYTES).cycle() {
        let before = Instant::now();
        if before - begin >= lasting {
            break;
        }
        file.write_all_at(&block, at)?;
        file.sync_data()?;
        taken.push(before.elapsed());
    }
    Ok(taken)
}

fn told(mut taken: Vec<Duration>, lasting: Duration) -> Result<Measured> {
    taken.sort_unstable();
    let ms = |per_cent: usize| taken.get(taken.len() * per_cent / 100).map(|taken| taken.as_secs_f64() * 1e3);
    let p50_ms = Some(ms(50).context("no sync ended")?);
    Ok(Measured { per_second: taken.len() as f64 / lasting.as_secs_f64(), p50_ms, p99_ms: ms(99), ..Measured::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_writer_syncs_a_file_of_its_own() {
        let measured = measure(2, Duration::from_millis(30)).await.unwrap();
        assert!(measured.per_second > 0.0 && measured.p50_ms <= measured.p99_ms, "{measured:?}");
    }
}
