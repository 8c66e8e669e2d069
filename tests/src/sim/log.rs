//! The modelled Raft log: ordered, with terms. What is committed stays; what is not may go with its leader.

use std::collections::VecDeque;

use bytes::Bytes;
use holdfast_inventory::{LogIndex, Moment};

/// What stands at one index.
#[derive(Clone, Debug)]
pub(super) enum Slot {
    /// A leader's empty entry; also what the world was founded with, which no node applies again.
    Blank,
    /// A stamped command.
    Command(Bytes),
}

/// A log with one rightful leader at a time. A node that was deposed and does not know is no business of the log: what is
/// sent to it is lost.
#[derive(Debug, Default)]
pub(super) struct Log {
    committed: Vec<(Slot, Moment)>,
    /// Appended by the leader, on no majority yet.
    suffix: VecDeque<Slot>,
    pub(super) term: u64,
    pub(super) leader: Option<usize>,
    /// Entries of the leader's own term begin here; reads are answered once one of them is committed.
    own_term_from: LogIndex,
}

impl Log {
    /// Index of the last committed entry.
    pub(super) fn committed(&self) -> LogIndex {
        LogIndex(self.committed.len() as u64)
    }

    /// Index of the last appended entry.
    pub(super) fn appended(&self) -> LogIndex {
        LogIndex((self.committed.len() + self.suffix.len()) as u64)
    }

    pub(super) fn slot(&self, index: LogIndex) -> &Slot {
        &self.committed[place(index)].0
    }

    /// When an entry was committed; none if it is not.
    pub(super) fn committed_at(&self, index: LogIndex) -> Option<Moment> {
        self.committed.get(place(index)).map(|(_, at)| *at)
    }

    pub(super) fn append(&mut self, slot: Slot) -> LogIndex {
        self.suffix.push_back(slot);
        self.appended()
    }

    /// The next entry is on a majority.
    pub(super) fn commit_next(&mut self, now: Moment) -> Option<LogIndex> {
        let slot = self.suffix.pop_front()?;
        self.committed.push((slot, now));
        Some(self.committed())
    }

    /// A new leader, whose log has `keep` of the uncommitted entries. Returns how many were dropped.
    pub(super) fn elect(&mut self, leader: usize, keep: usize) -> usize {
        let dropped = self.suffix.len() - keep;
        self.suffix.truncate(keep);
        self.term += 1;
        self.leader = Some(leader);
        self.own_term_from = self.append(Slot::Blank);
        dropped
    }

    /// Entries on no majority yet.
    pub(super) fn uncommitted(&self) -> usize {
        self.suffix.len()
    }

    /// Whether the leader may tell a read index.
    pub(super) fn answers_reads(&self) -> bool {
        self.committed() >= self.own_term_from
    }
}

fn place(index: LogIndex) -> usize {
    usize::try_from(index.0).unwrap_or(usize::MAX).wrapping_sub(1)
}
