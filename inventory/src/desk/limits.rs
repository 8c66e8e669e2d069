//! The bounds of the Desk, each with a name.

use crate::Millis;

/// Requests that wait at one node.
pub const MAX_WAITING: usize = 65_536;
/// Requests in one entry; more leave one batch after another.
pub const MAX_BATCH_REQUESTS: usize = 2_048;
/// Bytes of one entry.
pub const MAX_ENTRY_BYTES: usize = 1 << 20;
/// Bytes of an entry that are no requests: version, stamp, command, session, number, count. Generous.
pub const ENTRY_HEADER_BYTES: usize = 64;
/// Of those answered just now and already waiting, a batch waits for this many in a hundred.
pub const GATHER_PER_CENT: usize = 90;
/// Proofs of freshness that wait until their index is applied.
pub const MAX_UNREACHED_PROOFS: usize = 4;
/// Of a sliced SKU's pool, a node draws one part in this many without asking first.
pub const POOL_SHARE: u64 = 8;
/// Sale rate is counted over windows of this length.
pub const RATE_WINDOW: Millis = Millis(100);
/// A refill is asked for when the slice lasts no longer than this.
pub const LOW_WATER: Millis = Millis(100);
/// A refill should last this long.
pub const REFILL_LASTS: Millis = Millis(500);
/// Expired requests are looked for no more often than this.
pub const EXPIRY_GRAIN: Millis = Millis(10);
