//! The one thread that writes the order log.
//!
//! Order of a round: pages, marks and statuses in small batches; then, in the last batch, the index that they reach and the
//! missing ranges; then a sync, if someone waits for one. After a crash entries beyond the stored index may be there in
//! part: they are applied again, and write the same pages and marks, and the same statuses in items of other rounds.

use std::borrow::Cow;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use holdfast_inventory::{LogIndex, codec};

use crate::Missing;
use crate::abort;
use crate::background::give_way;
use crate::engine::{Batch, Engine, Slice};
use crate::frame::{damaged, seal, unseal};
use crate::limits::{ORDER_BATCH_BYTES, ORDER_GATHER_BYTES, ORDER_GATHER_MS};
use crate::marks;
use crate::memtable::{Gathered, Memtable};
use crate::order_keys::{MISSING_KEY, THROUGH_KEY};
use crate::order_log::OrderCore;
use crate::pages::Put;
use crate::planted::{self, Planted};
use crate::statuses;

/// What the database says about itself; `InvalidData` if it is damaged.
pub(crate) fn recover(engine: &Engine) -> io::Result<Memtable> {
    let through: Option<LogIndex> = read_meta(engine, THROUGH_KEY)?;
    let missing: Vec<Missing> = read_meta(engine, MISSING_KEY)?.unwrap_or_default();
    // Opening synced the file: what was read back here survives a power cut from now on.
    Ok(Memtable::recovered(through, missing))
}

fn read_meta<T: serde::de::DeserializeOwned>(engine: &Engine, key: &[u8]) -> io::Result<Option<T>> {
    let Some(value) = engine.get(key)? else { return Ok(None) };
    codec::decode(unseal(key, &value)?).map(Some).map_err(|error| damaged(&error.to_string()))
}

/// Runs until the log is closed and written. A failure or a panic poisons the log: nobody waits for a writer that is gone.
pub(crate) fn run_to_the_end(core: &OrderCore) {
    give_way();
    let result = catch_unwind(AssertUnwindSafe(|| run(core)));
    if let Err(error) = result.unwrap_or_else(|_| Err(io::Error::other("its writer panicked"))) {
        core.poison.raise("the order log could not be written", &error);
    }
    core.memtable().is_ended = true;
    core.progress.notify_all();
}

fn run(core: &OrderCore) -> io::Result<()> {
    while let Some((gathered, sync)) = gather(core) {
        write_round(core, &gathered, sync)?;
    }
    let _watched = core.watchdog.watch();
    core.engine.sync()
}

/// Writes what was gathered, and tells those who wait for it.
pub(crate) fn write_round(core: &OrderCore, gathered: &Gathered, sync: bool) -> io::Result<()> {
    let watched = core.watchdog.watch();
    abort::point("pages-write");
    write(&core.engine, gathered)?;
    if sync && !planted::is(Planted::OrdersDurableUnflushed) {
        abort::point("pages-sync");
        core.engine.sync()?;
    }
    drop(watched);
    let mut memtable = core.memtable();
    memtable.written(gathered.through);
    if sync {
        memtable.durable = gathered.through;
        memtable.sync_wanted = memtable.sync_wanted.filter(|wanted| gathered.through < Some(*wanted));
    }
    drop(memtable);
    core.progress.notify_all();
    Ok(())
}

/// Waits for work, gathers more of it for a while, and takes all there is; none when the log is closed and written. Also
/// tells whether to sync.
fn gather(core: &OrderCore) -> Option<(Gathered, bool)> {
    let mut memtable = core.memtable();
    let mut deadline = None;
    loop {
        let is_dirty = memtable.is_dirty();
        if memtable.is_closed && !is_dirty {
            return None;
        }
        let sync = memtable.is_sync_due();
        let wait = match (is_dirty, deadline) {
            (false, _) => None,
            (true, None) => Some(Duration::from_millis(ORDER_GATHER_MS)),
            (true, Some(deadline)) => Some(Instant::saturating_duration_since(&deadline, Instant::now())),
        };
        let is_full = memtable.active_bytes() > ORDER_GATHER_BYTES;
        if sync || memtable.is_closed || is_full || wait.is_some_and(|wait| wait.is_zero()) {
            return Some((memtable.gather(), sync));
        }
        memtable = match wait {
            None => core.filled.wait(memtable).unwrap_or_else(PoisonError::into_inner),
            Some(wait) => {
                deadline.get_or_insert_with(|| Instant::now() + wait);
                core.filled.wait_timeout(memtable, wait).unwrap_or_else(PoisonError::into_inner).0
            }
        };
    }
}

/// Statuses under a key that is there already: of a round before a crash.
fn with_before<'a>(engine: &Engine, (key, value): Put) -> io::Result<(Cow<'a, [u8]>, Slice)> {
    let value = match engine.get(&key)? {
        Some(before) => statuses::joined(&key, &before, &value)?,
        None => value,
    };
    Ok((Cow::Owned(key), value))
}

fn write(engine: &Engine, gathered: &Gathered) -> io::Result<()> {
    let mut batch = Batch::default();
    let items = gathered.table.items.iter().map(|(key, value)| Ok((Cow::Borrowed(&key[..]), value.clone())));
    let marks = marks::puts_of(&gathered.table.marks).into_iter().map(|(key, value)| Ok((Cow::Owned(key), value)));
    let statuses = statuses::puts_of(&gathered.table.statuses).map(|put| with_before(engine, put));
    for item in items.chain(marks).chain(statuses) {
        let (key, value) = item?;
        batch.put(&key, value);
        if batch.bytes() >= ORDER_BATCH_BYTES {
            engine.apply(std::mem::take(&mut batch))?;
        }
    }
    if let Some(through) = gathered.through {
        batch.put(THROUGH_KEY, seal(THROUGH_KEY, &[&codec::encode(&through)]).into());
    }
    if let Some(missing) = &gathered.missing {
        batch.put(MISSING_KEY, seal(MISSING_KEY, &[&codec::encode(missing)]).into());
    }
    engine.apply(batch)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use holdfast_inventory::{OrderRef, Stamp, Status, StatusAt};

    use super::*;
    use crate::DataSync;
    use crate::memtable::Table;
    use crate::statuses::{ByOrder, StatusV1, stored};

    fn at(position: u16, index: u64) -> (OrderRef, StatusV1) {
        let status = StatusAt { status: Status::Confirmed, since: Stamp(index) };
        (OrderRef { index: LogIndex(1), position }, StatusV1 { at: (LogIndex(index), position), status })
    }

    /// A peer's page of entry 2 and entry 3 from the log in one round; a crash between its batches; entry 3 once more, while the
    /// database still has what entry 2 said.
    #[test]
    fn a_round_that_is_written_again_with_less_takes_nothing_back() {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::open(&dir.path().join("db"), Arc::new(DataSync)).unwrap();
        let (from_peer, from_log) = (at(4, 2), at(5, 3));
        for statuses in [ByOrder::from([from_peer, from_log]), ByOrder::from([from_log])] {
            let table = Arc::new(Table { statuses, ..Table::default() });
            write(&engine, &Gathered { table, through: None, missing: None }).unwrap();
        }
        assert_eq!(stored(&engine, OrderRef { index: LogIndex(1), position: 0 }).unwrap(), ByOrder::from([from_peer, from_log]));
    }
}
