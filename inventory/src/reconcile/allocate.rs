//! One sliced SKU: what its pool is granted to, and what is collected from whom.

use crate::reconcile::{Reconciler, SkuStock};
use crate::{Grant, Mode, Moment, NodeId, SessionId, SkuId};

/// Pre-allocation does not bother for less than one part in this many of what is available.
const LEAST_PART: u64 = 64;

/// A node that may be granted slices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) node: NodeId,
    pub(super) session: SessionId,
    pub(super) weight: u64,
}

/// What a node asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct RefillAsk {
    pub(super) units: u64,
    pub(super) needed: u64,
    /// Since when it has asked in vain.
    pub(super) since: Moment,
    pub(super) until: Moment,
}

/// What should be done about some SKUs.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) modes: Vec<(SkuId, Mode)>,
    pub(super) grants: Vec<Grant>,
    pub(super) collects: Vec<(NodeId, SkuId, u64)>,
}

impl Reconciler {
    /// Plans grants and collections of one SKU. Of a pooled one there are none.
    pub(super) fn allocate(&mut self, now: Moment, stock: &SkuStock, plan: &mut Plan) {
        if stock.mode == Mode::Pooled {
            self.asks.retain(|(sku, _), _| *sku != stock.sku);
            return;
        }
        if let Some(units) = self.units_to_adjust(stock.sku) {
            let missing = units.saturating_sub(stock.pool);
            self.collect(now, stock, None, missing, |_| 0, plan);
            return;
        }
        let left = self.refills(now, stock, plan);
        self.pre_allocate(stock, left, plan);
        self.even_out(now, stock, plan);
    }

    /// Answers refill requests, the oldest first, so that of the last units each node gets its turn; what a node needs for
    /// waiting buyers goes before what would be good for it, which is at most its part by weight of what the pool has. Returns what is
    /// left in the pool.
    fn refills(&mut self, now: Moment, stock: &SkuStock, plan: &mut Plan) -> u64 {
        let mut left = stock.pool;
        let weights = self.weights();
        let asked = |ready: &Ready| self.asks.get(&(stock.sku, ready.node)).map(|ask| (*ready, *ask));
        let mut asks: Vec<_> = self.ready.iter().filter_map(asked).collect();
        asks.sort_by_key(|(ready, ask)| (ask.since, ready.node));
        for (ready, ask) in asks {
            // Shrinks with the pool, so that the last units are not all in one slice.
            let fair = part(stock.pool, ready.weight, weights).max(1);
            let units = ask.units.min(fair).max(ask.needed).min(left);
            if units > 0 {
                left -= units;
                plan.grants.push(Grant { sku: stock.sku, session: ready.session, units });
            }
            let share = |ready: &Ready| part(stock.available(), ready.weight, weights);
            let wanted = ask.needed.max(ask.units.min(share(&ready).saturating_sub(stock.slice(ready.session))));
            if wanted > units {
                // For buyers who wait everybody gives; for comfort only those who have more than their share.
                let is_needed = ask.needed > units;
                let keep = |other: &Ready| if is_needed { 0 } else { share(other) };
                self.collect(now, stock, Some(ready.node), wanted - units, keep, plan);
            }
            if units >= ask.needed {
                self.asks.remove(&(stock.sku, ready.node));
            }
        }
        left
    }

    /// Spreads what the pool has over its buffer to nodes with less than their part, by weight.
    fn pre_allocate(&self, stock: &SkuStock, left: u64, plan: &mut Plan) {
        let available = stock.available();
        let buffer = per_mille(available, self.config.buffer_per_mille);
        let excess = left.saturating_sub(buffer);
        let weights = self.weights();
        if weights == 0 || excess < least_part(stock, &self.ready) {
            return;
        }
        let lack = |ready: &Ready| part(available - buffer, ready.weight, weights).saturating_sub(stock.slice(ready.session));
        let lacking: u64 = self.ready.iter().map(lack).sum();
        for ready in &self.ready {
            let lack = lack(ready);
            let units = if lacking <= excess { lack } else { part(excess, lack, lacking) };
            if units > 0 {
                plan.grants.push(Grant { sku: stock.sku, session: ready.session, units });
            }
        }
    }

