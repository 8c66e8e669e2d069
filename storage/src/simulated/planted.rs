//! Bugs of a disk and its users, planted one at a time to show that a simulation finds them.

use std::cell::Cell;

/// A bug, named for what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// A sync returns and stores nothing.
    SyncNothing,
    /// Entries are called durable before they are written.
    EntriesUnsynced,
    /// A vote is called durable before it is written.
    VoteUnsynced,
}

impl Planted {
    /// All of them.
    pub const ALL: [Planted; 3] = [Planted::SyncNothing, Planted::EntriesUnsynced, Planted::VoteUnsynced];
}

thread_local! {
    static PLANTED: Cell<Option<Planted>> = const { Cell::new(None) };
}

/// Plants a bug on this thread, from here on; none takes it out again.
pub fn plant(bug: Option<Planted>) {
    PLANTED.set(bug);
}

pub(crate) fn is(bug: Planted) -> bool {
    PLANTED.get() == Some(bug)
}
