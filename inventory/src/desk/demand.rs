//! What a node tells the leader about its sales.

use serde::{Deserialize, Serialize};

use crate::SkuId;

/// One SKU at one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkuDemand {
    /// Which SKU.
    pub sku: SkuId,
    /// Units admitted in the last second, smoothed.
    pub per_second: u64,
    /// Units admitted and not yet applied.
    pub provisional: u64,
    /// Units that waiting buyers ask for.
    pub wanted: u64,
}
