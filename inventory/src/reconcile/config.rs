//! What the policy is told when it is made.

use std::collections::BTreeMap;

use crate::{Millis, NodeId};

/// Weights, ratios and times of the leader's policy. Nothing here reaches `apply`.
#[derive(Clone, Debug)]
pub struct ReconcileConfig {
    /// Each node's part of the stock, as the load balancer weighs them; a node without one has 1.
    pub weights: BTreeMap<NodeId, u32>,
    /// Per mille of a SKU's available units that pre-allocation keeps in the pool.
    pub buffer_per_mille: u32,
    /// A node that has not reported applying what was committed this long ago is fenced.
    pub reclaim_after: Millis,
    /// Least time between two ticks.
    pub tick_at_least: Millis,
    /// A tick comes at the latest after this while anything is held.
    pub tick_while_held: Millis,
    /// A tick comes at the latest after this in a quiet cluster.
    pub tick_idle: Millis,
    /// How long a refill request is remembered.
    pub refill_ttl: Millis,
    /// A node that has not reported for so long is not counted on for units that buyers elsewhere wait for.
    pub silent_after: Millis,
    /// Pause before the same units are collected, or the same session is closed, once more.
    pub again_after: Millis,
}

impl Default for ReconcileConfig {
    fn default() -> Self {
        Self {
            weights: BTreeMap::new(),
            buffer_per_mille: 100,
            reclaim_after: Millis(2_000),
            tick_at_least: Millis(20),
            tick_while_held: Millis(1_000),
            tick_idle: Millis(10_000),
            refill_ttl: Millis(200),
            silent_after: Millis(200),
            again_after: Millis(100),
        }
    }
}
