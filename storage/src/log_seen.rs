//! How far the log was acknowledged, beside it: tells a torn end, which nobody heard of, from a damaged one.
//!
//! After each sync the writer notes the sequence of the group in a file of its own. The note itself is not synced, so it costs
//! no more than a copy into the page cache: it may lag behind after a power cut, and never runs ahead.
//!
//! Layout: sequence (u64 LE), CRC-32 of it (u32 LE). A note that does not read back says nothing.

use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::files::{self, File, OpenOptions};

const NOTE_BYTES: usize = 12;

/// The note of a log.
pub(crate) struct LogSeen {
    path: PathBuf,
    file: Option<File>,
}

impl LogSeen {
    /// The note in `dir`; touches nothing.
    pub(crate) fn new(dir: &Path) -> Self {
        Self { path: dir.join("seen"), file: None }
    }

    /// The last sequence noted, 0 if none.
    pub(crate) fn last(&self) -> u64 {
        let Ok(note) = files::read(&self.path) else { return 0 };
        let Some((sequence, checksum)) = note.split_first_chunk::<8>() else { return 0 };
        if *checksum == crc32fast::hash(sequence).to_le_bytes() { u64::from_le_bytes(*sequence) } else { 0 }
    }

    /// Notes that the group of `sequence` is durable; only after its sync.
    pub(crate) fn raise(&mut self, sequence: u64) -> io::Result<()> {
        let sequence = sequence.to_le_bytes();
        let mut note = [0; NOTE_BYTES];
        note[..8].copy_from_slice(&sequence);
        note[8..].copy_from_slice(&crc32fast::hash(&sequence).to_le_bytes());
        let file = match self.file.take() {
            Some(file) => file,
            None => OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&self.path)?,
        };
        file.write_all_at(&note, 0)?;
        self.file = Some(file);
        Ok(())
    }
}
