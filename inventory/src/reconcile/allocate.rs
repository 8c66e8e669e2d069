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
        // Of units that are on their way to buyers who wait nothing is spread, for they may be more than their node's part.
        let somebody_waits = self.ready.iter().any(|ready| self.asks.get(&(stock.sku, ready.node)).is_some_and(|ask| ask.needed > 0));
        let left = self.refills(now, stock, plan);
        self.pre_allocate(stock, left, plan);
        if !somebody_waits {
            self.even_out(now, stock, plan);
        }
    }

    /// Answers refill requests: what nodes need for waiting buyers before what would be good for them, and then the oldest first, so
    /// that of the last units each node gets its turn. Returns what is left in the pool.
    fn refills(&mut self, now: Moment, stock: &SkuStock, plan: &mut Plan) -> u64 {
        let mut left = stock.pool;
        let nodes = self.ready.len().max(1) as u64;
        let asked = |ready: &Ready| self.asks.get(&(stock.sku, ready.node)).map(|ask| (*ready, *ask));
        let mut asks: Vec<_> = self.ready.iter().filter_map(asked).collect();
        asks.sort_by_key(|(ready, ask)| (ask.needed == 0, ask.since, ready.node));
        // Nodes that keep what they have for buyers who waited longer: were it taken from them for who asked later, and for them
        // from him, neither would ever have it all.
        let mut keeping = Vec::new();
        for (ready, ask) in asks {
            // Shrinks with the pool, so that the last units are not all in one slice.
            let fair = (stock.pool / nodes).max(1);
            let units = ask.units.min(fair).max(ask.needed).min(left);
            if units > 0 {
                left -= units;
                plan.grants.push(Grant { sku: stock.sku, session: ready.session, units });
            }
            let share = stock.available() / nodes;
            let wanted = ask.needed.max(ask.units.min(share.saturating_sub(stock.slice(ready.session))));
            let missing = ask.needed.saturating_sub(units);
            // Before what is collected for it here counts as asked for.
            let can_be_met = missing <= self.within_reach(now, stock, ready.node, &keeping);
            if wanted > units {
                // For buyers who wait everybody gives but who keeps; for comfort only those who have more than their share.
                let share = if missing > 0 { 0 } else { share };
                let keep = |other: &Ready| if keeping.contains(&other.node) { u64::MAX } else { share };
                self.collect(now, stock, Some(ready.node), wanted - units, keep, plan);
            }
            if missing == 0 {
                self.asks.remove(&(stock.sku, ready.node));
            } else if let Some(rest) = self.asks.get_mut(&(stock.sku, ready.node)) {
                (rest.units, rest.needed) = (rest.units.saturating_sub(units), missing);
            }
            if ask.needed > 0 && can_be_met {
                keeping.push(ready.node);
            }
        }
        left
    }

    /// Spreads what the pool has over its buffer to nodes with less than their part, by weight.
    fn pre_allocate(&self, stock: &SkuStock, left: u64, plan: &mut Plan) {
        let available = stock.available();
        let buffer = per_mille(available, self.config.buffer_per_mille);
        let excess = left.saturating_sub(buffer);
        let weights: u64 = self.ready.iter().map(|ready| ready.weight).sum();
        let least = (available / LEAST_PART).max(self.ready.len() as u64);
        if weights == 0 || excess < least {
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

    /// A node that came late, after the others were given the stock, has nothing: those with more than their part give.
    fn even_out(&mut self, now: Moment, stock: &SkuStock, plan: &mut Plan) {
        let weights: u64 = self.ready.iter().map(|ready| ready.weight).sum();
        let buffer = per_mille(stock.available(), self.config.buffer_per_mille);
        let spread = stock.available() - buffer;
        let fair = |ready: &Ready| part(spread, ready.weight, weights);
        for ready in self.ready.clone() {
            let granted = plan.grants.iter().any(|grant| grant.sku == stock.sku && grant.session == ready.session);
            if stock.slice(ready.session) == 0 && !granted && fair(&ready) > 0 {
                self.collect(now, stock, Some(ready.node), fair(&ready), fair, plan);
            }
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

    /// Units that nodes other than `but` and those that keep theirs may still give. What one was asked for is on its way; one that says
    /// nothing gives nothing.
    fn within_reach(&self, now: Moment, stock: &SkuStock, but: NodeId, keeping: &[NodeId]) -> u64 {
        let is_heard = |node| self.reports.get(&node).is_some_and(|last| now < last.at.after(self.config.silent_after));
        let is_asked = |node| self.collected.contains_key(&(stock.sku, node));
        let of = |ready: &Ready| if is_asked(ready.node) { stock.slice(ready.session) } else { self.spare(stock, ready, 0).0 };
        let others = self.ready.iter().filter(|ready| ready.node != but && !keeping.contains(&ready.node) && is_heard(ready.node));
        others.map(of).fold(0, u64::saturating_add)
    }

    fn spare(&self, stock: &SkuStock, ready: &Ready, keep: u64) -> (u64, NodeId) {
        let demands = self.report_of(ready.node).map(|report| &report.demands[..]).unwrap_or_default();
        let provisional = demands.iter().find(|demand| demand.sku == stock.sku).map_or(0, |demand| demand.provisional);
        (stock.slice(ready.session).saturating_sub(keep).saturating_sub(provisional), ready.node)
    }
}

/// `of × numerator / denominator` without overflow.
fn part(of: u64, numerator: u64, denominator: u64) -> u64 {
    let part = u128::from(of) * u128::from(numerator) / u128::from(denominator.max(1));
    u64::try_from(part).unwrap_or(u64::MAX)
}

fn per_mille(of: u64, mille: u32) -> u64 {
    part(of, u64::from(mille.min(1_000)), 1_000)
}
