//! Bugs that tests plant, one at a time, to show that they are caught.
//!
//! Without the feature `planted-bugs` every question here is answered "no" while compiling, and nothing of it is left in a
//! build. Nothing in the core decides by itself which bug is planted: a test says so. The core works on its caller's thread, and so
//! a bug of the core is planted on a thread; `Plot` is for crates with threads of their own.

/// A bug, named for what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// A Desk acknowledges an order when it proposes it.
    AcknowledgeBeforeCommit,
    /// Batches of closed sessions are judged.
    SkipSessionCheck,
    /// Holds end by the node's wall clock.
    ExpireByWallClock,
    /// A snapshot leaves the keys out.
    ForgetKeysInSnapshot,
    /// A unit that comes back is counted as one more in stock, too.
    ReturnStockTwice,
    /// What an entry did is told in an order that differs from replica to replica, as that of a hash map does.
    HashOrder,
    /// A buyer gets one unit more than the limit.
    LimitOffByOne,
    /// A buyer who would come to the limit is refused.
    LimitTooStrict,
    /// A Desk believes its state fresh whatever was proven.
    SoldOutWhileCutOff,
    /// Two batches are in flight, and the second is taken before the first.
    AcceptGap,
    /// A key goes when its first deadline comes, though a later step gave it a longer life.
    EvictKeysEarly,
    /// A repeated batch is judged once more if it got no order.
    JudgeRepeatedAgain,
    /// A proof of freshness counts from its answer, not from its question.
    ProofFromItsAnswer,
    /// Units stay provisional when apply refused the request that wanted them.
    KeepProvisional,
    /// A session that is closed by its node's next one keeps its slices.
    StrandSlices,
    /// A hold that is over can be confirmed until it is swept.
    ConfirmPastDeadline,
    /// A late confirm does not count towards its buyer's limit.
    LateConfirmUncounted,
    /// An order that finds too few units is accepted, and takes those that are there.
    SellWhatIsNotThere,
    /// A Desk admits one unit more than it has.
    AdmitBeyondSlice,
    /// An order is judged after its `apply_before`.
    ApplyTooLate,
    /// An order's id has the index of the entry before its own.
    IdOfTheEntryBefore,
    /// A cancelled order can be cancelled again, and gives its units back again.
    CancelTwice,
    /// A Desk tells the index of its session as that of an outcome.
    TellIndexOfSession,
    /// Whoever reads a snapshot puts the deadlines of keys into the bucket after theirs.
    ReadDeadlinesLate,
    /// A Desk lets any number of requests wait.
    QueueWithoutBound,
    /// Requests that had not left yet are forgotten with the session.
    ForgetWaitersOfSession,
    /// With the units that come back comes one more.
    ReturnUnitTooMany,
}

/// Which bug of a crate, named by a `T` of its own, is planted in the whole process.
#[cfg(feature = "planted-bugs")]
#[derive(Debug)]
pub struct Plot<T>(std::sync::Mutex<Option<T>>);

#[cfg(feature = "planted-bugs")]
impl<T: Copy + PartialEq> Plot<T> {
    /// With nothing planted.
    #[must_use]
    pub const fn empty() -> Self {
        Self(std::sync::Mutex::new(None))
    }

    /// Plants a bug, or none.
    pub fn plant(&self, bug: Option<T>) {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = bug;
    }

    /// Whether this one is planted.
    pub fn holds(&self, bug: T) -> bool {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) == Some(bug)
    }
}

/// Which of the bugs their tests do not catch. A test is a function that panics when it fails: here it must fail with its bug
/// planted.
///
/// # Panics
/// If one fails without: then it shows nothing.
#[cfg(feature = "planted-bugs")]
pub fn not_caught<B: Copy>(plant: impl Fn(Option<B>), tests: &[(B, fn())]) -> Vec<B> {
    let is_caught = |(bug, test): &(B, fn())| {
        plant(None);
        test();
        plant(Some(*bug));
        let failed = std::panic::catch_unwind(test).is_err();
        plant(None);
        failed
    };
    tests.iter().filter(|test| !is_caught(test)).map(|(bug, _)| *bug).collect()
}

#[cfg(feature = "planted-bugs")]
mod switch {
    use std::cell::Cell;
    use std::sync::OnceLock;

    use super::Planted;
    use crate::Stamp;

    thread_local! {
        static PLANTED: Cell<Option<Planted>> = const { Cell::new(None) };
        static WALL: Cell<Stamp> = const { Cell::new(Stamp(0)) };
        static ORDER: Cell<usize> = const { Cell::new(0) };
    }

    /// In all threads.
    static EVERYWHERE: OnceLock<Planted> = OnceLock::new();

    impl Planted {
        /// All of them.
        pub const ALL: [Planted; 27] = [
            Planted::AcknowledgeBeforeCommit,
            Planted::SkipSessionCheck,
            Planted::ExpireByWallClock,
            Planted::ForgetKeysInSnapshot,
            Planted::ReturnStockTwice,
            Planted::HashOrder,
            Planted::LimitOffByOne,
            Planted::LimitTooStrict,
            Planted::SoldOutWhileCutOff,
            Planted::AcceptGap,
            Planted::EvictKeysEarly,
            Planted::JudgeRepeatedAgain,
            Planted::ProofFromItsAnswer,
            Planted::KeepProvisional,
            Planted::StrandSlices,
            Planted::ConfirmPastDeadline,
            Planted::LateConfirmUncounted,
            Planted::SellWhatIsNotThere,
            Planted::AdmitBeyondSlice,
            Planted::ApplyTooLate,
            Planted::IdOfTheEntryBefore,
            Planted::CancelTwice,
            Planted::TellIndexOfSession,
            Planted::ReadDeadlinesLate,
            Planted::QueueWithoutBound,
            Planted::ForgetWaitersOfSession,
            Planted::ReturnUnitTooMany,
        ];
    }

    /// Plants a bug on this thread, from here on; none takes it out again.
    pub fn plant(bug: Option<Planted>) {
        PLANTED.set(bug);
        ORDER.set(0);
    }

    /// Plants the bug of this name in every thread of a process, for as long as it lives. False if there is none of that name, or one is
    /// planted already.
    pub fn plant_everywhere(name: &str) -> bool {
        let bug = Planted::ALL.into_iter().find(|bug| format!("{bug:?}") == name);
        bug.is_some_and(|bug| EVERYWHERE.set(bug).is_ok())
    }

    /// What the wall clock of the node shows whose state is worked on next.
    pub fn set_wall(wall: Stamp) {
        WALL.set(wall);
    }

    pub(crate) fn is(bug: Planted) -> bool {
        PLANTED.get() == Some(bug) || EVERYWHERE.get() == Some(&bug)
    }

    pub(crate) fn wall() -> Stamp {
        WALL.get()
    }

    pub(crate) fn order() -> usize {
        ORDER.replace(ORDER.get() + 1)
    }
}

#[cfg(not(feature = "planted-bugs"))]
mod switch {
    use super::Planted;
    use crate::Stamp;

    pub(crate) const fn is(_: Planted) -> bool {
        false
    }

    pub(crate) const fn wall() -> Stamp {
        Stamp(0)
    }

    pub(crate) const fn order() -> usize {
        0
    }
}

pub(crate) use switch::{is, order, wall};
#[cfg(feature = "planted-bugs")]
pub use switch::{plant, plant_everywhere, set_wall};
