//! How far the log had reached, beside the database: finds a log that lost acknowledged records without a word.
//!
//! sled answers a flipped bit or a torn file by going back to the last good place, which is right for what was never synced and
//! wrong for the rest. So after each sync the writer notes the last index in a file of its own. The note itself is not synced:
//! it may lag behind, never run ahead. Before records are cut off on purpose it is lowered and synced, so that no crash leaves
//! it above the log.
//!
//! Layout: index + 1 (u64 LE, 0 for none), CRC-32 of it (u32 LE). A note that does not read back says nothing.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

const NOTE_BYTES: usize = 12;

/// The note of a log.
pub(crate) struct LogSeen {
    file: File,
}

impl LogSeen {
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(dir.join("seen"))?;
        Ok(Self { file })
    }

    /// The last index noted.
    pub(crate) fn last(&self) -> Option<u64> {
        let mut note = [0; NOTE_BYTES];
        self.file.read_exact_at(&mut note, 0).ok()?;
        let [i0, i1, i2, i3, i4, i5, i6, i7, c0, c1, c2, c3] = note;
        let index = [i0, i1, i2, i3, i4, i5, i6, i7];
        let is_whole = crc32fast::hash(&index) == u32::from_le_bytes([c0, c1, c2, c3]);
        u64::from_le_bytes(index).checked_sub(1).filter(|_| is_whole)
    }

    /// Notes that records up to `index` are durable; only after their sync.
    pub(crate) fn raise(&self, index: u64) -> io::Result<()> {
        self.write(Some(index))
    }

    /// Notes, durably, that records after `index` are about to be cut off.
    pub(crate) fn lower(&self, index: Option<u64>) -> io::Result<()> {
        if self.last() <= index {
            return Ok(());
        }
        self.write(index)?;
        self.file.sync_data()
    }

    fn write(&self, index: Option<u64>) -> io::Result<()> {
        let next = index.map_or(0, |index| index.saturating_add(1)).to_le_bytes();
        let mut note = [0; NOTE_BYTES];
        note[..8].copy_from_slice(&next);
        note[8..].copy_from_slice(&crc32fast::hash(&next).to_le_bytes());
        self.file.write_all_at(&note, 0)
    }
}
