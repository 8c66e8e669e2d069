//! A stopped node's directory, replayed: what its state is, and whether everything in it hangs together.
//!
//! The state's own assertions (conservation among them) and its digest chain are what checks: a log that is still whole is
//! replayed from its first entry, and must come to the digest of the snapshot on its way. The order log must read back whole,
//! reach as far as the snapshots let the log be purged, have the events of each entry that is replayed, and each order that
//! the state remembers in the status that the state gives it; if none of it is missing, all its orders and adjustments together
//! must come to the state's numbers.

use std::borrow::Cow;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use holdfast_inventory::{Entry, Inventory, LogIndex, NodeId, Status, codec};
use holdfast_storage::{DataDir, LogStore, OpenError, OrderLog};
use openraft::EntryPayload;
use thiserror::Error;

use crate::ledger::Ledger;
use crate::limits::REPLAY_BYTES;
use crate::log::{committed_in, to_entry};
use crate::snapshot::load;
use crate::types::{LogEntry, log_index};

/// What a directory came to.
pub struct Replay {
    /// The state at its last entry that was known to be committed.
    pub inventory: Inventory,
    /// The first entry that was replayed: the cluster's first, or the one after the newest snapshot.
    pub first: LogIndex,
    /// Entries that were replayed from the log.
    pub entries: u64,
    /// Index of the newest snapshot, if there is one.
    pub snapshot: Option<LogIndex>,
    /// Whether the replay began before that snapshot and came to its digest.
    pub passed_snapshot: bool,
    /// What the order log adds up to, and the state agrees with. None if it is not all there: a node that runs fetches pages that
    /// a snapshot jumped over from a peer.
    pub ledger: Option<Ledger>,
}

/// Why a directory was not replayed.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The directory can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A file can't be read or is damaged.
    #[error("the data directory is damaged: {0}")]
    Io(#[from] io::Error),
    /// A snapshot is damaged; a start sets it aside.
    #[error("snapshot {0} is damaged: a start sets it aside and takes the one before it, or a peer's")]
    Snapshot(String),
    /// The order log is damaged or not whole.
    #[error("the order log is damaged: {0}")]
    OrderLog(String),
    /// The log does not have what it must have had.
    #[error("the Raft log is empty, though the node had come to index {0}: it was lost")]
    LogLost(LogIndex),
    /// Log, state and snapshot do not hang together.
    #[error("at index {index}: {reason}")]
    Contradiction {
        /// The entry.
        index: u64,
        /// In what way.
        reason: String,
    },
}

/// Replays the newest snapshot and the committed log after it; of a log that was never purged everything. What a crash kept
/// from the order log is written to it: give a copy. Blocks.
pub fn replay(data: &DataDir) -> Result<Replay, ReplayError> {
    let (log, snapshots, orders) = (data.log()?, data.snapshots()?, data.orders()?);
    if let Some(name) = snapshots.damaged().first() {
        return Err(ReplayError::Snapshot(name.clone()));
    }
    let stored = snapshots.newest().map(|info| load(&snapshots, &info)).transpose()?;
    let snapshot = stored.as_ref().map(Inventory::last_index);
    refuse_lost_log(&log, snapshot.max(orders.appended_index()))?;
    check_orders(&orders, snapshot)?;
    let whole = log.bounds().purged.is_none() && stored.as_ref().is_none_or(|stored| log_reaches_back(&log, stored));
    let (inventory, first, check) = match stored {
        Some(stored) if !whole => (stored.clone(), stored.last_index().0, None),
        stored => (Inventory::new(), 0, stored),
    };
    let mut replay = Replay { inventory, first: LogIndex(first + 1), entries: 0, snapshot, passed_snapshot: false, ledger: None };
    if let Some(committed) = committed_in(&log)? {
        replay.follow((&log, &orders), first, committed + 1, check.as_ref())?;
    }
    check_remembered(&orders, &replay.inventory)?;
    replay.ledger = whole_ledger(&orders, &replay.inventory).map_err(ReplayError::OrderLog)?;
    Ok(replay)
}

/// A node that came to some index has a log with a vote and entries, or what was purged in their place.
fn refuse_lost_log(log: &LogStore, reached: Option<LogIndex>) -> Result<(), ReplayError> {
    let bounds = log.bounds();
    match reached {
        Some(reached) if bounds.last.is_none() && bounds.purged.is_none() && log.vote().is_none() => Err(ReplayError::LogLost(reached)),
        _ => Ok(()),
    }
}

