//! The process id of a running node, beside its data directory.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// `DIR/node-N.pid` of a node whose data directory is `DIR/node-N`; removed when dropped.
///
/// Written only once the data directory is locked and the addresses are bound: a second process that is refused must not take the
/// first one's file, and one that could not listen leaves none. A killed process leaves its file behind, and the next one
/// replaces it.
#[derive(Debug)]
pub struct PidFile(PathBuf);

impl PidFile {
    /// Writes this process's id beside `data`, which the caller holds the lock of.
    pub fn create(data: &Path) -> io::Result<Self> {
        let file = Self::path(data);
        fs::write(&file, format!("{}\n", std::process::id()))?;
        Ok(Self(file))
    }

    /// The id of the node with this data directory, if there is a file that names one.
    pub fn read(data: &Path) -> Option<u32> {
        fs::read_to_string(Self::path(data)).ok()?.trim().parse().ok()
    }

    /// Where the id of the node with this data directory is.
    pub fn path(data: &Path) -> PathBuf {
        let mut name = data.file_name().map_or_else(|| OsString::from("node"), OsString::from);
        name.push(".pid");
        data.with_file_name(name)
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(file = %self.0.display(), %error, "the process id file could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_beside_the_directory_and_goes_with_the_process() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("node-2");
        let file = PidFile::create(&data).unwrap();
        let path = directory.path().join("node-2.pid");
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        assert_eq!(PidFile::read(&data), Some(std::process::id()));
        drop(file);
        assert!(!path.exists() && PidFile::read(&data).is_none());
    }
}
