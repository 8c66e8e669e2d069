//! A small file that is replaced as a whole: after a power cut it is the old one or the new one.
//!
//! Layout: `HF`, kind, version, body length (u32 LE), CRC-32 of kind, version and body (u32 LE), body.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::OpenError;
use crate::files::{self, File, OpenOptions};
use crate::limits::DURABLE_FILE_BYTES;

const MAGIC: [u8; 2] = *b"HF";
/// Those before are the same: in a directory of version 1 the order log has each status by itself, in one of version 2 each mark of a SKU,
/// and in one of version 3 a snapshot has its records by shards.
/// They are read, and the next write makes them this one: a build that does not know it refuses the directory from then on.
const VERSION: u8 = 4;
const FIRST_VERSION: u8 = 1;
const HEADER_BYTES: usize = 12;

/// A small versioned file and what kind of content it must have.
#[derive(Clone, Debug)]
pub(crate) struct DurableFile {
    path: PathBuf,
    kind: u8,
}

impl DurableFile {
    pub(crate) fn new(path: PathBuf, kind: u8) -> Self {
        Self { path, kind }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The body; none if the file does not exist.
    pub(crate) fn read(&self) -> Result<Option<Vec<u8>>, OpenError> {
        let bytes = match files::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(OpenError::Io { path: self.path.clone(), source }),
        };
        self.check(&bytes).map(Some)
    }

    /// Replaces the body: written and synced under another name, then renamed, then the directory synced.
    pub(crate) fn write(&self, body: &[u8]) -> io::Result<()> {
        let bytes = self.seal(body)?;
        let next = self.path.with_extension("tmp");
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&next)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        files::rename(&next, &self.path)?;
        self.path.parent().map_or(Ok(()), sync_dir)
    }

    /// The file's bytes for a body.
    pub(crate) fn seal(&self, body: &[u8]) -> io::Result<Vec<u8>> {
        let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= DURABLE_FILE_BYTES);
        let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "body over its limit"))?;
        let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&[self.kind, VERSION]);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&checksum(self.kind, VERSION, body).to_le_bytes());
        bytes.extend_from_slice(body);
        Ok(bytes)
    }

    /// The body in what [`seal`](Self::seal) made.
    pub(crate) fn check(&self, bytes: &[u8]) -> Result<Vec<u8>, OpenError> {
        let damaged = |reason: &str| OpenError::Damaged { path: self.path.clone(), reason: reason.to_owned() };
        let Some((header, body)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Err(damaged("shorter than its header"));
        };
        let [m0, m1, kind, version, l0, l1, l2, l3, c0, c1, c2, c3] = *header;
        if [m0, m1] != MAGIC || kind != self.kind {
            return Err(damaged("not a file of this kind"));
        }
        if u32::from_le_bytes([l0, l1, l2, l3]) as usize != body.len() {
            return Err(damaged("wrong length"));
        }
        if u32::from_le_bytes([c0, c1, c2, c3]) != checksum(kind, version, body) {
            return Err(damaged("checksum does not match"));
        }
        if !(FIRST_VERSION..=VERSION).contains(&version) {
            return Err(OpenError::Version { path: self.path.clone(), version });
        }
        Ok(body.to_vec())
    }
}

/// Makes creations, renames and removals in `dir` survive a power cut.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

fn checksum(kind: u8, version: u8, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[kind, version]);
    hasher.update(body);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_replaced_as_a_whole() {
        let dir = tempfile::tempdir().unwrap();
        let file = DurableFile::new(dir.path().join("small"), 7);
        assert!(file.read().unwrap().is_none());
        file.write(b"one").unwrap();
        file.write(b"second").unwrap();
        assert_eq!(file.read().unwrap().unwrap(), b"second");
        // What a power cut in mid-write leaves: a torn file under the other name.
        std::fs::write(dir.path().join("small.tmp"), b"HF").unwrap();
        assert_eq!(file.read().unwrap().unwrap(), b"second");
    }

    #[test]
    fn any_flipped_bit_and_any_cut_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let file = DurableFile::new(dir.path().join("small"), 7);
        file.write(b"body").unwrap();
        let good = std::fs::read(file.path()).unwrap();
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(file.path(), &bytes).unwrap();
            assert!(file.read().is_err(), "bit {bit}");
        }
        for length in 0..good.len() {
            std::fs::write(file.path(), &good[..length]).unwrap();
            assert!(file.read().is_err(), "length {length}");
        }
    }

    #[test]
    fn a_file_of_another_kind_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("small");
        DurableFile::new(path.clone(), 7).write(b"body").unwrap();
        assert!(DurableFile::new(path, 8).read().is_err());
    }

    #[test]
    fn a_later_version_is_refused_as_such() {
        let file = DurableFile::new("small".into(), 7);
        let mut bytes = file.seal(b"body").unwrap();
        bytes[3] = VERSION + 1;
        bytes[8..12].copy_from_slice(&checksum(7, VERSION + 1, b"body").to_le_bytes());
        let refused = file.check(&bytes).unwrap_err();
        assert!(refused.refused() && matches!(refused, OpenError::Version { version: 5, .. }));
    }
}
