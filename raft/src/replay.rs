//! A stopped node's directory, replayed: what its state is, and whether everything in it hangs together.
//!
//! The state's own assertions (conservation among them) and its digest chain are what checks: a log that is still whole is
//! replayed from its first entry, and must come to the digest of the snapshot on its way. The order log must read back whole,
//! reach as far as the log was purged, have the events of each entry that is replayed, and each order that
//! the state remembers in the status that the state gives it; if none of it is missing, all its orders and adjustments together
//! must come to the state's numbers.
//!
//! A snapshot may be ahead of the order log: a peer's, which an operator copied here, or after which the node crashed. What it jumps
//! over is noted as missing, as at a start.
//!
//! Only what was applied is replayed: what the log's mark says is committed, and what the order log has of it. The mark is written
//! with the next append, the order log by itself, so that after a crash the order log tells of later entries. It may even tell of
//! entries that the log lacks, if a slow disk had not taken them yet when the other nodes had.

use std::borrow::Cow;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use holdfast_inventory::{Entry, Inventory, LogIndex, NodeId, Status, codec};
use holdfast_storage::{DataDir, Loaded, LogStore, OpenError, OrderLog};
use openraft::EntryPayload;
use thiserror::Error;

use crate::StartError;
use crate::ledger::Ledger;
use crate::limits::REPLAY_BYTES;
use crate::log::{committed_in, to_entry};
use crate::snapshot::read_state;
use crate::start::{begins_after, refuse_gap};
use crate::types::{LogEntry, log_index};

/// What a directory came to.
pub struct Replay {
    /// The state at the last entry that is known to have been applied.
    pub inventory: Inventory,
    /// The first entry that was replayed: the cluster's first, or the one after the newest snapshot.
    pub first: LogIndex,
    /// Entries that were replayed from the log.
    pub entries: u64,
    /// Index of the newest snapshot, if there is one.
    pub snapshot: Option<LogIndex>,
    /// Whether the replay began before that snapshot and came to its digest.
    pub passed_snapshot: bool,
    /// What the order log was held against the state for.
    pub history: History,
}

/// How far the order log was held against the state.
pub enum History {
    /// All of it: what it adds up to, and the state agrees with.
    Whole(Ledger),
    /// It is not all there, in this range: a node that runs fetches pages that a snapshot jumped over from a peer.
    Missing {
        /// First entry that is missing.
        from: LogIndex,
        /// Last entry that is missing; some before it may be there.
        through: LogIndex,
    },
    /// It ends before the newest snapshot. Whether that snapshot came from a peer or the order log lost its end is not to be seen; a
    /// start fetches what is between from a peer.
    Behind {
        /// Last entry that it reaches.
        reached: Option<LogIndex>,
        /// Index of the snapshot.
        snapshot: LogIndex,
    },
    /// It reaches on to this index, and the log does not.
    Ahead(LogIndex),
}

impl History {
    /// What all of it adds up to.
    pub fn ledger(&self) -> Option<&Ledger> {
        match self {
            Self::Whole(ledger) => Some(ledger),
            Self::Missing { .. } | Self::Behind { .. } | Self::Ahead(_) => None,
        }
    }
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
    /// A snapshot is damaged; a start that comes to it sets it aside.
    #[error("snapshot {0} is damaged: a start that comes to it sets it aside, and takes the one before it if the log goes back so far")]
    Snapshot(String),
    /// The order log is damaged or not whole.
    #[error("the order log is damaged: {0}")]
    OrderLog(String),
    /// The log does not have what it must have had.
    #[error("the Raft log is empty, though the node had come to index {0}: it was lost")]
    LogLost(LogIndex),
    /// A start would be refused.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Log, state and snapshot do not hang together.
    #[error("at index {index}: {reason}")]
    Contradiction {
        /// The entry.
        index: u64,
        /// In what way.
        reason: String,
    },
}

/// Replays the newest snapshot and the applied log after it; of a log that was never purged everything. What a crash kept
/// from the order log, and what a start would note in it, is written to it: give a copy. Blocks.
pub fn replay(data: &DataDir) -> Result<Replay, ReplayError> {
    let (log, orders) = (data.log()?, data.orders()?);
    let (snapshots, loaded) = data.snapshots_read(read_state)?;
    if let Some(name) = snapshots.damaged().first().cloned().map_or_else(|| snapshots.find_damaged_older(), |name| Ok(Some(name)))? {
        return Err(ReplayError::Snapshot(name));
    }
    let stored = loaded.map(|Loaded { value, .. }| value);
    let snapshot = stored.as_ref().map(Inventory::last_index);
    refuse_lost_log(&log, snapshot.max(orders.appended_index()))?;
    refuse_gap(&log, &snapshots, data)?;
    let log_begins_after = begins_after(&log);
    check_orders(&orders, had_reached(data, log_begins_after, snapshot)?)?;
    let end = applied_end(&log, &orders)?;
    let behind = jump(&orders, snapshot)?;
    let whole = log_begins_after == LogIndex(0) && stored.as_ref().is_none_or(|stored| log_reaches_back(&log, stored));
    let (inventory, check) = match stored {
        Some(stored) if !whole => (stored, None),
        stored => (Inventory::new(), stored),
    };
    let first = inventory.last_index();
    // Until the order log was held against the state.
    let history = History::Ahead(first);
    let mut replay = Replay { inventory, first: LogIndex(first.0 + 1), entries: 0, snapshot, passed_snapshot: false, history };
    replay.follow((&log, &orders), first.0, end, check.as_ref())?;
    replay.go_on_to(check);
    check_remembered(&orders, &replay.inventory)?;
    replay.history = behind.map_or_else(|| history_of(&orders, &replay.inventory), Ok).map_err(ReplayError::OrderLog)?;
    Ok(replay)
}

