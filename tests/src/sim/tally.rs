//! What happened in a run, counted: a run whose faults never fired proves nothing.

macro_rules! counted {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $words:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs)] // Each variant is told by its words.
        pub enum $name { $($variant,)* }

        impl $name {
            /// All of them, in the order in which they are told.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// As a report tells it.
            pub fn words(self) -> &'static str {
                match self { $(Self::$variant => $words,)* }
            }
        }
    };
}

counted! {
    /// What buyers and operators do.
    Operation {
        Order = "orders",
        Repeat = "orders repeated with their key",
        OtherBody = "keys used for another order",
        Confirm = "confirms",
        Release = "releases",
        Cancel = "cancels",
        Extend = "extends",
        Adjust = "adjustments of stock",
        Settings = "changes of settings",
        StopSale = "stops and resumptions",
    }
}

counted! {
    /// What goes wrong.
    Fault {
        Lost = "messages lost",
        Doubled = "messages doubled",
        Slow = "messages late",
        ReplayedOld = "old proposals played again",
        HangUp = "answers that no buyer heard",
        LeaderChange = "changes of leader",
        Crash = "crashes",
        Pause = "pauses",
        OneWayCut = "one-way cuts",
        Isolated = "nodes cut off",
        Split = "splits",
        ClockJump = "clocks that jumped",
        ClockDrift = "clocks that drift",
        TimeSkip = "hours skipped",
        SnapshotJump = "snapshots installed",
        CloseSession = "sessions closed for no reason",
        Drain = "nodes drained",
        SlowDisk = "slow syncs",
        SlowApply = "nodes that apply late",
    }
}

counted! {
    /// Situations that a run should come to.
    Seen {
        Fenced = "a Desk lost its session",
        ClosedWithProvisional = "a session closed with provisional units",
        ReAdmitted = "a request admitted again under the next session",
        ClosedBatch = "a batch of a closed session refused",
        RepeatedBatch = "a batch repeated",
        OutdatedBatch = "an old batch refused",
        DroppedSuffix = "a suffix dropped by a new leader",
        KeptSuffix = "a suffix kept by a new leader",
        StaleLeader = "a proposal lost with a deposed leader",
        Replayed = "an order replayed to its key",
        KeyReused = "a key refused for another order",
        KeyInProgress = "a key in progress",
        Refilling = "refilling heard",
        SoldOutJudged = "sold out told by apply",
        SoldOutProven = "sold out told with a proof",
        Insufficient = "too few units left",
        BuyerLimit = "a buyer's limit met",
        NotOnSale = "a sale not open or closed",
        TooLate = "a request too late",
        Capacity = "the bound on orders met",
        Unknown = "an outcome not learned in time",
        WithoutEffect = "a time-out certainly without effect",
        LateConfirm = "a late confirm that took its units again",
        HoldExpired = "a confirm refused after its hold",
        WrongState = "a step refused",
        Expired = "a hold expired",
        KeyForgotten = "a key forgotten in its time",
        PooledMidway = "a SKU pooled with slices out",
        SlicedAgain = "a pooled SKU sliced again",
        Collected = "units collected from a node",
        GrantRefused = "a grant without effect",
        JumpInSession = "a snapshot jump with a batch in flight",
        JumpOverSession = "a snapshot jump over the end of a session",
        NoMajority = "no majority",
        NeverBack = "a node that never came back",
        JudgedByOracle = "a history that the oracle judged",
        RestartBehind = "a restart behind what was applied",
    }
}

/// Counts of one run, or of many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Events that were worked off.
    pub steps: u64,
    /// Log entries committed.
    pub entries: u64,
    /// Answers that acknowledged an order or a step.
    pub acknowledged: u64,
    /// Answers that refused one for good.
    pub refused: u64,
    /// Attempts whose fate their buyer never heard.
    pub unknown: u64,
    operations: [u64; Operation::ALL.len()],
    faults: [u64; Fault::ALL.len()],
    seen: [u64; Seen::ALL.len()],
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            steps: 0,
            entries: 0,
            acknowledged: 0,
            refused: 0,
            unknown: 0,
            operations: [0; Operation::ALL.len()],
            faults: [0; Fault::ALL.len()],
            seen: [0; Seen::ALL.len()],
        }
    }
}

impl Tally {
    pub(super) fn did(&mut self, operation: Operation) {
        self.operations[operation as usize] += 1;
    }

    pub(super) fn fired(&mut self, fault: Fault) {
        self.faults[fault as usize] += 1;
    }

    /// A situation counts once a run.
    pub(super) fn saw(&mut self, seen: Seen) {
        self.seen[seen as usize] = 1;
    }

    /// How often something was done.
    pub fn operations(&self, operation: Operation) -> u64 {
        self.operations[operation as usize]
    }

    /// How often something went wrong.
    pub fn faults(&self, fault: Fault) -> u64 {
        self.faults[fault as usize]
    }

    /// In how many runs a situation came up.
    pub fn runs_with(&self, seen: Seen) -> u64 {
        self.seen[seen as usize]
    }

    /// Adds another run's counts.
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.entries += other.entries;
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.unknown += other.unknown;
        add_each(&mut self.operations, &other.operations);
        add_each(&mut self.faults, &other.faults);
        add_each(&mut self.seen, &other.seen);
    }

    /// Faults and situations that never came up.
    pub fn missing(&self) -> Vec<&'static str> {
        let faults = Fault::ALL.iter().filter(|&&fault| self.faults(fault) == 0).map(|fault| fault.words());
        let seen = Seen::ALL.iter().filter(|&&seen| self.runs_with(seen) == 0).map(|seen| seen.words());
        let operations = Operation::ALL.iter().filter(|&&operation| self.operations(operation) == 0).map(|operation| operation.words());
        operations.chain(faults).chain(seen).collect()
    }
}

fn add_each<const N: usize>(to: &mut [u64; N], from: &[u64; N]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from;
    }
}
