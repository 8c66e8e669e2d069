//! sled, by the rules that make it durable. The only file that names it.
//!
//! sled's `flush` is `sync_file_range` on Linux: it survives a killed process, not a power cut. So every database keeps an
//! own handle of its file and syncs that after each flush; `conf`, `db` and the directory are synced once at opening.
//! `flush_async` is never called: it deadlocks sled's own pool. A write error of that pool is kept where nobody who waits in
//! `flush` need ever see it: [`EngineFault`] is for the watchdog to ask.

use std::fs::{DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Syncer;
use crate::background::give_way;
use crate::durable_file::sync_dir;
use crate::frame::damaged;
use crate::limits::{ENGINE_CACHE_BYTES, ENGINE_FLUSH_EVERY_MS, ENGINE_LOCK_WAIT_MS};
use crate::planted::{self, Planted};

/// Bytes that the engine gave; cheap to clone.
pub(crate) type Slice = sled::IVec;

/// One open database with one tree. Batches of one writer thread are applied in order, and survive in order.
pub(crate) struct Engine {
    db: sled::Db,
    fault: EngineFault,
    file: File,
    syncer: Arc<dyn Syncer>,
}

/// Tells what went wrong in sled's own threads. Keeps no database open.
#[derive(Clone)]
pub(crate) struct EngineFault(sled::Config);

impl EngineFault {
    /// Fails if a write of sled's own threads has failed.
    pub(crate) fn check(&self) -> io::Result<()> {
        self.0.global_error().map_err(into_io)
    }
}

/// Writes that become visible together.
#[derive(Default)]
pub(crate) struct Batch {
    inner: sled::Batch,
    bytes: usize,
}

impl Batch {
    pub(crate) fn put(&mut self, key: &[u8], value: Slice) {
        self.bytes += key.len() + value.len();
        self.inner.insert(key, value);
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Engine {
    /// Opens the database in `dir`, makes it if it is not there. `InvalidData` means that it is damaged.
    pub(crate) fn open(dir: &Path, syncer: Arc<dyn Syncer>) -> io::Result<Self> {
        if let Err(error) = DirBuilder::new().mode(0o700).create(dir)
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(error);
        }
        let (db, fault) = open_db(dir)?;
        let path = dir.join("db");
        for name in ["conf", "db"] {
            let path = dir.join(name);
            std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
            File::open(&path)?.sync_all()?;
        }
        sync_dir(dir)?;
        let file = File::options().read(true).write(true).open(&path)?;
        Ok(Self { db, fault, file, syncer })
    }

    /// Applies a batch: visible to readers at once, durable after [`sync`](Self::sync).
    pub(crate) fn apply(&self, batch: Batch) -> io::Result<()> {
        self.db.apply_batch(batch.inner).map_err(into_io)
    }

    /// Makes everything applied before it survive a power cut: sled writes its buffers first, then the file is synced.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.db.flush().map_err(into_io)?;
        if planted::is(Planted::OrdersNotSynced) {
            return Ok(());
        }
        self.syncer.sync(&self.file)
    }

    pub(crate) fn get(&self, key: &[u8]) -> io::Result<Option<Slice>> {
        self.db.get(key).map_err(into_io)
    }

    /// Keys from `from`, and before `to`, ascending; or descending from the back. Backwards, sled guesses where the node before one ends, and
    /// panics where keys with four bytes of 255 in a row prove it wrong: integers in keys stay far below their largest, and hashes meet it
    /// once in some billion nodes.
    pub(crate) fn range(&self, from: &[u8], to: &[u8]) -> impl DoubleEndedIterator<Item = io::Result<(Slice, Slice)>> + use<> {
        self.db.range::<&[u8], _>(from..to).map(|item| item.map_err(into_io))
    }

    pub(crate) fn size_on_disk(&self) -> io::Result<u64> {
        self.db.size_on_disk().map_err(into_io)
    }

    pub(crate) fn fault(&self) -> EngineFault {
        self.fault.clone()
    }
}

/// Opens sled. A panic of its recovery on bytes that it does not expect is damage like any other.
fn open_db(dir: &Path) -> io::Result<(sled::Db, EngineFault)> {
    // On a thread that gives way: seven threads of sled's pool and its flusher are started here, and do as the one that starts them.
    // Later ones, under load, are started by the writer, which gives way too.
    let opening = || {
        give_way();
        open_and_wait(dir)
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("order-opener".into()).spawn_scoped(scope, opening)?;
        thread.join().unwrap_or_else(|_| Err(damaged("the thread that opens sled panicked")))
    })
}

fn open_and_wait(dir: &Path) -> io::Result<(sled::Db, EngineFault)> {
    let config = sled::Config::new()
        .path(dir)
        .cache_capacity(ENGINE_CACHE_BYTES)
        .flush_every_ms(Some(ENGINE_FLUSH_EVERY_MS))
        .print_profile_on_drop(false);
    let deadline = Instant::now() + Duration::from_millis(ENGINE_LOCK_WAIT_MS);
    loop {
        match catch_unwind(AssertUnwindSafe(|| config.open())) {
            Ok(Ok(db)) => return Ok((db, EngineFault(config))),
            // A database closed in this process just now is released by sled's own threads a little later.
            Ok(Err(error)) if is_lock(&error) && Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            Ok(Err(error)) => return Err(into_io(error)),
            Err(_) => return Err(damaged("sled's recovery panicked")),
        }
    }
}

fn is_lock(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}

fn into_io(error: sled::Error) -> io::Error {
    match error {
        sled::Error::Io(error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DataSync;

    #[test]
    fn a_database_reopens_with_its_batches() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        for round in 0_u8..3 {
            let engine = Engine::open(&path, Arc::new(DataSync)).unwrap();
            let mut batch = Batch::default();
            batch.put(&[round], b"value".into());
            engine.apply(batch).unwrap();
            engine.sync().unwrap();
            assert_eq!(engine.range(&[0], &[9]).count(), usize::from(round) + 1);
        }
    }
}