/// History up to a snapshot is durable before the snapshot is seen.
fn check_orders(orders: &OrderLog, snapshot: Option<LogIndex>) -> Result<(), ReplayError> {
    if orders.was_reset() {
        return Err(ReplayError::OrderLog("it does not open; a start sets it aside and fetches its pages from a peer".into()));
    }
    let reached = orders.appended_index();
    if let Some(snapshot) = snapshot.filter(|snapshot| reached < Some(*snapshot)) {
        let reached = reached.map_or_else(|| "nothing".to_owned(), |reached| format!("index {reached}"));
        return Err(ReplayError::OrderLog(format!("it reaches {reached}, and had reached index {snapshot}")));
    }
    orders.check().map_err(|error| ReplayError::OrderLog(error.to_string()))
}

/// Every order that the state remembers is in the order log with the state's status, unless it is in a range that the log says
/// it misses.
fn check_remembered(orders: &OrderLog, inventory: &Inventory) -> Result<(), ReplayError> {
    let told = |error: io::Error| ReplayError::OrderLog(error.to_string());
    for at in inventory.orders() {
        if orders.events_of(at.index).map_err(told)?.is_none() {
            continue;
        }
        let place = format!("the order of index {}, position {}", at.index, at.position);
        let Some(stored) = orders.order(at).map_err(told)? else { return Err(ReplayError::OrderLog(format!("it lacks {place}"))) };
        let log = stored.status.status;
        // A hold that is over and not swept is expired for whoever asks, and held in history.
        let agrees = inventory.order(at).is_some_and(|now| match now.content {
            Some(_) => matches!(log, Status::Held { .. }),
            None => now.status.status == log,
        });
        if !agrees && orders.missing().is_empty() {
            return Err(ReplayError::OrderLog(format!("it says that {place} is {}, the state does not", log.word())));
        }
    }
    Ok(())
}

/// The order log added up and held against the state, if it is all there and no further than the state.
fn whole_ledger(orders: &OrderLog, inventory: &Inventory) -> Result<Option<Ledger>, String> {
    if !orders.missing().is_empty() || orders.appended_index() > Some(inventory.last_index()) {
        return Ok(None);
    }
    let ledger = Ledger::read(orders)?;
    ledger.agrees_with(inventory)?;
    Ok(Some(ledger))
}

/// Whether the log still begins with the cluster's first entry: one that was installed from a peer begins behind it.
fn log_reaches_back(log: &LogStore, stored: &Inventory) -> bool {
    stored.last_index() == LogIndex(0) || log.read(0, 1, REPLAY_BYTES).is_ok_and(|records| !records.is_empty())
}

impl Replay {
    fn follow(
        &mut self,
        (log, orders): (&LogStore, &OrderLog),
        mut next: u64,
        end: u64,
        check: Option<&Inventory>,
    ) -> Result<(), ReplayError> {
        while next < end {
            let records = log.read(next, end, REPLAY_BYTES)?;
            if records.is_empty() {
                return Err(contradiction(next, "the log ends before what it says is committed"));
            }
            for record in records {
                if record.index != next {
                    return Err(contradiction(next + 1, "the log has a gap"));
                }
                self.apply(&to_entry(record)?, orders)?;
                if let Some(check) = check.filter(|check| check.last_index() == self.inventory.last_index()) {
                    if check.digest() != self.inventory.digest() {
                        return Err(contradiction(next + 1, "the log and the snapshot come to different digests"));
                    }
                    self.passed_snapshot = true;
                }
                next += 1;
            }
        }
        Ok(())
    }

    fn apply(&mut self, entry: &LogEntry, orders: &OrderLog) -> Result<(), ReplayError> {
        let index = log_index(&entry.log_id);
        let change = match &entry.payload {
            EntryPayload::Blank => Entry::Blank,
            EntryPayload::Membership(membership) => Entry::Members(Cow::Owned(membership.nodes().map(|(id, _)| NodeId(*id)).collect())),
            EntryPayload::Normal(payload) => {
                let (stamp, command) = codec::read_entry(&payload.0).map_err(|error| contradiction(index.0, &error.to_string()))?;
                Entry::Command(stamp, command)
            }
        };
        let applied = catch_unwind(AssertUnwindSafe(|| self.inventory.apply(index, &change)))
            .map_err(|_| contradiction(index.0, "the state contradicts itself"))?;
        self.entries += 1;
        let kept = orders.events_of(index).map_err(|error| ReplayError::OrderLog(error.to_string()))?;
        if kept.is_some_and(|kept| kept != applied.events) {
            return Err(ReplayError::OrderLog(format!("its events of index {index} are not those that the log comes to")));
        }
        // What a crash left unwritten is made up for, as at a start; what is there is skipped.
        orders.append(index, applied.stamp, &applied.events).map_err(|error| ReplayError::OrderLog(error.to_string()))
    }
}

fn contradiction(index: u64, reason: &str) -> ReplayError {
    ReplayError::Contradiction { index, reason: reason.to_owned() }
}
