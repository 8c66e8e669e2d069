//! Bugs of this crate that tests plant, one at a time, to show that they are caught.
//!
//! As in [`holdfast_inventory::planted`], but planted in the whole process: the stores have threads of their own. Without the
//! feature `planted-bugs` every question is answered "no" while compiling.

/// A bug, named for what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// Groups of the Raft log are written and not synced.
    LogNotSynced,
    /// Records are called durable before they are written.
    AcknowledgeBeforeSync,
    /// A vote is called durable before it is written.
    VoteBeforeSync,
    /// The first group of a segment repeats the vote of before behind its own.
    OldVoteBehindNewer,
    /// A truncation is seen by readers, and not written.
    TruncationNotWritten,
    /// The order log's database is flushed, and its file not synced.
    OrdersNotSynced,
    /// The order log calls durable what it has handed to its database.
    OrdersDurableUnflushed,
    /// A snapshot gets its name before its file is synced.
    SnapshotNotSynced,
    /// A snapshot is told before the directory with its name is synced.
    SnapshotNameNotSynced,
}

#[cfg(feature = "planted-bugs")]
mod switch {
    use holdfast_inventory::planted::Plot;

    use super::Planted;

    static PLOT: Plot<Planted> = Plot::empty();

    /// Plants a bug in this process, or none, from here on.
    pub fn plant(bug: Option<Planted>) {
        PLOT.plant(bug);
    }

    pub(crate) fn is(bug: Planted) -> bool {
        PLOT.holds(bug)
    }
}

#[cfg(not(feature = "planted-bugs"))]
mod switch {
    use super::Planted;

    pub(crate) const fn is(_: Planted) -> bool {
        false
    }
}

pub(crate) use switch::is;
#[cfg(feature = "planted-bugs")]
pub use switch::plant;
