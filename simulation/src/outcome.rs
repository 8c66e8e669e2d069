//! What a run came to.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What happened in a run, or in many.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Simulated time.
    pub simulated: Duration,
    /// Calls of buyers.
    pub calls: usize,
    /// Orders acknowledged, replays included.
    pub acknowledged: usize,
    /// Orders in the ledger.
    pub orders: usize,
    /// Calls whose outcome nobody heard.
    pub unknown: usize,
    /// Syncs of files.
    pub syncs: u64,
    /// Times that a node came to lead.
    pub leaders: u64,
    /// Gaps in a node's history that a snapshot left, each filled from a peer.
    pub gaps: u64,
    /// Faults that really happened, by kind.
    pub faults: BTreeMap<&'static str, u64>,
}

impl Counts {
    pub(crate) fn fired(&mut self, kind: &'static str) {
        *self.faults.entry(kind).or_default() += 1;
    }

    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        self.simulated += other.simulated;
        self.calls += other.calls;
        self.acknowledged += other.acknowledged;
        self.orders += other.orders;
        self.unknown += other.unknown;
        self.syncs += other.syncs;
        self.leaders += other.leaders;
        self.gaps += other.gaps;
        for (kind, count) in &other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { simulated, calls, acknowledged, orders, unknown, syncs, leaders, gaps, faults } = self;
        let seconds = simulated.as_secs_f64();
        writeln!(f, "{seconds:.1} s simulated, {calls} calls, {acknowledged} acknowledged, {unknown} unknown, {orders} orders")?;
        writeln!(f, "{syncs} syncs, {leaders} leaders, {gaps} gaps filled")?;
        faults.iter().try_for_each(|(kind, count)| writeln!(f, "fired: {kind} {count}"))
    }
}

/// What one run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// What does not hold.
    pub violations: Vec<String>,
    /// What happened.
    pub counts: Counts,
    /// Hash of its trace.
    pub hash: u64,
    /// Lines of its trace.
    pub lines: u64,
    /// The trace, if it was kept.
    pub text: String,
}
