//! `[stock]`: how stock is spread over the nodes.

use holdfast_inventory::{Millis, Params};
use serde::{Deserialize, Serialize};

/// How stock is spread over the nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StockSection {
    /// Part of a sale's stock kept in the pool at the start, for refills and failures.
    pub buffer_ratio: f64,
    /// The leader takes the slices of a node that reported nothing applied for this long.
    pub reclaim_after_ms: Millis,
    /// A buyer waits this long for a refill before hearing `refilling`.
    pub refill_wait_ms: Millis,
    /// An unanswered batch is sent again after this long.
    pub resend_after_ms: Millis,
    /// How often the leader looks at who has how much.
    pub reconcile_every_ms: Millis,
    /// How often a node reports its demand to the leader.
    pub report_every_ms: Millis,
    /// A "sold out" is said only by a node whose state was proven fresh at most this long ago.
    pub fresh_for_ms: Millis,
    /// Set at bootstrap: a SKU is pooled when less than this many units per node are left.
    pub pooled_below_per_node: u64,
    /// Set at bootstrap: it is sliced again when this many units per node are there.
    pub sliced_above_per_node: u64,
    /// Set at bootstrap: most SKUs.
    pub max_skus: u32,
    /// Set at bootstrap: most stock of one SKU.
    pub max_stock: u64,
}

impl Default for StockSection {
    fn default() -> Self {
        let params = Params::default();
        Self {
            buffer_ratio: 0.1,
            reclaim_after_ms: Millis(2_000),
            refill_wait_ms: Millis(200),
            resend_after_ms: Millis(500),
            reconcile_every_ms: Millis(20),
            report_every_ms: Millis(50),
            fresh_for_ms: Millis(1_000),
            pooled_below_per_node: params.pooled_below_per_node,
            sliced_above_per_node: params.sliced_above_per_node,
            max_skus: params.max_skus,
            max_stock: params.max_stock,
        }
    }
}
