//! Bugs of this crate that tests plant, one at a time, to show that they are caught.
//!
//! As in [`holdfast_inventory::planted`], on the thread that a test and its handlers run on. Without the feature `planted-bugs`
//! every question is answered "no" while compiling.

/// A bug, named for what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Planted {
    /// That something does not exist is said without a proof that this node knows everything.
    NotFoundWithoutProof,
    /// An order is told by a node that has not applied its entry.
    ReadBeforeApply,
    /// An order's status is told though pages that may change it are missing.
    ToldOverMissingPages,
    /// A refusal is counted as an acceptance.
    RefusalCountedAsAccepted,
}

#[cfg(all(test, feature = "planted-bugs"))]
mod switch {
    use std::cell::Cell;

    use super::Planted;

    thread_local! {
        static PLANTED: Cell<Option<Planted>> = const { Cell::new(None) };
    }

    /// Plants a bug on this thread, or none, from here on.
    pub(crate) fn plant(bug: Option<Planted>) {
        PLANTED.set(bug);
    }

    pub(crate) fn is(bug: Planted) -> bool {
        PLANTED.get() == Some(bug)
    }
}

#[cfg(not(all(test, feature = "planted-bugs")))]
mod switch {
    use super::Planted;

    pub(crate) const fn is(_: Planted) -> bool {
        false
    }
}

pub(crate) use switch::is;
#[cfg(all(test, feature = "planted-bugs"))]
pub(crate) use switch::plant;
