//! How much room files take, and how much there is.

use std::path::Path;

/// Bytes of all files below `directory`; what can't be read counts nothing.
pub(crate) fn directory_bytes(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    entries
        .flatten()
        .filter_map(|entry| {
            let meta = entry.metadata().ok()?;
            Some(if meta.is_dir() { directory_bytes(&entry.path()) } else { meta.len() })
        })
        .sum()
}

/// Bytes that the file system of `directory` has free; zero if it can't be asked.
pub(crate) fn free_bytes(directory: &Path) -> u64 {
    rustix::fs::statvfs(directory).map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
}
