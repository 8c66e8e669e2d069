//! Bounds of the oracle, and what the cluster promises about time.

/// Most violations that are told in words; the others are counted.
pub const MAX_TOLD: usize = 100;

/// "Sold out" is said of a state that was current at most this long before the call, in microseconds:
/// `stock.fresh_for_ms`, by default.
pub const FRESH_FOR_US: u64 = 1_000_000;

/// A cluster clock that is ahead runs at half speed, one that is behind at double speed.
pub const CLOCK_FACTOR: u64 = 2;

/// A gap between cluster time and a majority's wall clocks that may be taken in one step at the start of a term, with a
/// margin for what a call takes; in microseconds.
pub const CLOCK_STEP_US: u64 = 6_000_000;

/// An expired hold is swept at most this long after its deadline, by cluster time, while entries are applied; in milliseconds.
pub const EXPIRY_LAG_MS: u64 = 5_000;

/// Deadlines of holds that one entry sweeps at most, those of holds that have ended too: `orders.sweep_per_entry`, by default.
pub const SWEPT_PER_ENTRY: usize = 2_048;

/// Holds that end within so long are swept in any order, in milliseconds, and none before all that time is past.
pub const HOLD_GRANULE_MS: u64 = 50;
