//! Bounds of the load generator.

use std::time::Duration;

/// Most connections that are opened at once, over all threads.
pub const MAX_CONNECTIONS: usize = 16_384;
/// Connections of the last rung of a ladder, if not told.
pub const LADDER_TOP: usize = 2_048;
/// A doubling of connections that gains less than this share gains nothing; two of them end a ladder.
pub const GAIN_LEAST: f64 = 0.03;
/// Most threads.
pub const MAX_THREADS: usize = 64;
/// Longest measurement of one point.
pub const MAX_SECONDS: u64 = 3_600;
/// Sends before a measurement begins, so that connections, slices and caches are warm.
pub const WARM_UP: Duration = Duration::from_millis(300);
/// An answer that has not come by then is unknown; longer than a node lets an order wait.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Opening a connection may take this long.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// Pause before a connection that was refused is tried again.
pub const CONNECT_PAUSE: Duration = Duration::from_millis(50);
/// Most bytes of an answer: a full batch stays below it.
pub const MAX_ANSWER_BYTES: usize = 16 << 20;
/// Most headers of an answer.
pub const MAX_HEADERS: usize = 32;
/// Bytes that a thread reads at once, shared by all its connections.
pub const READ_BYTES: usize = 64 << 10;
/// A generator that waits for the time of the next request wakes no more often than this.
pub const PACE_GRAIN: Duration = Duration::from_micros(100);
/// While no connection is free, and while all that is left is to wait for answers, it looks this often.
pub const IDLE_GRAIN: Duration = Duration::from_millis(1);
/// Longest sleep of a generator, so that it hears when it is told to stop.
pub const LONGEST_SLEEP: Duration = Duration::from_millis(50);
/// How often progress is told.
pub const TOLD_EVERY: Duration = Duration::from_millis(100);
/// Length of a slot of a timeline.
pub const SLOT: Duration = Duration::from_millis(50);
/// Most slots of a timeline: what comes later is in none.
pub const MAX_SLOTS: usize = 4_096;
/// Longest wait for a new SKU's units to reach the nodes.
pub const SPREAD_WITHIN: Duration = Duration::from_secs(2);
/// A node that does not serve is asked again for so long.
pub const READY_WITHIN: Duration = Duration::from_secs(2);
/// Longest wait for one node's answer about its state.
pub const LOOK_WITHIN: Duration = Duration::from_secs(2);
/// Stock of a SKU that is not meant to sell out.
pub const AMPLE_STOCK: u64 = 10_000_000_000;
/// How long orders of a mix are held, in ms, if not told: short enough to see holds expire.
pub const MIX_HOLD_MS: u64 = 2_000;
/// Most requests that a point may offer: those that never left are gone through one by one at its end.
pub const MAX_OFFERED: f64 = 1e9;
/// Most requests of a sale.
pub const MAX_FLASH_REQUESTS: u64 = 100_000_000;
/// Most SKUs of a mix.
pub const MAX_SKUS: usize = 10_000;
/// Most calls that are kept for the oracle, some 400 bytes each; the run ends there.
pub const MAX_CHECKED_CALLS: usize = 3_000_000;
/// Longest reading of the change feed for the oracle.
pub const FEED_WITHIN: Duration = Duration::from_mins(5);
/// Longest wait for holds to end before the oracle judges.
pub const QUIET_WITHIN: Duration = Duration::from_secs(30);
/// Busier than this share of its core, a thread of the generator may be what limits.
pub const BUSY_SHARE: f64 = 0.9;
/// Runnable but without a core for more than this share of the time, a thread of the generator may be what limits.
pub const STARVED_SHARE: f64 = 0.3;
/// Sends later than this against their time, for want of the generator itself, spoil an open loop; the 99th percentile.
pub const LATE_SEND: Duration = Duration::from_millis(2);
/// A point that achieves less than this share of the offered rate is saturated.
pub const ACHIEVED_LEAST: f64 = 0.99;
/// By so much may N differ from X·R before it is said.
pub const LITTLE_TOLERANCE: f64 = 0.05;
/// A flash is offered at this many times the plateau.
pub const FLASH_FACTOR: f64 = 10.0;
/// Orders in a row that are as fast as before a flash, so that it is over.
pub const RECOVERED_ORDERS: usize = 10;
/// As fast as before: no more than this many times the 99th percentile of before.
pub const RECOVERED_FACTOR: u32 = 2;
/// Longest look for that.
pub const RECOVERY_WITHIN: Duration = Duration::from_secs(15);
/// Orders that tell how fast a quiet cluster is.
pub const BASELINE_ORDERS: usize = 100;
/// Memory of the nodes is looked at this often.
pub const MEMORY_EVERY: Duration = Duration::from_millis(20);
/// A request of a mix without a definite answer is sent again at most so often.
pub const MAX_RETRIES: u8 = 3;
/// Pause before the first repetition, doubled for each further one.
pub const RETRY_PAUSE: Duration = Duration::from_millis(25);
/// Orders of a mix that wait to be confirmed or released, of each thread; more are left to expire.
pub const MAX_FOLLOW_UPS: usize = 65_536;
/// Orders that a thread of a mix remembers to read and to repeat.
pub const REMEMBERED_ORDERS: usize = 1_024;
