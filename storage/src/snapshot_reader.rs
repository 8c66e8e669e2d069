//! Reading a snapshot file, chunk by chunk.

use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;

use crate::SnapshotInfo;
use crate::direct::DirectReader;
use crate::files;
use crate::frame::damaged;
use crate::limits::{SNAPSHOT_CHUNK_BYTES, SNAPSHOT_META_BYTES};
use crate::snapshot_writer::{MAGIC, VERSION};

/// Chunks of a snapshot in order; an error ends them. Without an error the file was found whole up to its last byte.
#[derive(Debug)]
pub struct SnapshotReader<R = DirectReader> {
    file: R,
    checksum: crc32fast::Hasher,
    index: u64,
    term: u64,
    meta: Bytes,
    chunks: u64,
    is_over: bool,
}

impl SnapshotReader {
    /// Opens a file and checks its header.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::begin(DirectReader::open(path)?)
    }
}

impl<R: Read> SnapshotReader<R> {
    /// Reads and checks the header of a file's bytes.
    pub(crate) fn begin(file: R) -> io::Result<Self> {
        let mut reader =
            Self { file, checksum: crc32fast::Hasher::new(), index: 0, term: 0, meta: Bytes::new(), chunks: 0, is_over: false };
        reader.read_header()?;
        Ok(reader)
    }

    /// Last entry in the snapshot.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Term of that entry.
    pub fn term(&self) -> u64 {
        self.term
    }

    /// What its maker put beside the state.
    pub fn meta(&self) -> &Bytes {
        &self.meta
    }

    fn read_header(&mut self) -> io::Result<()> {
        if self.take::<4>()? != MAGIC {
            return Err(damaged("not a snapshot file"));
        }
        let [version] = self.take()?;
        self.index = u64::from_le_bytes(self.take()?);
        self.term = u64::from_le_bytes(self.take()?);
        let length = u32::from_le_bytes(self.take()?) as usize;
        if length > SNAPSHOT_META_BYTES {
            return Err(damaged("the snapshot's meta is over its length limit"));
        }
        self.meta = self.take_vec(length)?.into();
        let expected = self.checksum.clone().finalize();
        if u32::from_le_bytes(self.take()?) != expected {
            return Err(damaged("the snapshot's header fails its checksum"));
        }
        if version != VERSION {
            // Not damage: the operator started an older build, and nothing may be set aside for that.
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                format!("format version {version} of snapshot files is not known to this build"),
            ));
        }
        Ok(())
    }

    fn read_chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let length = u32::from_le_bytes(self.take()?) as usize;
        if length == 0 {
            return self.read_end().map(|()| None);
        }
        if length > SNAPSHOT_CHUNK_BYTES {
            return Err(damaged("a snapshot's chunk is over its length limit"));
        }
        let expected = u32::from_le_bytes(self.take()?);
        let chunk = self.take_vec(length)?;
        self.chunks += 1;
        if crc32fast::hash(&chunk) == expected { Ok(Some(chunk)) } else { Err(damaged("a snapshot's chunk fails its checksum")) }
    }

    fn read_end(&mut self) -> io::Result<()> {
        let chunks = u64::from_le_bytes(self.take()?);
        let expected = self.checksum.clone().finalize();
        let checksum = u32::from_le_bytes(self.take()?);
        if chunks != self.chunks || checksum != expected || self.file.read(&mut [0])? != 0 {
            return Err(damaged("the snapshot's end does not fit the rest"));
        }
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.file.read_exact(&mut bytes)?;
        self.checksum.update(&bytes);
        Ok(bytes)
    }

    fn take_vec(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.file.read_exact(&mut bytes)?;
        self.checksum.update(&bytes);
        Ok(bytes)
    }
}

impl<R: Read> Iterator for SnapshotReader<R> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let item = self.read_chunk().transpose();
        self.is_over = !matches!(item, Some(Ok(_)));
        item
    }
}

/// Reads a file up to its end, whatever `read` leaves of it; what `read` made of it, if it is good.
pub(crate) fn read_whole<T>(path: &Path, read: impl FnOnce(&mut SnapshotReader) -> io::Result<T>) -> io::Result<T> {
    let mut reader = SnapshotReader::open(path)?;
    let value = read(&mut reader);
    // Damage that is found now explains whatever `read` stumbled over.
    for chunk in reader {
        chunk?;
    }
    value
}

/// Reads a file's header; tells what the file is if that is good.
pub(crate) fn header(path: &Path) -> io::Result<SnapshotInfo> {
    let reader = SnapshotReader::open(path)?;
    let file_bytes = files::metadata(path)?.len();
    Ok(SnapshotInfo { index: reader.index, term: reader.term, meta: reader.meta, path: path.to_owned(), file_bytes })
}
