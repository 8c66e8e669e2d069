//! Every bound of this crate.

/// Entries between two snapshots.
pub const SNAPSHOT_EVERY_ENTRIES: u64 = 100_000;

/// Bytes of log above which a snapshot is made, however few entries they are: some two million orders of large batches, which a
/// start applies in four seconds.
pub const SNAPSHOT_TAIL_BYTES: u64 = 128 << 20;

/// Or this part of the newest snapshot's bytes, if that is more: a snapshot is written whole.
pub const SNAPSHOT_TAIL_PART: u64 = 8;

/// A snapshot of fewer bytes is cheap: the next one is made after so many entries, however few bytes they are.
pub const SNAPSHOT_SMALL_BYTES: u64 = 64 << 20;

/// Bytes of log that are kept at the most, once a snapshot holds what is older.
pub const LOG_KEEP_BYTES: u64 = 4 << 30;

/// Bytes of log that are kept however small the newest snapshot is; behind a large one half of its bytes are. While
/// a snapshot is being sent, and within them all, [`LOG_KEEP_BYTES`] are.
pub const LOG_KEEP_SMALL_BYTES: u64 = 512 << 20;

/// Between two looks at the log's bytes.
pub const TRIM_EVERY_MS: u64 = 1_000;

/// Entries kept in the log behind a snapshot.
pub const LOG_KEEP_ENTRIES: u64 = 10_000;

/// Longest entry that can be proposed, stamp included. Frames and the codec's limit are above it.
pub const MAX_ENTRY_BYTES: usize = 4 << 20;

/// Bytes of entries read from the log for one append, one entry at least.
pub const APPEND_BYTES: usize = 2 << 20;

/// Entries in one append.
pub const APPEND_ENTRIES: u64 = 1_024;

/// Most entries applied before their proposers and the observer hear of them together.
pub const APPLY_CHUNK: usize = 64;

/// Bytes of entries, with [`APPLY_EVENT_BYTES`] for each event, that are applied before everything else that waits for the thread
/// has its turn; the entry that reaches them is applied whole. Less than an entry of 2,048 orders.
pub const APPLY_BYTES: usize = 128 << 10;

/// What an event counts for: a tick of a few bytes may end 2,048 holds.
pub const APPLY_EVENT_BYTES: usize = 64;

/// Longest frame before a peer has proved who it is.
pub const MAX_HELLO_BYTES: usize = 1_024;

/// Longest frame afterwards: an append of one longest entry, or of [`APPEND_BYTES`], with room to spare.
pub const MAX_FRAME_BYTES: usize = 12 << 20;

/// Longest body of a call to another node.
pub const MAX_CALL_BYTES: usize = 8 << 20;

/// Bytes gathered before a connection writes them out.
pub const WRITE_BUFFER_BYTES: usize = 256 << 10;

/// Frames gathered before a connection writes them out.
pub const COALESCED_FRAMES: usize = 64;

/// Part of a snapshot in one frame.
pub const SNAPSHOT_PART_BYTES: usize = 512 << 10;

/// Snapshot parts between disk and network.
pub const SNAPSHOT_PARTS_AHEAD: usize = 4;

/// A snapshot that makes no progress for so long is given up.
pub const SNAPSHOT_STALL_MS: u64 = 10_000;

/// Longest wait for a receiver to install a whole snapshot.
pub const SNAPSHOT_INSTALL_MS: u64 = 120_000;

/// Connecting and the hello together.
pub const CONNECT_MS: u64 = 2_000;

/// A start waits so long for each member that may know a later one.
pub const INQUIRY_MS: u64 = 1_000;

/// Between two attempts to send entries to a peer that could not be reached.
pub const REDIAL_MS: u64 = 50;

/// Between two complaints about one peer.
pub const COMPLAIN_EVERY_MS: u64 = 5_000;

/// An append that is not answered for so long ends its stream; longer than a slow disk's sync.
pub const APPEND_ANSWER_MS: u64 = 10_000;

/// Unanswered data and silence on a connection end it after so long.
pub const TCP_DEAD_MS: u64 = 10_000;

/// Peer connections of all kinds that are answered at once.
pub const MAX_CONNECTIONS: usize = 256;

/// Calls to one node that wait for an answer.
pub const CALLS_IN_FLIGHT: usize = 1_024;

/// Calls of one node that are handled at once.
pub const CALLS_HANDLED: usize = 256;

/// Between two attempts to reach a member that makes a cluster with this one.
pub const BOOTSTRAP_RETRY_MS: u64 = 200;

/// Order-log pages fetched in one call.
pub const BACKFILL_BYTES: u32 = 1 << 20;

/// Longest wait for one call of the backfill.
pub const BACKFILL_CALL_MS: u64 = 5_000;

/// Between two looks for missing pages, and after a peer had none.
pub const BACKFILL_PAUSE_MS: u64 = 500;

/// Between two attempts of a new leader to propose the first command of a cluster.
pub const FOUND_RETRY_MS: u64 = 100;

/// Entries removed from the log at a time.
pub const PURGE_ENTRIES: u64 = 1_024;

/// Before the next peer is accepted when one could not be.
pub const ACCEPT_PAUSE_MS: u64 = 100;

/// A stopping node has this long to finish the answers that its peers wait for.
pub const STOP_ANSWERS_MS: u64 = 1_000;

/// Log that an offline replay holds in memory at once.
pub const REPLAY_BYTES: usize = 4 << 20;
// What may be proposed or asked fits a frame, and what fits a frame decodes.
const _: () = assert!(MAX_ENTRY_BYTES + APPEND_BYTES < MAX_FRAME_BYTES && MAX_CALL_BYTES < MAX_FRAME_BYTES);
const _: () = assert!(MAX_FRAME_BYTES < holdfast_inventory::codec::MAX_DECODED_BYTES);