/// How far the order log certainly was once: the log lets go of an entry only when history up to it is durable, noted gaps aside. So it is
/// with a node's own snapshots; which those are is not to be seen, but in a cluster of one all are.
fn had_reached(data: &DataDir, log_begins_after: LogIndex, snapshot: Option<LogIndex>) -> Result<LogIndex, OpenError> {
    let roster = data.peek()?.and_then(|identity| identity.cluster);
    let is_alone = roster.is_some_and(|roster| roster.members.len() == 1);
    Ok(snapshot.filter(|_| is_alone).map_or(log_begins_after, |snapshot| snapshot.max(log_begins_after)))
}

/// Notes that history between the end of the order log and the newest snapshot is missing, as a start does.
fn jump(orders: &OrderLog, snapshot: Option<LogIndex>) -> io::Result<Option<History>> {
    let reached = orders.appended_index();
    let Some(snapshot) = snapshot.filter(|snapshot| reached < Some(*snapshot)) else { return Ok(None) };
    orders.jump_to(snapshot)?;
    Ok(Some(History::Behind { reached, snapshot }))
}

/// Where what was certainly applied ends, as the log counts.
fn applied_end(log: &LogStore, orders: &OrderLog) -> io::Result<u64> {
    let committed = committed_in(log)?.map_or(0, |committed| committed + 1);
    let held = log.bounds().last.map_or(0, |(last, _)| last + 1);
    // Holdfast counts from 1: the index of the last entry is the end.
    let told = orders.appended_index().map_or(0, |appended| appended.0);
    Ok(committed.max(told.min(held)))
}

/// A node that came to some index has a log with a vote and entries, or what was purged in their place.
fn refuse_lost_log(log: &LogStore, reached: Option<LogIndex>) -> Result<(), ReplayError> {
    let bounds = log.bounds();
    match reached {
        Some(reached) if bounds.last.is_none() && bounds.purged.is_none() && log.vote().is_none() => Err(ReplayError::LogLost(reached)),
        _ => Ok(()),
    }
}

fn check_orders(orders: &OrderLog, had_reached: LogIndex) -> Result<(), ReplayError> {
    if orders.was_reset() {
        return Err(ReplayError::OrderLog("it does not open; a start sets it aside and fetches its pages from a peer".into()));
    }
    let reached = orders.appended_index();
    if reached.unwrap_or_default() < had_reached {
        let reached = reached.map_or_else(|| "nothing".to_owned(), |reached| format!("index {reached}"));
        return Err(ReplayError::OrderLog(format!("it reaches {reached}, and had reached index {had_reached}")));
    }
    orders.check().map_err(|error| ReplayError::OrderLog(error.to_string()))
}

/// Every order that the state remembers is in the order log, unless it is in a range that the log says it misses; with the state's
/// status, unless more may have become of it in such a range or after the state's last entry.
fn check_remembered(orders: &OrderLog, inventory: &Inventory) -> Result<(), ReplayError> {
    let told = |error: io::Error| ReplayError::OrderLog(error.to_string());
    let is_level = orders.missing().is_empty() && orders.appended_index() <= Some(inventory.last_index());
    // The orders of one entry come one after the other: its pages are read once for all of them.
    let mut entry: Option<(LogIndex, bool)> = None;
    for at in inventory.orders() {
        let is_told = match entry.filter(|(index, _)| *index == at.index) {
            Some((_, is_told)) => is_told,
            None => orders.events_of(at.index).map_err(told)?.is_some(),
        };
        entry = Some((at.index, is_told));
        if !is_told {
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
        if !agrees && is_level {
            return Err(ReplayError::OrderLog(format!("it says that {place} is {}, the state does not", log.word())));
        }
    }
    Ok(())
}

/// The order log added up and held against the state, if it is all there and no further than the state.
fn history_of(orders: &OrderLog, inventory: &Inventory) -> Result<History, String> {
    if let [first, .., last] | [first @ last] = &orders.missing()[..] {
        return Ok(History::Missing { from: first.from.0, through: last.through });
    }
    if let Some(ahead) = orders.appended_index().filter(|reached| *reached > inventory.last_index()) {
        return Ok(History::Ahead(ahead));
    }
    let ledger = Ledger::read(orders)?;
    ledger.agrees_with(inventory)?;
    Ok(History::Whole(ledger))
}

/// Whether the log still begins with the cluster's first entry: one that was installed from a peer begins behind it.
fn log_reaches_back(log: &LogStore, stored: &Inventory) -> bool {
    stored.last_index() == LogIndex(0) || log.read(0, 1, REPLAY_BYTES).is_ok_and(|records| !records.is_empty())
}

impl Replay {
    /// Goes on with the newest snapshot, if the log ends before it.
    fn go_on_to(&mut self, snapshot: Option<Inventory>) {
        if let Some(newer) = snapshot.filter(|snapshot| snapshot.last_index() > self.inventory.last_index()) {
            (self.first, self.entries) = (LogIndex(newer.last_index().0 + 1), 0);
            self.inventory = newer;
        }
    }

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
                return Err(contradiction(next + 1, "the log ends before what it says is committed"));
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
        let appended = orders.wait_for_room().and_then(|()| orders.append(index, applied.stamp, &applied.events));
        appended.map_err(|error| ReplayError::OrderLog(error.to_string()))
    }
}

fn contradiction(index: u64, reason: &str) -> ReplayError {
    ReplayError::Contradiction { index, reason: reason.to_owned() }
}

#[cfg(test)]
mod tests;
