//! Every metric of a node: its name, kind, labels and meaning. The source of the metrics reference.
//!
//! Base units, `_total` on counters. A test compares what a node shows with this table, both ways.

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from zero at each start of the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts observations by size.
    Histogram,
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// Its labels, separated by commas; empty for none.
    pub labels: &'static str,
    /// What it tells.
    pub help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident = $name:literal, $kind:ident, $labels:literal, $help:literal;)*) => {
        $(#[doc = $help] pub const $constant: Metric =
            Metric { name: $name, kind: Kind::$kind, labels: $labels, help: $help };)*

        /// All of them, as the reference lists them.
        pub const CATALOGUE: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    ORDERS = "holdfast_orders_total", Counter, "outcome",
        "Order requests answered, single or in a batch: `accepted`, `replayed`, or the problem type.";
    TRANSITIONS = "holdfast_transitions_total", Counter, "outcome",
        "Confirm, release, cancel and extend requests answered: `changed`, `unchanged`, or the problem type.";
    PROBLEMS = "holdfast_problems_total", Counter, "type",
        "Problems answered to any call, by type.";
    EVENT_STREAMS = "holdfast_event_streams", Gauge, "",
        "Event streams open now.";
    BATCH_REQUESTS = "holdfast_batch_requests", Histogram, "",
        "Requests in each batch that this node proposed.";
    COMMIT_SECONDS = "holdfast_commit_seconds", Histogram, "",
        "From the first proposal of a batch to its apply on this node.";
    GROUP_BATCHES = "holdfast_group_batches", Histogram, "",
        "Batches, of several nodes, that this node, as the leader, gave to the log together.";
    WAITING_REQUESTS = "holdfast_waiting_requests", Gauge, "",
        "Requests admitted or waiting at this node's Desk, not answered yet.";
    REPROPOSALS = "holdfast_reproposals_total", Counter, "",
        "Batches that were proposed again, byte for byte: this node's own, and on the leader those that consensus dropped.";
    REFILLS = "holdfast_refills_total", Counter, "",
        "Refills that this node asked for.";
    PROBES = "holdfast_freshness_probes_total", Counter, "",
        "Freshness proofs that this node asked for.";
    SESSIONS = "holdfast_sessions_opened_total", Counter, "",
        "Sessions that this node opened: more than one in a process means that it was reclaimed.";
    READY = "holdfast_ready", Gauge, "",
        "1 if this node can serve an order now.";
    STOCK = "holdfast_stock_units", Gauge, "sku",
        "Units ever added, net.";
    POOL = "holdfast_pool_units", Gauge, "sku",
        "Units that no node has.";
    SLICES = "holdfast_slice_units", Gauge, "sku",
        "Units in all slices together.";
    OWN_SLICE = "holdfast_own_slice_units", Gauge, "sku",
        "Units in the slice of this node's session.";
    HELD = "holdfast_held_units", Gauge, "sku",
        "Units of held orders.";
    CONFIRMED = "holdfast_confirmed_units", Gauge, "sku",
        "Units of confirmed orders.";
    STRANDED = "holdfast_stranded_units", Gauge, "",
        "Units in slices of members that are not heard: nobody can sell them until they are reclaimed. Known on the leader; 0 elsewhere.";
    EXPIRY_LAG = "holdfast_expiry_lag_seconds", Gauge, "",
        "How long the oldest expired hold waits to be swept.";
    REMEMBERED = "holdfast_remembered_keys", Gauge, "",
        "Idempotency keys remembered, cluster-wide.";
    TIME_ERROR = "holdfast_time_error_seconds", Gauge, "",
        "Bound on the error of this node's estimate of cluster time.";
    IS_LEADER = "holdfast_raft_is_leader", Gauge, "",
        "1 on the node that leads, as it believes itself.";
    HAS_LEADER = "holdfast_raft_has_leader", Gauge, "",
        "1 if this node knows a leader.";
    TERM = "holdfast_raft_term", Gauge, "",
        "Raft's term.";
    COMMITTED = "holdfast_raft_committed_index", Gauge, "",
        "Highest log index known to be committed.";
    APPLIED = "holdfast_raft_applied_index", Gauge, "",
        "Highest log index applied on this node.";
    MEMBER_LAG = "holdfast_raft_member_lag_entries", Gauge, "node",
        "Entries a member is behind. Known on the leader.";
    DISK_USED = "holdfast_disk_used_bytes", Gauge, "",
        "Bytes that the data directory uses.";
    DISK_FREE = "holdfast_disk_free_bytes", Gauge, "",
        "Bytes free on the data directory's file system.";
}

/// The metrics reference, in Markdown.
pub fn reference() -> String {
    let mut page = String::from(
        "# Metrics\n\nWhat `/metrics` on a node's admin listener shows, in Prometheus text; base units. Counters start at zero with the process.\n\n| name | kind | labels | meaning |\n|---|---|---|---|\n",
    );
    for metric in CATALOGUE {
        let kind = format!("{:?}", metric.kind).to_lowercase();
        let labels = if metric.labels.is_empty() { "–".to_owned() } else { format!("`{}`", metric.labels) };
        page.extend(["| `", metric.name, "` | ", &kind, " | ", &labels, " | ", metric.help, " |\n"]);
    }
    page
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_follow_the_rules() {
        let mut seen = BTreeSet::new();
        for metric in CATALOGUE {
            assert!(seen.insert(metric.name), "{} twice", metric.name);
            assert!(metric.name.starts_with("holdfast_"), "{}", metric.name);
            assert_eq!(metric.kind == Kind::Counter, metric.name.ends_with("_total"), "{}", metric.name);
            assert!(!metric.name.ends_with("_ms"), "{}: base units", metric.name);
        }
    }

    #[test]
    fn the_reference_names_each_metric() {
        let page = reference();
        assert!(CATALOGUE.iter().all(|metric| page.contains(metric.name)));
    }
}
