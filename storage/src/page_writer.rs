//! The one thread that writes the order log.
//!
//! Order of a round: pages, marks and statuses in small batches; then, in the last batch, the index that they reach and the
//! missing ranges; then a sync, if someone waits for one. After a crash entries beyond the stored index may be there in
//! part: they are applied again, and write the same pages, and the same marks and statuses in items of other rounds.

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
fn with_before(engine: &Engine, (key, value): Put) -> io::Result<Put> {
    let value = match engine.get(&key)? {
        Some(before) => statuses::joined(&key, &before, &value)?,
        None => value,
    };
    Ok((key, value))
}

fn write(engine: &Engine, gathered: &Gathered) -> io::Result<()> {
    let mut batch = Batch::default();
    let mut put = |key: &[u8], value: Slice| {
        batch.put(key, value);
        if batch.bytes() < ORDER_BATCH_BYTES { Ok(()) } else { engine.apply(std::mem::take(&mut batch)) }
    };
    for (key, value) in &gathered.table.items {
        put(key, value.clone())?;
    }
    for marks in marks::puts_of(&gathered.table.marks) {
        for (key, value) in marks::beside_before(engine, marks)? {
            put(&key, value)?;
        }
    }
    for statuses in statuses::puts_of(&gathered.table.statuses) {
        let (key, value) = with_before(engine, statuses)?;
        put(&key, value)?;
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
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use holdfast_inventory::{OrderRef, SkuId, Stamp, Status, StatusAt};

    use super::*;
    use crate::DataSync;
    use crate::memtable::Table;
    use crate::order_keys::{ALL_MARK_LISTS, ALL_MARKS_APART, place_of, sku_of};
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

    /// The same with the marks of a sale of seats: what the lists of both rounds say is found.
    #[test]
    fn a_list_of_marks_does_not_take_the_place_of_another() {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::open(&dir.path().join("db"), Arc::new(DataSync)).unwrap();
        let page = |index: u64| ((LogIndex(index), 0), (0..70).map(|n| SkuId(n * 64 + u32::try_from(index).unwrap())).collect());
        for pages in [[1, 2, 4], [1, 3, 4], [1, 3, 4]] {
            let table = Arc::new(Table { marks: pages.into_iter().map(page).collect(), ..Table::default() });
            write(&engine, &Gathered { table, through: None, missing: None }).unwrap();
        }
        let lists: Vec<_> = engine.range(ALL_MARK_LISTS.0, ALL_MARK_LISTS.1).map(Result::unwrap).collect();
        assert_eq!(lists.len(), 1);
        let listed = marks::read(&lists[0].0, &lists[0].1).unwrap().into_iter();
        let apart = engine.range(ALL_MARKS_APART.0, ALL_MARKS_APART.1).map(Result::unwrap);
        let apart = apart.map(|(key, _)| (sku_of(&key).unwrap(), place_of(&key).unwrap()));
        let found: BTreeSet<_> = listed.chain(apart).map(|(sku, page)| (page, sku)).collect();
        let expected: BTreeSet<_> =
            (1..5).map(page).flat_map(|(page, skus): (_, Vec<SkuId>)| skus.into_iter().map(move |sku| (page, sku))).collect();
        assert_eq!(found, expected);
    }
}
