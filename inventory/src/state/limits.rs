//! Bounds of the state's own structures. None of them decides an outcome: what `apply` reads to judge is in
//! [`Params`](crate::Params). Shard and page sizes shape snapshot bytes, so a change of one is a change of format.

use crate::Millis;

/// Shards of an empty map; a power of two.
pub(super) const FIRST_SHARDS: usize = 16;
/// Records per shard, on average, above which a map splits its next shard.
pub(super) const SHARD_RECORDS: usize = 1_536;
/// Most shards that a snapshot is believed to have: full ones hold 1.6 billion records, of 64 bytes and more.
pub(super) const MOST_SHARDS: usize = 1 << 20;
/// Slots of a shard behind its last home: a cache line of them.
pub(super) const SPILL_SLOTS: usize = 8;
/// Records per shared page of a map.
pub(super) const DENSE_PAGE_RECORDS: usize = 512;
/// Records per page of orders.
pub(super) const PAGE_RECORDS: usize = 256;
/// SKUs per shared chunk.
pub(super) const SKU_CHUNK: usize = 64;
/// Entries per shared chunk of a deadline's bucket.
pub(super) const DEADLINE_CHUNK: usize = 512;
/// Holds end up to this much after their deadline when a tick comes in time.
pub(super) const HOLD_GRANULE: Millis = Millis(50);
/// Keys and finished orders are forgotten up to this much late.
pub(super) const KEEP_GRANULE: Millis = Millis(60_000);
/// Longest title, reason or reference, in characters.
pub(super) const MAX_TEXT_CHARS: usize = 200;
/// Most requests that one entry judges, whatever the parameters say: each may take two of an entry's event positions.
pub(super) const MAX_JUDGED: usize = 16_384;
/// Requests of a batch whose records are read ahead together: enough to wait for memory once, few enough to stay in the
/// cache until they are judged.
pub(super) const READ_AHEAD: usize = 64;
/// Most records of a kind that one entry sweeps, whatever the parameters say; see [`MAX_JUDGED`].
pub(super) const MAX_SWEPT: u32 = 8_192;
/// A part of a snapshot that can be cut anywhere is cut after so many bytes.
pub(super) const SNAPSHOT_PART_BYTES: usize = 1 << 20;
/// Length of a snapshot's chunks in bytes; the last one may be shorter.
pub(super) const SNAPSHOT_CHUNK_BYTES: usize = 64 << 10;
