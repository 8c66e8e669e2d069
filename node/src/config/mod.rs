//! `cluster.toml`: one file for all nodes of a cluster, read once at the start.
//!
//! Every key has a default except the members; an unknown key or a bad value is refused with file, key and reason. Times
//! and sizes carry their unit in the key. The keys marked "set at bootstrap" are replicated: they become the cluster's
//! [`Params`] when it begins and a later edit of the file does not reach `apply`.

mod cluster;
mod error;
mod http;
mod load;
mod log;
mod orders;
mod path;
mod raft;
mod reference;
mod secret;
mod stock;
#[cfg(test)]
mod tests;
mod validate;

use std::time::Duration;

use holdfast_inventory::{Millis, NodeId, Params};
use serde::{Deserialize, Serialize};

pub use cluster::{ClusterSection, Member};
pub use error::ConfigError;
pub use http::HttpSection;
pub use load::SECRET_VARIABLE;
pub use log::{LogFormat, LogSection};
pub use orders::OrdersSection;
pub use raft::RaftSection;
pub use reference::{REFERENCE_FILE, reference};
pub use secret::ClusterSecret;
pub use stock::StockSection;

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What makes these nodes one cluster.
    pub cluster: ClusterSection,
    /// The nodes.
    pub members: Vec<Member>,
    /// Consensus timing and the length of its log.
    pub raft: RaftSection,
    /// How stock is spread over the nodes.
    pub stock: StockSection,
    /// How long orders and their keys live, and how many there may be.
    pub orders: OrdersSection,
    /// Limits of the two HTTP listeners.
    pub http: HttpSection,
    /// What is logged, and how.
    pub log: LogSection,
}

impl Config {
    /// The member with this id.
    pub fn member(&self, node: NodeId) -> Option<&Member> {
        self.members.iter().find(|member| member.id == node)
    }

    /// The replicated parameters that a new cluster starts with.
    pub fn params(&self) -> Params {
        let (stock, orders) = (&self.stock, &self.orders);
        Params {
            idempotency_ttl: orders.idempotency_ttl_ms,
            idempotency_after_end: orders.idempotency_after_end_ms,
            cancel_window: orders.cancel_window_ms,
            buyer_retention: orders.buyer_retention_ms,
            max_orders: orders.max_orders,
            max_orders_per_buyer: orders.max_orders_per_buyer,
            default_hold_ttl: orders.default_hold_ttl_ms,
            max_hold_ttl: orders.max_hold_ttl_ms,
            max_skus: stock.max_skus,
            max_stock: stock.max_stock,
            max_line_units: orders.max_line_units,
            max_lines: orders.max_lines,
            max_batch_requests: orders.max_batch_requests,
            max_entry_bytes: orders.max_entry_bytes,
            sweep_per_entry: orders.sweep_per_entry,
            pooled_below_per_node: stock.pooled_below_per_node,
            sliced_above_per_node: stock.sliced_above_per_node,
            state_hash_every: orders.state_hash_every,
        }
    }
}

/// A configured length of time, for the parts that wait by a local clock.
pub fn duration(millis: Millis) -> Duration {
    Duration::from_millis(millis.0)
}
