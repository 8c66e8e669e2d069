//! In the place of sled: a map in memory, and a file of its batches, which survive in order.
//!
//! Layout of the file: for each batch its length and its CRC-32 (u32 LE each), then for each put the lengths of key and value
//! (u32 LE each) and both.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Syncer;
use crate::durable_file::sync_dir;
use crate::files::{DirBuilder, File, OpenOptions, read};

/// Bytes that the engine gave.
pub(crate) type Slice = Vec<u8>;

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// One open database with one tree.
pub(crate) struct Engine {
    file: File,
    syncer: Arc<dyn Syncer>,
    state: Mutex<State>,
}

struct State {
    map: Map,
    end: u64,
}

/// There are no threads in which anything could go wrong.
#[derive(Clone)]
pub(crate) struct EngineFault;

impl EngineFault {
    #[allow(clippy::unnecessary_wraps, clippy::unused_self, reason = "the signature of the other engine")]
    pub(crate) fn check(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes that become visible together.
#[derive(Default)]
pub(crate) struct Batch {
    puts: Vec<(Vec<u8>, Vec<u8>)>,
    bytes: usize,
}

impl Batch {
    pub(crate) fn put(&mut self, key: &[u8], value: Slice) {
        self.bytes += key.len() + value.len();
        self.puts.push((key.to_vec(), value));
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn encode(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.bytes + 8 * self.puts.len());
        for part in self.puts.iter().flat_map(|(key, value)| [key, value]) {
            body.extend_from_slice(&length(part));
            body.extend_from_slice(part);
        }
        [&length(&body), &crc32fast::hash(&body).to_le_bytes()[..], &body].concat()
    }
}

/// Everything here is far below 4 GiB.
fn length(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes()
}

impl Engine {
    /// Opens the database in `dir`, makes it if it is not there; a torn end is cut off, as sled does.
    pub(crate) fn open(dir: &Path, syncer: Arc<dyn Syncer>) -> io::Result<Self> {
        match DirBuilder::new().create(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let path = dir.join("db");
        let file = OpenOptions::new().create(true).open(&path)?;
        let (map, end) = recover(&read(&path)?);
        file.sync_all()?;
        sync_dir(dir)?;
        Ok(Self { file, syncer, state: Mutex::new(State { map, end }) })
    }

    pub(crate) fn apply(&self, batch: Batch) -> io::Result<()> {
        let bytes = batch.encode();
        let mut state = self.state();
        self.file.write_all_at(&bytes, state.end)?;
        state.end += bytes.len() as u64;
        state.map.extend(batch.puts);
        Ok(())
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.syncer.sync(&self.file)
    }

    #[allow(clippy::unnecessary_wraps, reason = "the signature of the other engine")]
    pub(crate) fn get(&self, key: &[u8]) -> io::Result<Option<Slice>> {
        Ok(self.state().map.get(key).cloned())
    }

    /// Keys from `from`, and before `to`, ascending; or descending from the back.
    pub(crate) fn range(&self, from: &[u8], to: &[u8]) -> impl DoubleEndedIterator<Item = io::Result<(Slice, Slice)>> + use<> {
        let state = self.state();
        let found = state.map.range(from.to_vec()..to.to_vec()).map(|(key, value)| (key.clone(), value.clone()));
        found.collect::<Vec<_>>().into_iter().map(Ok)
    }

    pub(crate) fn size_on_disk(&self) -> io::Result<u64> {
        self.file.metadata().map(|metadata| metadata.len())
    }

    #[allow(clippy::unused_self, reason = "the signature of the other engine")]
    pub(crate) fn fault(&self) -> EngineFault {
        EngineFault
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the whole batches at the beginning come to, and where they end.
fn recover(bytes: &[u8]) -> (Map, u64) {
    let (mut map, mut rest) = (Map::new(), bytes);
    while let Some((batch, after)) = next_batch(rest) {
        map.extend(batch);
        rest = after;
    }
    (map, (bytes.len() - rest.len()) as u64)
}

type Puts = Vec<(Vec<u8>, Vec<u8>)>;

fn next_batch(bytes: &[u8]) -> Option<(Puts, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let (mut body, after) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    if body.is_empty() || crc32fast::hash(body) != u32::from_le_bytes(*sum) {
        return None;
    }
    let mut puts = Vec::new();
    while !body.is_empty() {
        puts.push((next_part(&mut body)?, next_part(&mut body)?));
    }
    Some((puts, after))
}

fn next_part(body: &mut &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = body.split_first_chunk::<4>()?;
    let (part, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *body = rest;
    Some(part.to_vec())
}
