//! What must always be true, by name, and the report of what was not.

use std::fmt;

/// What a run checks. The words are what a report says and a planted bug is named for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// `stock = pool + Σ slice + held + confirmed` for every SKU, and `stock` is what was put in.
    Conservation,
    /// Held and confirmed units are those of the orders that history tells, and never more than there were.
    NoOversell,
    /// A Desk never admits more than slice and pool held when it looked.
    LocalBound,
    /// Nothing of a session applies after it was closed; within it each batch applies once and in turn.
    Fencing,
    /// What was acknowledged is in the log, as it was asked, at the index that was told.
    Acknowledged,
    /// What is in the log was asked for once, in time, and by nobody who was told "without effect".
    NoPhantom,
    /// One key, one order; a key that owns an order hears of it and of nothing else.
    OneOrderPerKey,
    /// A key is remembered for as long as was promised.
    KeysKept,
    /// Order ids only grow.
    IdsGrow,
    /// No buyer has more units than the limit.
    BuyerLimit,
    /// An order lives along the arrows of its life, and its units come back once.
    OneLife,
    /// Log time never goes back, and holds end by it alone.
    LogTime,
    /// All replicas agree at every index.
    ReplicasAgree,
    /// A snapshot with the rest of the log is the whole log.
    SnapshotIsReplay,
    /// What happened after an answer stands later in the log.
    RealTime,
    /// A refusal is true at its index; one for want of units is fresh.
    HonestRefusal,
    /// Every unit can be bought once the faults are over; closed sessions hold nothing.
    NothingStranded,
    /// Queues and maps keep their bounds.
    Bounded,
    /// Everyone is answered, once and in time; timers do not spin; after the faults the cluster sells.
    Live,
    /// The oracle, which sees what buyers heard and what the log tells, finds nothing wrong.
    Oracle,
    /// The core did not stop itself by an assertion.
    NoPanic,
}

/// One breach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Of what.
    pub invariant: Invariant,
    /// How.
    pub what: String,
}

impl Violation {
    pub(super) fn new(invariant: Invariant, what: impl Into<String>) -> Self {
        Self { invariant, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.invariant, self.what)
    }
}

/// What a check says.
pub(super) type Checked = Result<(), Violation>;

/// Checks a condition; the words are made only for a breach.
macro_rules! hold {
    ($invariant:ident, $condition:expr, $($words:tt)+) => {
        if !$condition {
            return Err($crate::sim::violation::Violation::new($crate::sim::violation::Invariant::$invariant, format!($($words)+)));
        }
    };
}
pub(super) use hold;
