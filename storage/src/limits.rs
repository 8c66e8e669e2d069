//! Every bound of the crate, by name.

/// Longest value in a sled database: larger leaves become blob files, which sled never syncs.
pub const MAX_VALUE_BYTES: usize = 4096;

/// Longest log record, head and payload: above any entry that a leader may propose.
pub const MAX_RECORD_BYTES: usize = 16 << 20;

/// What one sync of the log covers at most; a larger single job still goes alone.
pub const LOG_BATCH_BYTES: usize = 2 << 20;

/// Unwritten log bytes above which who appends waits for the writer.
pub const LOG_QUEUE_BYTES: usize = 64 << 20;

/// Unwritten log jobs above which who appends waits for the writer.
pub const LOG_QUEUE_JOBS: usize = 4_096;

/// Recent log records kept in memory for reading, beyond those not written yet.
pub const LOG_TAIL_BYTES: usize = 16 << 20;

/// What a log record counts for beyond its head and payload.
pub const RECORD_OVERHEAD_BYTES: usize = 64;

/// What a disk writes whole or not at all: groups of the log begin at multiples of it.
pub const LOG_SECTOR_BYTES: usize = 512;

/// Size of a log's first segment; each next one has twice as much, so that a new node does not wait for zeros.
pub const LOG_FIRST_SEGMENT_BYTES: u64 = 1 << 20;

/// Size of a segment at most, unless one append is larger.
pub const LOG_SEGMENT_BYTES: u64 = 64 << 20;

/// Zeros of a new segment that are written in one piece, each piece synced.
pub const LOG_ZEROS_BYTES: usize = 1 << 20;

/// Purged segments of full size that are kept to be written again; others are removed.
pub const LOG_SPARE_SEGMENTS: usize = 2;

/// Requests to the thread that makes segments that may wait for it.
pub const LOG_SUPPLY_REQUESTS: usize = 8;

/// Nice value of threads whose work can wait: the order log's, and the one that makes segments of the Raft log.
pub const BACKGROUND_NICE: i32 = 10;

/// Memory that sled may use for cached pages, per database.
pub const ENGINE_CACHE_BYTES: u64 = 32 << 20;

/// How often sled's own thread collects garbage.
pub const ENGINE_FLUSH_EVERY_MS: u64 = 1_000;

/// Target size of an order page with its framing.
pub const PAGE_BYTES: usize = 4_000;

/// Unwritten order-log bytes above which who appends waits for the writer.
pub const ORDER_UNWRITTEN_BYTES: usize = 32 << 20;

/// Unwritten order-log bytes at which the writer starts before its gathering time is over.
pub const ORDER_GATHER_BYTES: usize = 1 << 20;

/// How long order pages are gathered before they are written.
pub const ORDER_GATHER_MS: u64 = 200;

/// What one order-log batch writes; sled takes longer for each key of a larger one.
pub const ORDER_BATCH_BYTES: usize = 64 << 10;

/// Positions of an entry whose orders' statuses stand together in the order log: looking one up reads what there is of them.
pub const STATUS_GROUP: u16 = 32;

/// Entries whose marks of SKUs stand together in the order log where they are many.
pub const MARK_REGION: u64 = 64;

/// Marks of a region that one round of the order log's writer makes an item each; more of them become lists.
pub const MARKS_APART: usize = 128;

/// Target size of a list of marks.
pub const MARK_LIST_BYTES: usize = 3_800;

/// Pages that a list of marks names at most: a mark tells its page by one byte.
pub const MARK_LIST_PAGES: usize = 256;

/// What a page, or a mark, takes of a list of marks, as a list is filled: more than most do.
pub const MARK_BYTES: usize = 4;

/// Pages, or orders of a buyer's chain, that one listing call reads at most.
pub const LIST_SCAN: usize = 512;

/// Lists of marks after which one listing call reads no further region; it reads one at least.
pub const LIST_SCAN_MARKS: usize = 512;

/// Orders that one listing call returns at most.
pub const LIST_MAX: usize = 1_000;

/// Ranges of missing pages that are kept apart; more are joined to wider ones.
pub const MISSING_RANGES: usize = 64;

/// Snapshots kept on disk.
pub const SNAPSHOTS_KEPT: usize = 2;

/// Longest chunk in a snapshot file.
pub const SNAPSHOT_CHUNK_BYTES: usize = 1 << 20;

/// What a write past the system's cache is a multiple of, in the file and in memory: the sector of most disks, or several of them.
pub const DIRECT_BLOCK_BYTES: usize = 4_096;

/// Bytes of a snapshot that are written or read at once.
pub const DIRECT_BUFFER_BYTES: usize = 1 << 20;

/// Bytes of a snapshot that are written past the cache between two syncs: not every file system that takes such writes does as it is told.
pub const DIRECT_SYNC_BYTES: usize = 64 << 20;

/// Bytes of a snapshot that are written between two syncs, where writes go through the system's cache.
pub const SNAPSHOT_SYNC_BYTES: usize = 4 << 20;

/// Starts of its own that a disk remembers.
pub const STARTS_KEPT: usize = 4_096;

/// Longest body of a small durable file (identity, starts, peers).
pub const DURABLE_FILE_BYTES: usize = 1 << 20;

/// How long opening waits for a database that this process closed just before.
pub const ENGINE_LOCK_WAIT_MS: u64 = 5_000;

/// A write or sync that has not returned for so long counts as failed. Kernels give a disk's command 30 s before they reset
/// the disk and try again: a stall that they mend is within this, and the other nodes sell meanwhile.
pub const STALL_LIMIT_MS: u64 = 60_000;

/// Looks at a write within [`STALL_LIMIT_MS`].
pub const STALL_LOOKS: u32 = 30;

/// Looks after which a write that has not returned is told in the log: four seconds.
pub const STALL_TOLD_LOOKS: u32 = 2;

/// How often one who waits for a writer looks whether its store has failed: a writer that hangs wakes nobody.
pub const POISON_LOOK_MS: u64 = 500;

/// Distance of the marks that tell how many bytes of log lie behind an index.
pub const LOG_MARK_BYTES: u64 = 1 << 20;

/// Longest vote, purge marker or committed mark.
pub const MAX_MARK_BYTES: usize = 3_072;

/// Longest framed value that is read: an order page of one oversized event may exceed [`MAX_VALUE_BYTES`].
pub const MAX_FRAMED_BYTES: usize = 1 << 20;

/// Longest meta of a snapshot.
pub const SNAPSHOT_META_BYTES: usize = 64 << 10;
