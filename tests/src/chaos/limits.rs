//! Every bound, pace and duration of chaos.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

/// One round: a cluster, a history, a ledger, a judgement. Bounds memory: some 300 bytes a call, three ledgers at its end.
pub const ROUND: Duration = Duration::from_mins(3);

/// Buyers at once.
pub const BUYERS: usize = 48;

/// Orders begun per second, all buyers together, outside bursts.
pub const ORDERS_PER_SECOND: u32 = 1_000;

/// Buyers of a burst per second: two to ten times as many as are answered by three nodes on two cores that also run the buyers.
pub const BURST_PER_SECOND: RangeInclusive<u32> = 14_000..=70_000;

/// Those of a burst who wait for an answer at once, at most: each has a connection to every node.
pub const BURST_BUYERS: u64 = 2_000;

/// How often those of a burst begin who are due.
pub const BURST_TICK: Duration = Duration::from_millis(1);

/// One attempt of an impatient buyer, in milliseconds.
pub const IMPATIENT_MS: Range<u64> = 1..30;

/// A whole order or step, all attempts.
pub const ASKED_WITHIN: Duration = Duration::from_secs(20);

/// How long an attempt may still be applied, by the `Apply-Before` that half of the keys carry.
pub const APPLY_WITHIN_MS: u64 = 2_500;

/// How long a brief hold lasts.
pub const BRIEF_HOLD_MS: u64 = 4_000;

/// How long the sale that is stopped now and then goes on between two stops, in milliseconds.
pub const BETWEEN_STOPS_MS: Range<u64> = 1_000..6_000;

/// How long it is stopped, in milliseconds.
pub const STOPPED_FOR_MS: Range<u64> = 200..2_500;

/// From an attempt to stop or resume it that nobody answered until that cannot happen any more.
pub const OPENED_FOR_GOOD: Duration = Duration::from_secs(10);

/// Most orders of a batch.
pub const BATCH_ORDERS: usize = 12;

/// How long the nemesis lets the cluster be between two faults, in milliseconds.
pub const BETWEEN_FAULTS_MS: Range<u64> = 300..1_500;

/// How long a killed node stays away, in milliseconds.
pub const AWAY_MS: Range<u64> = 0..10_000;

/// How long a fault of the network lasts, in milliseconds.
pub const NETWORK_FAULT_MS: Range<u64> = 1_500..6_000;

/// From the end of a fault with every process started until a new order is acknowledged: three election timeouts (0.9 s),
/// and what a start takes on a machine that also runs the other nodes and the buyers.
pub const LIVE_AGAIN_WITHIN: Duration = Duration::from_secs(3);

/// From then on, for each node that says it is ready, until it has acknowledged a new order.
pub const SERVES_WITHIN: Duration = Duration::from_secs(3);

/// One attempt of the probe that waits for it.
pub const PROBE_WITHIN: Duration = Duration::from_millis(500);

/// Between two attempts of the probe.
pub const PROBE_PAUSE: Duration = Duration::from_millis(20);

/// After the last call, until holds have expired, sessions are reclaimed and nothing moves any more.
pub const QUIET_WITHIN: Duration = Duration::from_secs(30);

/// At the end of a round, of a small SKU, until the next unit is sold or every node calls it sold out.
pub const BOUGHT_OUT_WITHIN: Duration = Duration::from_secs(20);

/// Who asks again at the end of a round for what nobody answered in it.
pub const PERSISTENT: usize = 32;

/// Acknowledged orders that are asked for with their keys again at the end of a round, at most.
pub const SENT_AGAIN: usize = 2_000;

/// Acknowledged orders that are read at every node at the end of a round, at most.
pub const READ_AGAIN: usize = 300;

/// Connections to each node for that.
pub const REVISITORS: usize = 8;

/// Wrong answers to that which are told.
pub const REVISIT_TOLD: usize = 10;

/// A look at a directory of a node that has ended.
pub const VERIFIED_WITHIN: Duration = Duration::from_mins(2);

/// A whole ledger, from one node.
pub const LEDGER_WITHIN: Duration = Duration::from_mins(2);

/// A start in which a fault is made on purpose, until the node has left.
pub const LEFT_WITHIN: Duration = Duration::from_secs(40);
