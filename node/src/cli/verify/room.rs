//! Where the copy of a directory is checked. Too little room there says nothing of the directory.

use std::io;
use std::path::{Path, PathBuf};

use crate::cli::failure::Failure;
use crate::disk_space::{directory_bytes, free_bytes};
use crate::limits::VERIFY_SPARE_BYTES;

/// A temporary directory for one copy, removed when it is dropped.
pub(super) struct Room {
    dir: tempfile::TempDir,
    /// Where it lies: `TMPDIR`.
    within: PathBuf,
    data: PathBuf,
    needed_bytes: u64,
}

impl Room {
    /// Room for a copy of `data`; fails if there is less than that takes.
    pub(super) fn for_copy_of(data: &Path) -> Result<Self, Failure> {
        let within = std::env::temp_dir();
        let unusable =
            |error: io::Error| Failure::Failed(format!("can't make a directory in {} for a copy ({error}): set TMPDIR", within.display()));
        let dir = tempfile::tempdir_in(&within).map_err(unusable)?;
        let room = Self { dir, within, data: data.to_owned(), needed_bytes: directory_bytes(data) + VERIFY_SPARE_BYTES };
        if room.free_bytes() < room.needed_bytes {
            return Err(room.too_small("it was not checked"));
        }
        Ok(room)
    }

    /// Where the copy is to be.
    pub(super) fn copy(&self) -> PathBuf {
        self.dir.path().join("copy")
    }

    /// What a check that failed comes to: if hardly anything is free by now, others took the room, or opening it wrote more than
    /// usual, and the failure may come of that.
    pub(super) fn explains(&self, failure: &dyn std::fmt::Display) -> Option<Failure> {
        (self.free_bytes() < VERIFY_SPARE_BYTES / 2).then(|| self.too_small(&format!("the check ended with: {failure}")))
    }

    fn free_bytes(&self) -> u64 {
        free_bytes(self.dir.path())
    }

    fn too_small(&self, what: &str) -> Failure {
        let (within, data) = (self.within.display(), self.data.display());
        let (free, needed) = (self.free_bytes() >> 20, self.needed_bytes.div_ceil(1 << 20));
        Failure::Failed(format!(
            "{within} has {free} MiB free, and a copy of {data} wants {needed}: set TMPDIR to where there is more; {what}"
        ))
    }
}