    /// Nodes that came late, after the others were given the stock, have nothing, or not all of their part: those with more than theirs
    /// give. What was asked for may get lost or come in parts, and nodes may be heard of one after the other: it is looked at again until
    /// all have their part, or the time for that is over.
    fn even_out(&mut self, now: Moment, stock: &SkuStock, plan: &mut Plan) {
        let weights = self.weights();
        let buffer = per_mille(stock.available(), self.config.buffer_per_mille);
        let spread = stock.available() - buffer;
        let fair = |ready: &Ready| part(spread, ready.weight, weights);
        let least = least_part(stock, &self.ready);
        let end = |until: Option<Moment>| until.unwrap_or_else(|| now.after(self.config.settle_within));
        let settles = self.unsettled.remove(&stock.sku).map(end).filter(|until| now < *until);
        // What is collected for buyers who wait, more than the node's part perhaps, is not taken from it meanwhile.
        let is_awaited = self.ready.iter().any(|ready| self.asks.get(&(stock.sku, ready.node)).is_some_and(|ask| ask.needed > 0));
        let lack = |ready: &Ready| match fair(ready).saturating_sub(stock.slice(ready.session)) {
            lack if !is_awaited && (stock.slice(ready.session) == 0 || (settles.is_some() && lack >= least)) => lack,
            _ => 0,
        };
        let is_granted = |ready: &Ready| plan.grants.iter().any(|grant| grant.sku == stock.sku && grant.session == ready.session);
        let lacking: Vec<u64> = self.ready.iter().filter(|ready| !is_granted(ready)).map(lack).collect();
        let missing = lacking.iter().sum();
        if missing > 0 {
            self.collect(now, stock, None, missing, fair, plan);
        }
        if let Some(until) = settles
            && (missing > 0 || is_awaited || lacking.len() < self.ready.len())
        {
            self.unsettled.insert(stock.sku, Some(until));
            self.dirty.insert(stock.sku);
        }
    }

    /// Asks nodes other than `but` for `missing` units, those that can spare most first; each keeps what `keep` says.
    fn collect(&mut self, now: Moment, stock: &SkuStock, but: Option<NodeId>, missing: u64, keep: impl Fn(&Ready) -> u64, plan: &mut Plan) {
        let others = self.ready.iter().filter(|ready| Some(ready.node) != but);
        let mut spare: Vec<(u64, NodeId)> = others.map(|ready| self.spare(stock, ready, keep(ready))).collect();
        spare.sort_by_key(|(units, node)| (std::cmp::Reverse(*units), *node));
        let mut missing = missing;
        for (units, node) in spare {
            let units = units.min(missing);
            if units == 0 || self.collected.contains_key(&(stock.sku, node)) {
                continue;
            }
            missing -= units;
            self.collected.insert((stock.sku, node), now);
            plan.collects.push((node, stock.sku, units));
        }
    }

    /// Of all nodes that may be granted slices.
    fn weights(&self) -> u64 {
        self.ready.iter().map(|ready| ready.weight).sum()
    }

    fn spare(&self, stock: &SkuStock, ready: &Ready, keep: u64) -> (u64, NodeId) {
        let demands = self.report_of(ready.node).map(|report| &report.demands[..]).unwrap_or_default();
        let provisional = demands.iter().find(|demand| demand.sku == stock.sku).map_or(0, |demand| demand.provisional);
        (stock.slice(ready.session).saturating_sub(keep).saturating_sub(provisional), ready.node)
    }
}

/// What it is worth to grant or to collect.
fn least_part(stock: &SkuStock, ready: &[Ready]) -> u64 {
    (stock.available() / LEAST_PART).max(ready.len() as u64)
}

/// `of × numerator / denominator` without overflow.
fn part(of: u64, numerator: u64, denominator: u64) -> u64 {
    let part = u128::from(of) * u128::from(numerator) / u128::from(denominator.max(1));
    u64::try_from(part).unwrap_or(u64::MAX)
}

fn per_mille(of: u64, mille: u32) -> u64 {
    part(of, u64::from(mille.min(1_000)), 1_000)
}
