//! Making a snapshot file, from chunks of a state or from a peer's bytes.
//!
//! Layout, integers little-endian: `HFSN`, version (1 byte), index (8), term (8), length of meta (4), meta, CRC-32 of all that
//! (4); then each chunk as length (4), CRC-32 (4), bytes; at the end a length of 0, the number of chunks (8), and the CRC-32
//! of everything before it (4).

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::abort;
use crate::direct::DirectWriter;
use crate::files;
use crate::limits::{SNAPSHOT_CHUNK_BYTES, SNAPSHOT_META_BYTES};
use crate::planted::{self, Planted};
use crate::snapshot_reader::{header, read_whole};
use crate::{Loaded, SnapshotInfo, SnapshotReader, Snapshots};

pub(crate) const MAGIC: [u8; 4] = *b"HFSN";
pub(crate) const VERSION: u8 = 1;

/// A file that removes itself unless it was published.
#[derive(Debug)]
struct Part {
    snapshots: Snapshots,
    path: PathBuf,
    file: DirectWriter,
}

impl Part {
    fn create(snapshots: Snapshots, path: PathBuf) -> io::Result<Self> {
        match DirectWriter::create(&path) {
            Ok(file) => Ok(Self { snapshots, path, file }),
            Err(error) => Err(io::Error::new(error.kind(), format!("{} could not be made: {error}", path.display()))),
        }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.put(bytes).map_err(|error| self.fault(&error))
    }

    /// What the system said of the file, with its name and how far it came: on a full disk so much room there was, and so much is needed.
    fn fault(&self, error: &io::Error) -> io::Error {
        let newest = self.snapshots.newest().map_or_else(String::new, |newest| format!("; the newest one has {}", newest.file_bytes));
        let (path, written) = (self.path.display(), self.file.written());
        io::Error::new(error.kind(), format!("{path} could not be written after {written} bytes: {error}{newest}"))
    }

    /// Synced before it gets its name. `read` tells what is in it.
    fn publish<T>(mut self, read: impl FnOnce(&Path) -> io::Result<Loaded<T>>) -> io::Result<Loaded<T>> {
        self.file.flush().map_err(|error| self.fault(&error))?;
        abort::point("snapshot-sync");
        if !planted::is(Planted::SnapshotNotSynced) {
            self.file.sync().map_err(|error| self.fault(&error))?;
        }
        let Loaded { info, value } = read(&self.path)?;
        Ok(Loaded { info: self.snapshots.publish(&self.path, info)?, value })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After publishing nothing has this name any more; what cannot be removed now goes at the next opening.
        if let Err(error) = files::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "an unfinished snapshot stays until the next start");
        }
    }
}

/// A snapshot being made. Dropped before [`finish`](Self::finish), it leaves nothing behind.
#[derive(Debug)]
pub struct SnapshotWriter {
    part: Part,
    checksum: crc32fast::Hasher,
    chunks: u64,
    /// What is told of the file once it is whole; its length so far.
    info: SnapshotInfo,
}

impl SnapshotWriter {
    pub(crate) fn begin(snapshots: Snapshots, path: PathBuf, index: u64, term: u64, meta: &[u8]) -> io::Result<Self> {
        let Some(length) = u32::try_from(meta.len()).ok().filter(|_| meta.len() <= SNAPSHOT_META_BYTES) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the snapshot's meta is over its length limit"));
        };
        let mut header = Vec::with_capacity(64 + meta.len());
        header.extend_from_slice(&MAGIC);
        header.push(VERSION);
        header.extend_from_slice(&index.to_le_bytes());
        header.extend_from_slice(&term.to_le_bytes());
        header.extend_from_slice(&length.to_le_bytes());
        header.extend_from_slice(meta);
        header.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
        let info = SnapshotInfo { index, term, meta: Bytes::copy_from_slice(meta), path: path.clone(), file_bytes: 0 };
        let mut writer = Self { part: Part::create(snapshots, path)?, checksum: crc32fast::Hasher::new(), chunks: 0, info };
        writer.put(&header)?;
        Ok(writer)
    }

    /// Adds a chunk, which may not be empty.
    pub fn chunk(&mut self, chunk: &[u8]) -> io::Result<()> {
        let fits = !chunk.is_empty() && chunk.len() <= SNAPSHOT_CHUNK_BYTES;
        let Some(length) = u32::try_from(chunk.len()).ok().filter(|_| fits) else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a snapshot's chunk is empty or over its length limit"));
        };
        self.chunks += 1;
        self.put(&length.to_le_bytes())?;
        self.put(&crc32fast::hash(chunk).to_le_bytes())?;
        self.put(chunk)
    }

    /// Makes the snapshot durable and visible, and removes the oldest beyond the newest two.
    pub fn finish(mut self) -> io::Result<SnapshotInfo> {
        let chunks = self.chunks;
        self.put(&0_u32.to_le_bytes())?;
        self.put(&chunks.to_le_bytes())?;
        let checksum = self.checksum.clone().finalize();
        self.put(&checksum.to_le_bytes())?;
        // What was just written is not read again: an opening does that, after whatever has happened to it on the disk.
        let info = self.info;
        self.part.publish(|_| Ok(Loaded { info, value: () })).map(|made| made.info)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.checksum.update(bytes);
        self.info.file_bytes += bytes.len() as u64;
        self.part.put(bytes)
    }
}

/// A peer's snapshot file being received. Dropped before [`finish`](Self::finish), it leaves nothing behind.
#[derive(Debug)]
pub struct SnapshotReceiver {
    part: Part,
    bytes: u64,
}

impl SnapshotReceiver {
    pub(crate) fn begin(snapshots: Snapshots, path: PathBuf) -> io::Result<Self> {
        Ok(Self { part: Part::create(snapshots, path)?, bytes: 0 })
    }

    /// Adds bytes of the file, in order.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        self.part.put(bytes)
    }

    /// Bytes taken so far.
    pub fn received(&self) -> u64 {
        self.bytes
    }

    /// Makes the file durable, has `read` make something of it while it is checked whole, makes it visible, and removes the oldest
    /// beyond the newest two.
    pub fn finish<T>(self, read: impl FnOnce(&mut SnapshotReader) -> io::Result<T>) -> io::Result<Loaded<T>> {
        self.part.publish(|path| Ok(Loaded { info: header(path)?, value: read_whole(path, read)? }))
    }
}
