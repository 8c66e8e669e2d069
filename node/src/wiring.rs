//! From the configuration to what the parts are started with.

use holdfast_inventory::Incarnation;
use holdfast_inventory::desk::DeskConfig;
use holdfast_inventory::reconcile::ReconcileConfig;
use holdfast_raft::{PeerListener, PeerNode, RaftConfig, SnapshotPolicy, Timing};

use crate::config::{Config, duration};
use crate::http::HttpLimits;
use crate::runtime::RuntimeConfig;
use crate::server::ServeOptions;

/// Per mille in a whole.
const PER_MILLE: f64 = 1000.0;

/// What the runtime is started with.
pub(crate) fn runtime_config(options: &ServeOptions) -> RuntimeConfig {
    let config = &options.config;
    let (stock, orders) = (&config.stock, &config.orders);
    let desk = DeskConfig {
        max_waiting: orders.max_waiting as usize,
        max_batch_requests: orders.max_batch_requests as usize,
        max_entry_bytes: orders.max_entry_bytes as usize,
        resend_after: stock.resend_after_ms,
        refill_wait: stock.refill_wait_ms,
        fresh_for: stock.fresh_for_ms,
        request_ttl: orders.request_ttl_ms,
        ..DeskConfig::new(options.node, Incarnation(0))
    };
    let reconcile = ReconcileConfig {
        weights: config.members.iter().map(|member| (member.id, member.weight)).collect(),
        // Checked to be within 0 … 0.9 when the configuration was read.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        buffer_per_mille: (stock.buffer_ratio * PER_MILLE).round() as u32,
        reclaim_after: stock.reclaim_after_ms,
        ..ReconcileConfig::default()
    };
    RuntimeConfig {
        node: options.node,
        desk,
        reconcile,
        request_ttl: orders.request_ttl_ms,
        report_every: duration(stock.report_every_ms),
        reconcile_every: duration(stock.reconcile_every_ms),
        data: options.data.clone(),
        wall_offset_ms: options.clock_offset_ms,
    }
}

/// What consensus is started with.
pub(crate) fn raft_config(options: &ServeOptions, listener: PeerListener) -> RaftConfig {
    let config = &options.config;
    let members = config.members.iter().map(|member| {
        let node =
            PeerNode { peer: member.peer.clone(), api: member.api.clone(), admin: member.admin.clone(), disk: 0, weight: member.weight };
        (member.id, node)
    });
    RaftConfig {
        node: options.node,
        members: members.collect(),
        listener,
        bootstrap: options.bootstrap,
        params: config.params(),
        cluster_name: config.cluster.name.clone(),
        cluster_secret: config.cluster.secret.as_ref().map(|secret| secret.reveal().to_owned()).unwrap_or_default(),
        timing: Timing {
            heartbeat_ms: config.raft.heartbeat_ms.0,
            election_min_ms: config.raft.election_timeout_min_ms.0,
            election_max_ms: config.raft.election_timeout_max_ms.0,
        },
        snapshots: SnapshotPolicy {
            every_entries: config.raft.snapshot_every_entries,
            keep_entries: config.raft.log_keep_entries,
            keep_bytes: config.raft.log_keep_bytes,
            lag_entries: config.raft.snapshot_every_entries.saturating_mul(2),
            ..SnapshotPolicy::default()
        },
    }
}

/// What the handlers are bounded by.
pub(crate) fn http_limits(config: &Config) -> HttpLimits {
    let http = &config.http;
    HttpLimits {
        max_body_bytes: http.max_body_bytes as usize,
        max_batch_body_bytes: http.max_batch_body_bytes as usize,
        max_event_streams: http.max_event_streams as usize,
    }
}
