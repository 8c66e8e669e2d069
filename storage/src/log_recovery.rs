//! Opening the log: every record is read and checked, and the recent ones stay in memory.
//!
//! A log that does not read back whole is never repaired by cutting it: what is missing may have been acknowledged.

use std::io;

use bytes::Bytes;

use crate::OpenError;
use crate::durable_file::DurableFile;
use crate::engine::{Batch, Engine};
use crate::frame::{damaged, seal, unseal};
use crate::log_keys::{Assembler, COMMITTED_KEY, ORIGIN_KEY, PURGED_KEY, VOTE_KEY, end_of, read_purged, record_key, records_end};
use crate::log_tail::LogTail;

const MADE_KIND: u8 = 3;

/// What was found.
pub(crate) struct Recovered {
    pub(crate) tail: LogTail,
    /// Purged records that a crash left: their last index.
    pub(crate) leftovers: Option<u64>,
}

/// Makes sure that the database is the one that was made here: sled opens a lost or emptied file as a new database without a
/// word, and a log that begins anew forgets what it acknowledged. Call before [`recover`].
///
/// Synced in this order: the mark inside the database, then the file that says that it must be there.
pub(crate) fn check_origin(engine: &Engine) -> Result<(), OpenError> {
    let path = engine.path().to_owned();
    let made = DurableFile::new(path.join("made"), MADE_KIND);
    let marked = engine.get(ORIGIN_KEY).map_err(OpenError::io(&path))?;
    if made.read()?.is_some() {
        return match marked {
            Some(_) => Ok(()),
            None => Err(OpenError::LogDamaged { path, reason: "the database was lost, sled would begin a new one".into() }),
        };
    }
    let mut batch = Batch::default();
    batch.put(ORIGIN_KEY, &seal(ORIGIN_KEY, &[]));
    engine.apply(batch).and_then(|()| engine.sync()).and_then(|()| made.write(&[])).map_err(OpenError::io(path))
}

/// Reads the log; `InvalidData` if it is damaged.
pub(crate) fn recover(engine: &Engine) -> io::Result<Recovered> {
    let mut tail = LogTail::new(read_mark(engine, VOTE_KEY)?, read_mark(engine, COMMITTED_KEY)?);
    let mut from = record_key(0, 0).to_vec();
    let mut leftovers = None;
    if let Some(value) = engine.get(PURGED_KEY)? {
        let (upto, marker) = read_purged(&value)?;
        tail.purge(upto, marker);
        from = end_of(upto);
        leftovers = engine.range(&record_key(0, 0), &from).next().transpose()?.map(|_| upto);
    }
    read_records(engine, &from, &mut tail)?;
    Ok(Recovered { tail, leftovers })
}

fn read_records(engine: &Engine, from: &[u8], tail: &mut LogTail) -> io::Result<()> {
    let mut assembler = Assembler::default();
    for item in engine.range(from, &records_end()) {
        let (key, value) = item?;
        let Some(record) = assembler.push(&key, &value)? else { continue };
        // A log that was never purged begins with entry 0, or with 1 for those who count from there.
        let fits = tail.next_index().map_or(record.index <= 1, |next| record.index == next);
        if !fits {
            return Err(damaged(&format!("the record before {} is missing", record.index)));
        }
        let index = record.index;
        tail.push(record);
        tail.mark_written(tail.generation(), index);
    }
    if assembler.is_inside() { Err(damaged("the last record is not complete")) } else { Ok(()) }
}

fn read_mark(engine: &Engine, key: &[u8]) -> io::Result<Option<Bytes>> {
    let Some(value) = engine.get(key)? else { return Ok(None) };
    unseal(key, &value).map(|body| Some(Bytes::copy_from_slice(body)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::log_keys::put_record;
    use crate::{DataSync, LogRecord};

    fn engine(dir: &Path, indices: impl Iterator<Item = u64>) -> Engine {
        let engine = Engine::open(&dir.join("log"), Arc::new(DataSync)).unwrap();
        let mut batch = Batch::default();
        for index in indices {
            put_record(&mut batch, &LogRecord { index, head: Bytes::from_static(b"t"), payload: vec![7; 5_000].into() });
        }
        engine.apply(batch).unwrap();
        engine
    }

    fn remove(engine: &Engine, index: u64, chunk: u16) {
        let mut batch = Batch::default();
        batch.remove(&record_key(index, chunk));
        engine.apply(batch).unwrap();
    }

    #[test]
    fn a_whole_log_is_recovered() {
        let dir = tempfile::tempdir().unwrap();
        let found = recover(&engine(dir.path(), 0..10)).unwrap();
        assert_eq!(found.tail.bounds().last, Some((9, Bytes::from_static(b"t"))));
    }

    #[test]
    fn a_missing_chunk_is_damage_wherever_it_is() {
        for (index, chunk) in [(0, 0), (0, 1), (5, 0), (5, 1), (9, 1)] {
            let dir = tempfile::tempdir().unwrap();
            let engine = engine(dir.path(), 0..10);
            remove(&engine, index, chunk);
            assert!(recover(&engine).is_err(), "record {index}, chunk {chunk}");
        }
    }

    #[test]
    fn a_missing_record_is_damage() {
        for indices in [vec![2, 3], vec![0, 1, 3]] {
            let dir = tempfile::tempdir().unwrap();
            assert!(recover(&engine(dir.path(), indices.into_iter())).is_err());
        }
    }
}
