//! Gauges that mirror the state, written as text at each scrape.
//!
//! They do not pass through the recorder: a series for a SKU or a member that is gone would stay there for good.

use std::fmt::Display;

use holdfast_inventory::{LogIndex, Millis, NodeId};

use super::catalogue::{self as c, Metric};

/// SKUs that a scrape tells of, the newest first: a cluster may have a million.
pub const MAX_SKU_SERIES: usize = 200;

/// What a node's state is at one scrape.
#[derive(Clone, Debug, Default)]
pub struct Scrape {
    /// See [`c::READY`].
    pub ready: bool,
    /// At most [`MAX_SKU_SERIES`].
    pub skus: Vec<SkuNumbers>,
    /// See [`c::STRANDED`].
    pub stranded: u64,
    /// See [`c::EXPIRY_LAG`].
    pub expiry_lag: Millis,
    /// See [`c::REMEMBERED`].
    pub remembered: u64,
    /// See [`c::TIME_ERROR`].
    pub time_error: Millis,
    /// See [`c::IS_LEADER`].
    pub is_leader: bool,
    /// See [`c::HAS_LEADER`].
    pub has_leader: bool,
    /// See [`c::TERM`].
    pub term: u64,
    /// See [`c::COMMITTED`].
    pub committed: LogIndex,
    /// See [`c::APPLIED`].
    pub applied: LogIndex,
    /// See [`c::MEMBER_LAG`].
    pub lags: Vec<(NodeId, u64)>,
    /// See [`c::DISK_USED`].
    pub disk_used: u64,
    /// See [`c::DISK_FREE`].
    pub disk_free: u64,
}

/// The numbers of one SKU. Its name needs no escaping: its characters are restricted.
#[derive(Clone, Debug)]
pub struct SkuNumbers {
    /// Its name.
    pub sku: Box<str>,
    /// See [`c::STOCK`].
    pub stock: u64,
    /// See [`c::POOL`].
    pub pool: u64,
    /// See [`c::SLICES`].
    pub slices: u64,
    /// See [`c::OWN_SLICE`].
    pub own_slice: u64,
    /// See [`c::HELD`].
    pub held: u64,
    /// See [`c::CONFIRMED`].
    pub confirmed: u64,
}

impl Scrape {
    /// Appends Prometheus text to `page`.
    pub fn render_into(&self, page: &mut String) {
        let flag = u64::from;
        single(page, &c::READY, flag(self.ready));
        per_sku(page, &c::STOCK, &self.skus, |sku| sku.stock);
        per_sku(page, &c::POOL, &self.skus, |sku| sku.pool);
        per_sku(page, &c::SLICES, &self.skus, |sku| sku.slices);
        per_sku(page, &c::OWN_SLICE, &self.skus, |sku| sku.own_slice);
        per_sku(page, &c::HELD, &self.skus, |sku| sku.held);
        per_sku(page, &c::CONFIRMED, &self.skus, |sku| sku.confirmed);
        single(page, &c::STRANDED, self.stranded);
        single(page, &c::EXPIRY_LAG, seconds(self.expiry_lag));
        single(page, &c::REMEMBERED, self.remembered);
        single(page, &c::TIME_ERROR, seconds(self.time_error));
        single(page, &c::IS_LEADER, flag(self.is_leader));
        single(page, &c::HAS_LEADER, flag(self.has_leader));
        single(page, &c::TERM, self.term);
        single(page, &c::COMMITTED, self.committed);
        single(page, &c::APPLIED, self.applied);
        head(page, &c::MEMBER_LAG);
        for (node, lag) in &self.lags {
            line(page, format_args!("{}{{node=\"{node}\"}} {lag}", c::MEMBER_LAG.name));
        }
        single(page, &c::DISK_USED, self.disk_used);
        single(page, &c::DISK_FREE, self.disk_free);
    }
}

fn seconds(millis: Millis) -> f64 {
    millis.0 as f64 / 1000.0
}

fn head(page: &mut String, metric: &Metric) {
    line(page, format_args!("# HELP {} {}", metric.name, metric.help));
    line(page, format_args!("# TYPE {} gauge", metric.name));
}

fn single(page: &mut String, metric: &Metric, value: impl Display) {
    head(page, metric);
    line(page, format_args!("{} {value}", metric.name));
}

fn per_sku(page: &mut String, metric: &Metric, skus: &[SkuNumbers], value: impl Fn(&SkuNumbers) -> u64) {
    head(page, metric);
    for sku in skus {
        line(page, format_args!("{}{{sku=\"{}\"}} {}", metric.name, sku.sku, value(sku)));
    }
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.push_str(&text.to_string());
    page.push('\n');
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::metrics::Metrics;
    use crate::metrics::catalogue::CATALOGUE;

    fn shown() -> String {
        let metrics = Metrics::new();
        metrics.orders.add("accepted", 3);
        metrics.transitions.add("changed", 1);
        metrics.problems.add("sold-out", 2);
        metrics.batch_requests.record(17.0);
        metrics.group_batches.record(2.0);
        metrics.commit_seconds.record(0.003);
        for counter in [&metrics.reproposals, &metrics.refills, &metrics.probes, &metrics.sessions] {
            counter.increment(1);
        }
        let sku = SkuNumbers { sku: "tee-m".into(), stock: 10, pool: 4, slices: 3, own_slice: 1, held: 2, confirmed: 1 };
        let scrape = Scrape { skus: vec![sku], lags: vec![(NodeId(2), 5)], expiry_lag: Millis(1_500), disk_free: 9, ..Scrape::default() };
        metrics.render(&scrape)
    }

    #[test]
    fn a_node_shows_exactly_what_the_catalogue_lists() {
        let page = shown();
        let shown: BTreeSet<&str> = page.lines().filter_map(|l| l.strip_prefix("# TYPE ")).filter_map(|l| l.split(' ').next()).collect();
        let listed: BTreeSet<&str> = CATALOGUE.iter().map(|metric| metric.name).collect();
        assert_eq!(shown, listed);
    }

    #[test]
    fn numbers_carry_their_labels_and_units() {
        let page = shown();
        for expected in [
            "holdfast_orders_total{outcome=\"accepted\"} 3",
            "holdfast_problems_total{type=\"sold-out\"} 2",
            "holdfast_pool_units{sku=\"tee-m\"} 4",
            "holdfast_raft_member_lag_entries{node=\"2\"} 5",
            "holdfast_expiry_lag_seconds 1.5",
            "holdfast_batch_requests_bucket{le=\"32\"} 1",
        ] {
            assert!(page.lines().any(|line| line == expected), "{expected} not in\n{page}");
        }
    }
}
