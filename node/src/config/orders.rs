//! `[orders]`: how long orders and their keys live, and how many there may be.

use holdfast_inventory::{Millis, Params};
use serde::{Deserialize, Serialize};

/// How long orders and their keys live, and how many there may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrdersSection {
    /// A request that is not in the log this long after its admission has no effect.
    pub request_ttl_ms: Millis,
    /// Most requests that one node keeps waiting; more are told `overloaded` at once.
    pub max_waiting: u32,
    /// Set at bootstrap: hold time of a SKU that names none.
    pub default_hold_ttl_ms: Millis,
    /// Set at bootstrap: longest hold time that a SKU may name.
    pub max_hold_ttl_ms: Millis,
    /// Set at bootstrap: an accepted order's key is remembered this long.
    pub idempotency_ttl_ms: Millis,
    /// Set at bootstrap: and at least this long after the order ended.
    pub idempotency_after_end_ms: Millis,
    /// Set at bootstrap: a confirmed order can be cancelled for this long.
    pub cancel_window_ms: Millis,
    /// Set at bootstrap: units per buyer are kept this long after their SKU closed.
    pub buyer_retention_ms: Millis,
    /// Set at bootstrap: most remembered orders in the cluster.
    pub max_orders: u64,
    /// Set at bootstrap: most remembered orders of one buyer.
    pub max_orders_per_buyer: u32,
    /// Set at bootstrap: most units in one line.
    pub max_line_units: u32,
    /// Set at bootstrap: most lines in one order.
    pub max_lines: u8,
    /// Set at bootstrap: most requests in one batch.
    pub max_batch_requests: u32,
    /// Set at bootstrap: longest encoded log entry.
    pub max_entry_bytes: u32,
    /// Set at bootstrap: most holds, keys and finished orders that one entry sweeps, each.
    pub sweep_per_entry: u32,
    /// Set at bootstrap: the state hash joins the digest every so many log indices.
    pub state_hash_every: u64,
}

impl Default for OrdersSection {
    fn default() -> Self {
        let params = Params::default();
        Self {
            request_ttl_ms: Millis(2_000),
            max_waiting: 65_536,
            default_hold_ttl_ms: params.default_hold_ttl,
            max_hold_ttl_ms: params.max_hold_ttl,
            idempotency_ttl_ms: params.idempotency_ttl,
            idempotency_after_end_ms: params.idempotency_after_end,
            cancel_window_ms: params.cancel_window,
            buyer_retention_ms: params.buyer_retention,
            max_orders: params.max_orders,
            max_orders_per_buyer: params.max_orders_per_buyer,
            max_line_units: params.max_line_units,
            max_lines: params.max_lines,
            max_batch_requests: params.max_batch_requests,
            max_entry_bytes: params.max_entry_bytes,
            sweep_per_entry: params.sweep_per_entry,
            state_hash_every: params.state_hash_every,
        }
    }
}
