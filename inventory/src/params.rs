//! Every number that `apply` reads. Replicated: set at bootstrap, changed only by a command.

use serde::{Deserialize, Serialize};

use crate::Millis;

/// The replicated parameters. A node's own configuration never reaches `apply`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// How long an accepted order's key is remembered, from acceptance.
    pub idempotency_ttl: Millis,
    /// A key is kept at least this long after its order ended.
    pub idempotency_after_end: Millis,
    /// A confirmed order can be cancelled for this long.
    pub cancel_window: Millis,
    /// Units per buyer are kept this long after their SKU closed.
    pub buyer_retention: Millis,
    /// Bound on remembered orders (key records and finished orders), cluster-wide.
    pub max_orders: u64,
    /// Bound on key records of one buyer.
    pub max_orders_per_buyer: u32,
    /// Hold time of a SKU that names none.
    pub default_hold_ttl: Millis,
    /// Longest hold time that a SKU may name.
    pub max_hold_ttl: Millis,
    /// Most SKUs.
    pub max_skus: u32,
    /// Most stock of one SKU.
    pub max_stock: u64,
    /// Most units in one line.
    pub max_line_units: u32,
    /// Most lines in one order.
    pub max_lines: u8,
    /// Most requests in one entry. An entry is applied in one go: a node whose only thread does it answers no heartbeat meanwhile.
    pub max_batch_requests: u32,
    /// Longest encoded entry, in bytes.
    pub max_entry_bytes: u32,
    /// Most holds, keys and finished orders that one entry sweeps, each.
    pub sweep_per_entry: u32,
    /// A SKU is pooled when `pool + Σ slice` is below this many units per member.
    pub pooled_below_per_node: u64,
    /// It is sliced again when `pool + Σ slice` is at or above this many units per member.
    pub sliced_above_per_node: u64,
    /// Every so many log indices the state hash is folded into the digest.
    pub state_hash_every: u64,
}

impl Default for Params {
    fn default() -> Self {
        const HOUR: u64 = 3_600_000;
        Self {
            idempotency_ttl: Millis(24 * HOUR),
            idempotency_after_end: Millis(HOUR),
            cancel_window: Millis(30 * 24 * HOUR),
            buyer_retention: Millis(7 * 24 * HOUR),
            max_orders: 50_000_000,
            max_orders_per_buyer: 100_000,
            default_hold_ttl: Millis(600_000),
            max_hold_ttl: Millis(7 * 24 * HOUR),
            max_skus: 1_000_000,
            max_stock: 1_000_000_000_000,
            max_line_units: 1_000,
            max_lines: 16,
            max_batch_requests: 2_048,
            max_entry_bytes: 1 << 20,
            sweep_per_entry: 2_048,
            pooled_below_per_node: 64,
            sliced_above_per_node: 256,
            state_hash_every: 1_024,
        }
    }
}
