//! Bounds of the contract. A request past one of them is `malformed` or `too-large`, on every node.

/// Longest SKU name, buyer name and idempotency key, in bytes; the shortest is 1.
pub const MAX_NAME_BYTES: usize = 64;
/// Most stock of one SKU, in units.
pub const MAX_STOCK: u64 = 1_000_000_000_000;
/// Most units of one line; the fewest is 1.
pub const MAX_QUANTITY: u32 = 1_000;
/// Most lines of one order; the fewest is 1.
pub const MAX_LINES: usize = 16;
/// Most orders of one batch; the fewest is 1.
pub const MAX_BATCH_ORDERS: usize = 8_192;
/// Longest order of a batch, written as JSON without spaces: a quotation mark or backslash in a key or a buyer's name takes
/// two bytes.
pub const MAX_BATCH_ORDER_BYTES: usize = 1_856;
/// Longest title of a SKU and longest reason or reference of an adjustment, in characters.
pub const MAX_TEXT_CHARS: usize = 200;
/// Most entries of one page of a list.
pub const MAX_PAGE: u32 = 1_000;
/// Entries of one page of a list when the request names no limit.
pub const DEFAULT_PAGE: u32 = 100;

const _: () = assert!(MAX_BATCH_ORDER_BYTES == 64 + 4 * MAX_NAME_BYTES + MAX_LINES * (32 + MAX_NAME_BYTES));
