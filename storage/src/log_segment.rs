//! One file of the Raft log: made whole, of zeros, before it is written, so that a sync has nothing to tell the file system.
//!
//! Layout of the header, one sector: `HFLS`, version, number, salt and CRC-32 of all before it (u32 LE each), zeros.
//! Groups follow from [`LOG_SECTOR_BYTES`] on. The salt is drawn anew each time that a file becomes a segment, and is part of every
//! group's checksum: neither what a recycled file held before nor what a buyer sent reads as a group.
//!
//! Zeros are written and not only allocated: the first write to an extent that is merely allocated costs a commit of the file
//! system's journal. A file becomes a segment by its name, after its header and its zeros are synced.

use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::Syncer;
use crate::durable_file::sync_dir;
use crate::files::{self, File, OpenOptions};
use crate::frame::damaged;
use crate::limits::{LOG_SECTOR_BYTES, LOG_ZEROS_BYTES};

const MAGIC: [u8; 4] = *b"HFLS";
/// Format 1 was a database of another kind.
pub(crate) const LOG_VERSION: u32 = 2;
const HEADER_BYTES: usize = 20;
const KIND: &str = "segment";

/// A file that holds a part of the log.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Position among the segments; the first is 1.
    pub(crate) number: u32,
    pub(crate) salt: u32,
    pub(crate) path: PathBuf,
    pub(crate) file: File,
}

/// How large segments are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentBytes {
    pub(crate) first: u64,
    pub(crate) most: u64,
}

impl SegmentBytes {
    /// Size of the segment after one of `bytes`; of the first one after 0.
    pub(crate) fn after(self, bytes: u64) -> u64 {
        bytes.saturating_mul(2).clamp(self.first, self.most)
    }
}

/// Why a file is not a segment.
#[derive(Debug)]
pub(crate) enum SegmentError {
    /// Another format.
    Version(u32),
    /// The file cannot be read, or is not what its name says.
    Io(io::Error),
}

impl From<io::Error> for SegmentError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Where the segment of a number is.
pub(crate) fn segment_path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:010}.{KIND}"))
}

/// The number in a segment's name; none for other files.
pub(crate) fn number_of(path: &Path) -> Option<u32> {
    let number = path.file_stem()?.to_str()?.parse().ok()?;
    (path.extension()? == KIND).then_some(number)
}

impl Segment {
    /// Opens a segment and checks its header.
    pub(crate) fn open(dir: &Path, number: u32) -> Result<Self, SegmentError> {
        let path = segment_path(dir, number);
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        let mut header = [0; HEADER_BYTES];
        file.read_exact_at(&mut header, 0)?;
        let salt = read_header(&header, number)?;
        Ok(Self { number, salt, path, file })
    }

    /// Turns a file that no one reads any more, at `path`, into the segment of `number`; a missing one is made with `bytes` zeros.
    ///
    /// Order: zeros and header, synced; then the name; then the directory, synced. A crash before the last step leaves a file
    /// that is no segment yet, or one that holds nothing.
    pub(crate) fn make(path: &Path, number: u32, salt: u32, bytes: u64, syncer: &dyn Syncer) -> io::Result<Self> {
        let dir = path.parent().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        write_zeros(&file, bytes, syncer)?;
        file.write_all_at(&header(number, salt), 0)?;
        syncer.sync(&file)?;
        let named = segment_path(dir, number);
        files::rename(path, &named)?;
        sync_dir(dir)?;
        Ok(Self { number, salt, path: named, file })
    }

    /// Bytes that it can hold, its header included.
    pub(crate) fn capacity(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len() / LOG_SECTOR_BYTES as u64 * LOG_SECTOR_BYTES as u64)
    }

    /// Makes room up to `bytes`, synced.
    pub(crate) fn grow(&self, bytes: u64, syncer: &dyn Syncer) -> io::Result<()> {
        write_zeros(&self.file, bytes, syncer)?;
        syncer.sync(&self.file)
    }
}

/// Lengthens a file to `bytes`. Syncs between the pieces: a sync of the log, which may come meanwhile, never waits for all of it.
fn write_zeros(file: &File, bytes: u64, syncer: &dyn Syncer) -> io::Result<()> {
    let zeros = vec![0; LOG_ZEROS_BYTES];
    let mut at = file.metadata()?.len();
    while at < bytes {
        let length = usize::try_from(bytes - at).unwrap_or(usize::MAX).min(LOG_ZEROS_BYTES);
        file.write_all_at(&zeros[..length], at)?;
        at += length as u64;
        if at < bytes {
            syncer.sync(file)?;
        }
    }
    Ok(())
}

pub(crate) fn header(number: u32, salt: u32) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..4].copy_from_slice(&MAGIC);
    header[4..8].copy_from_slice(&LOG_VERSION.to_le_bytes());
    header[8..12].copy_from_slice(&number.to_le_bytes());
    header[12..16].copy_from_slice(&salt.to_le_bytes());
    let checksum = crc32fast::hash(&header[..16]);
    header[16..].copy_from_slice(&checksum.to_le_bytes());
    header
}

/// The salt of a whole header.
pub(crate) fn read_header(bytes: &[u8; HEADER_BYTES], number: u32) -> Result<u32, SegmentError> {
    let [_, _, _, _, v0, v1, v2, v3, _, _, _, _, s0, s1, s2, s3, c0, c1, c2, c3] = *bytes;
    if crc32fast::hash(&bytes[..16]) != u32::from_le_bytes([c0, c1, c2, c3]) || bytes[..4] != MAGIC {
        return Err(damaged(&format!("the header of segment {number} does not read back")).into());
    }
    let version = u32::from_le_bytes([v0, v1, v2, v3]);
    if version != LOG_VERSION {
        return Err(SegmentError::Version(version));
    }
    let salt = u32::from_le_bytes([s0, s1, s2, s3]);
    if *bytes == header(number, salt) { Ok(salt) } else { Err(damaged(&format!("segment {number} has another number inside")).into()) }
}
