//! A request between its admission and its answer.

use crate::desk::{Ask, ClusterTime};
use crate::{Line, Millis, Moment, Request, SkuId, Stamp};

/// A request that is not answered yet, or a return of the Desk's own.
pub(super) struct Pending<W> {
    pub(super) ask: Ask,
    /// None for the Desk's own requests and for those answered as unknown.
    pub(super) waiter: Option<W>,
    /// When the waiter must have been answered, unless the request was proposed.
    pub(super) deadline: Moment,
    /// Since when it waits for units, its first time.
    pub(super) waits_since: Option<Moment>,
    /// Whether it waits for a proof of freshness rather than for units.
    pub(super) waits_for_proof: bool,
    /// Whether it takes units: orders do, a late confirm once apply asked for them.
    pub(super) draws: bool,
}

impl<W> Pending<W> {
    pub(super) fn new(now: Moment, time: ClusterTime, ttl: Millis, ask: Ask, waiter: W) -> Self {
        let left = apply_before(&ask.request).map_or(ttl, |stamp| (stamp - time.now).min(ttl));
        let draws = matches!(ask.request, Request::Order(_));
        Self { ask, waiter: Some(waiter), deadline: now.after(left), waits_since: None, waits_for_proof: false, draws }
    }

    /// The Desk's own request for giving units back.
    pub(super) fn give_back(sku: SkuId, units: u64) -> Self {
        let ask = Ask { request: Request::Return { sku, units }, key: None, fingerprint: None, buyer: None };
        let deadline = Moment(u64::MAX);
        Self { ask, waiter: None, deadline, waits_since: None, waits_for_proof: false, draws: false }
    }

    /// What it takes from slice or pool.
    pub(super) fn lines(&self) -> &[Line] {
        match &self.ask.request {
            Request::Order(order) if self.draws => &order.lines,
            Request::Confirm(step) if self.draws => step.content.as_ref().map_or(&[], |content| &content.lines),
            _ => &[],
        }
    }

    pub(super) fn units_of(&self, sku: SkuId) -> u64 {
        self.lines().iter().filter(|line| line.sku == sku).map(|line| u64::from(line.units)).sum()
    }

    pub(super) fn is_order(&self) -> bool {
        matches!(self.ask.request, Request::Order(_))
    }

    /// A late confirm whose order's content is at hand can wait for units like an order.
    pub(super) fn may_draw(&self) -> bool {
        self.is_order() || matches!(&self.ask.request, Request::Confirm(step) if step.content.is_some())
    }

    /// Calls `claim` with each SKU and units that count as provisional while this is under way.
    pub(super) fn for_each_claim(&self, mut claim: impl FnMut(SkuId, u64)) {
        if let Request::Return { sku, units } = self.ask.request {
            claim(sku, units);
        }
        for line in self.lines() {
            claim(line.sku, u64::from(line.units));
        }
    }
}

fn apply_before(request: &Request<'_>) -> Option<Stamp> {
    match request {
        Request::Order(order) => Some(order.apply_before),
        Request::Confirm(step) | Request::Release(step) | Request::Cancel(step) | Request::Extend(step) => Some(step.apply_before),
        Request::Return { .. } => None,
    }
}
