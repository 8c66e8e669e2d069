//! Bounds of the HTTP handlers.

use std::time::Duration;

use holdfast_api::limits::{MAX_BATCH_ORDER_BYTES, MAX_BATCH_ORDERS};

const _: () = assert!(r#"{"orders":[]}"#.len() + MAX_BATCH_ORDERS * MAX_BATCH_ORDER_BYTES <= MAX_BATCH_BODY_BYTES);

/// Longest body of every call but the batch, in bytes, unless configured.
pub const MAX_BODY_BYTES: usize = 64 << 10;
/// Longest body of a batch of orders, in bytes, unless configured: the largest batch of the contract fits.
pub const MAX_BATCH_BODY_BYTES: usize = 16 << 20;
/// A body longer than this is parsed on a blocking thread: milliseconds of parsing would hold up the other requests of a worker.
pub const PARSE_INLINE_BYTES: usize = 64 << 10;
/// Event streams open at once on a node.
pub const MAX_EVENT_STREAMS: usize = 1_024;
/// Bytes of history that an event stream reads at once.
pub const EVENT_READ_BYTES: usize = 64 << 10;
/// Reads of history waiting on blocking threads at once, all streams together.
pub const MAX_EVENT_READS: usize = 4;
/// A silent event stream sends a comment this often, so that neither end nor anything between takes it for dead.
pub const EVENT_KEEP_ALIVE: Duration = Duration::from_secs(15);
/// SKU names remembered by a node, so that an order need not lock the state to find its SKU.
pub const MAX_KNOWN_NAMES: usize = 1_000_000;
/// An event stream that was woken gathers what is applied for so long before it reads.
pub const EVENT_PACE: Duration = Duration::from_millis(20);
/// An event stream that waits for missing pages of history looks for them this often.
pub const EVENT_HOLE_LOOK: Duration = Duration::from_millis(200);
/// SKUs looked at under one lock of the state by a scrape.
pub const SKUS_PER_LOCK: u32 = 1_000;
