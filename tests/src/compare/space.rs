//! What a running cluster takes of memory and disk.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};

use super::cell::System;
use super::holdfast::Holdfast;

/// Bytes of a block in a file's metadata, whatever the file system's own.
const BLOCK_BYTES: u64 = 512;

/// Bytes of memory of a node, the mean of all.
pub fn memory(holdfast: &Holdfast) -> Result<f64> {
    let nodes = holdfast.subject(System::Spread)?.watched;
    let resident = nodes.iter().map(|(_, id)| resident(*id)).sum::<Result<u64>>()?;
    Ok(resident as f64 / nodes.len() as f64)
}

fn resident(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    read(&status).context("the kernel tells no resident size")
}

fn read(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// Bytes that files under `dir` take of the disk.
pub fn disk(dir: &Path) -> Result<f64> {
    let mut bytes = 0.0;
    for entry in fs::read_dir(dir)? {
        let (path, data) = {
            let entry = entry?;
            (entry.path(), entry.metadata()?)
        };
        bytes += if data.is_dir() { disk(&path)? } else { (data.blocks() * BLOCK_BYTES) as f64 };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_in_bytes_and_files_are_summed() {
        assert_eq!(read("Name:\tx\nVmRSS:\t    2048 kB\nThreads: 1\n"), Some(2_097_152));
        assert!(resident(std::process::id()).unwrap() > 0);
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("in")).unwrap();
        fs::write(dir.path().join("in/file"), [1; 10_000]).unwrap();
        assert!(disk(dir.path()).unwrap() >= 10_000.0);
    }
}
