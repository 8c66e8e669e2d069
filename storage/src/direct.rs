//! Files past the system's cache: written once, from the first byte to the last, and read so.
//!
//! A snapshot is read at the next start at the earliest. Copying it into the cache would take more processor time than making it does,
//! put out of the cache what is read, and leave bytes for the disk to write all at once, before the next sync of the Raft log returns.
//! Where the file system refuses, all goes through the cache.

use std::io::{self, Read, Write};
use std::path::Path;

use crate::files::{self, File};
use crate::limits::{DIRECT_BLOCK_BYTES, DIRECT_BUFFER_BYTES, DIRECT_SYNC_BYTES, SNAPSHOT_SYNC_BYTES};

/// A file being written. Through the cache it is synced now and then.
#[derive(Debug)]
pub(crate) struct DirectWriter {
    file: File,
    /// Whether writes go past the cache. They are of whole blocks then, from whole blocks of memory.
    is_direct: bool,
    buffer: Buffer,
    /// Bytes since the last sync.
    unsynced: usize,
    /// Bytes that the file has.
    written: u64,
}

impl DirectWriter {
    /// Makes the file, readable by its owner alone; an existing one is emptied.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let (file, is_direct) = files::create_direct(path)?;
        Ok(Self { file, is_direct, buffer: Buffer::new(), unsynced: 0, written: 0 })
    }

    /// Adds bytes.
    pub(crate) fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            bytes = self.buffer.take(bytes);
            if self.buffer.is_full() {
                self.write_out()?;
            }
        }
        Ok(())
    }

    /// Writes what is left; it is durable only once [`sync`](Self::sync) has returned.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.filled().is_empty() {
            // It ends within a block, as a rule, and nothing follows it.
            self.go_through_cache()?;
            self.write_out()?;
        }
        Ok(())
    }

    /// Bytes that were written out.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Makes all that was written durable, the length of the file too.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn write_out(&mut self) -> io::Result<()> {
        let mut written = 0;
        while written < self.buffer.filled().len() {
            match self.file.write(&self.buffer.filled()[written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    written += count;
                    self.written += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A disk of larger blocks, or a part of one is left over: what the cache is there for.
                Err(error) if files::is_not_direct(&error) && self.is_direct => self.go_through_cache()?,
                Err(error) => return Err(error),
            }
        }
        self.buffer.clear();
        self.unsynced += written;
        if self.unsynced >= if self.is_direct { DIRECT_SYNC_BYTES } else { SNAPSHOT_SYNC_BYTES } {
            self.unsynced = 0;
            self.file.sync_data()?;
        }
        Ok(())
    }

    fn go_through_cache(&mut self) -> io::Result<()> {
        if self.is_direct {
            files::end_direct(&self.file)?;
            self.is_direct = false;
        }
        Ok(())
    }
}

/// A file being read.
#[derive(Debug)]
pub struct DirectReader {
    file: File,
    /// Whether reads go past the cache. They begin at whole blocks then.
    is_direct: bool,
    buffer: Buffer,
    /// Bytes of the buffer that were given out.
    taken: usize,
}

impl DirectReader {
    /// Opens a file.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let (file, is_direct) = files::open_direct(path)?;
        Ok(Self { file, is_direct, buffer: Buffer::new(), taken: 0 })
    }

    fn refill(&mut self) -> io::Result<()> {
        self.taken = 0;
        self.buffer.clear();
        loop {
            match self.buffer.fill(&mut self.file) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if files::is_not_direct(&error) && self.is_direct => self.go_through_cache()?,
                Err(error) => return Err(error),
                // What follows, if anything does, begins within a block.
                Ok(()) if !self.buffer.is_full() && self.is_direct => return self.go_through_cache(),
                Ok(()) => return Ok(()),
            }
        }
    }

    fn go_through_cache(&mut self) -> io::Result<()> {
        self.is_direct = false;
        files::end_direct(&self.file)
    }
}

impl Read for DirectReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.buffer.filled().len() {
            self.refill()?;
        }
        let taken = (&self.buffer.filled()[self.taken..]).read(into)?;
        self.taken += taken;
        Ok(taken)
    }
}

