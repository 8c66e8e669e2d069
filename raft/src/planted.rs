//! Bugs of this crate that tests plant, one at a time, to show that they are caught.
//!
//! As in [`holdfast_inventory::planted`], but planted in the whole process. Without the feature `planted-bugs` every question is
//! answered "no" while compiling.

/// A bug, named for what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// Consensus hears that entries are durable when they are queued.
    CallBackBeforeSync,
    /// Consensus hears that a vote is durable when it is queued.
    VoteNotAwaited,
    /// A snapshot is made, and the log purged behind it, whether the order log is durable so far or not.
    SnapshotBeforeOrders,
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