/// Memory that begins at a multiple of [`DIRECT_BLOCK_BYTES`], as writes past the cache need it.
#[derive(Debug)]
struct Buffer {
    /// A block longer than what is used of it.
    memory: Vec<u8>,
    start: usize,
    filled: usize,
}

impl Buffer {
    fn new() -> Self {
        let memory = vec![0; DIRECT_BUFFER_BYTES + DIRECT_BLOCK_BYTES];
        // Should the offset not be known, writes from here are refused and go through the cache.
        let start = memory.as_ptr().align_offset(DIRECT_BLOCK_BYTES).min(DIRECT_BLOCK_BYTES);
        Self { memory, start, filled: 0 }
    }

    /// Fills itself with what one read gives.
    fn fill(&mut self, file: &mut File) -> io::Result<()> {
        let end = self.start + DIRECT_BUFFER_BYTES;
        self.filled += file.read(&mut self.memory[self.start + self.filled..end])?;
        Ok(())
    }

    /// Takes as many as there is room for; gives the rest back.
    fn take<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (taken, rest) = bytes.split_at(bytes.len().min(DIRECT_BUFFER_BYTES - self.filled));
        let begin = self.start + self.filled;
        self.memory[begin..begin + taken.len()].copy_from_slice(taken);
        self.filled += taken.len();
        rest
    }

    fn filled(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.filled]
    }

    fn is_full(&self) -> bool {
        self.filled == DIRECT_BUFFER_BYTES
    }

    fn clear(&mut self) {
        self.filled = 0;
    }
}

#[cfg(all(test, not(feature = "simulation")))]
mod tests {
    use super::*;

    fn read_back(path: &Path, piece: usize) -> io::Result<Vec<u8>> {
        let (mut file, mut back, mut part) = (DirectReader::open(path)?, Vec::new(), vec![0; piece]);
        loop {
            match file.read(&mut part)? {
                0 => return Ok(back),
                count => back.extend_from_slice(&part[..count]),
            }
        }
    }

    fn some(length: usize) -> Vec<u8> {
        (0..=250).cycle().take(length).collect()
    }

    /// Every length around those of blocks and of the buffer reads back as it was put, in pieces of several lengths.
    #[test]
    fn lengths_of_all_kinds_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("once");
        let around = |length: usize| [length - 1, length, length + 1];
        for length in [[0, 1, 2], around(DIRECT_BLOCK_BYTES), around(DIRECT_BUFFER_BYTES), around(3 * DIRECT_BUFFER_BYTES)].concat() {
            for piece in [1_000, DIRECT_BLOCK_BYTES, 2 * DIRECT_BUFFER_BYTES + 7] {
                let bytes = some(length);
                let mut file = DirectWriter::create(&path).unwrap();
                bytes.chunks(piece).for_each(|piece| file.put(piece).unwrap());
                file.flush().unwrap();
                file.sync().unwrap();
                assert!(std::fs::read(&path).unwrap() == bytes, "{length} bytes in pieces of {piece}");
                assert!(read_back(&path, piece).unwrap() == bytes, "{length} bytes, read in pieces of {piece}");
            }
        }
    }

    /// What the file system refuses as not of its blocks goes through the cache, and so does all after it.
    #[test]
    fn what_is_refused_goes_through_the_cache() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("once");
        let bytes = some(2 * DIRECT_BUFFER_BYTES + 5);
        let mut file = DirectWriter::create(&path).unwrap();
        // Memory that begins in the middle of a block.
        file.buffer.start = file.buffer.start.checked_sub(1).unwrap_or(1);
        file.put(&bytes[..DIRECT_BUFFER_BYTES]).unwrap();
        let is_refused = !file.is_direct;
        file.put(&bytes[DIRECT_BUFFER_BYTES..]).unwrap();
        file.flush().unwrap();
        assert!(std::fs::read(&path).unwrap() == bytes);
        let mut file = DirectReader::open(&path).unwrap();
        file.buffer.start = file.buffer.start.checked_sub(1).unwrap_or(1);
        let mut back = Vec::new();
        file.read_to_end(&mut back).unwrap();
        assert!(back == bytes);
        if !is_refused {
            eprintln!("NOT RUN: this file system takes direct writes of any memory, so nothing was refused");
        }
    }
}
