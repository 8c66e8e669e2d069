//! The leader's policy: who gets how many units, who gives back, who is fenced, when a SKU is pooled. Sans-IO.
//!
//! Promises nothing about safety: `apply` checks every command, and any policy, even a random one, is safe.
//!
//! *Architecture invariant:* the policy keeps no count of units that could drift. It reads the applied state each
//! time; [`Reconciler::wake`] is called again only after the commands of the last call were applied or failed, so a
//! grant is not made twice. SKUs that nothing happened to are not looked at.
//!
//! Map: `allocate` pre-allocation, refill and collection of one SKU · `reclaim` fencing · `tick` · `stock` what it
//! reads · `config`.

mod allocate;
mod config;
mod reclaim;
mod stock;
mod tick;

pub use config::*;
pub use stock::*;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Command, Grant, LogIndex, Mode, Moment, NodeId, SessionId, SkuDemand, SkuId, Stamp};
use allocate::{Plan, Ready, RefillAsk};
use reclaim::Horizon;

/// Most SKUs that one call of [`Reconciler::wake`] looks at: their grants fit one entry.
pub const MAX_SKUS_PER_WAKE: usize = 1_024;
/// Most grants in one command: the least `max_entry_bytes` holds them.
pub const MAX_GRANTS_PER_COMMAND: usize = 2_048;

/// What a node tells the leader, several times a second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Who tells.
    pub node: NodeId,
    /// Its session, if it has one.
    pub session: Option<SessionId>,
    /// How far it has applied.
    pub applied: LogIndex,
    /// Whether it stops: it is granted nothing.
    pub draining: bool,
    /// What it sold lately.
    pub demands: Vec<SkuDemand>,
}

/// The last report of a node, and when it came.
#[derive(Debug)]
struct Reported {
    at: Moment,
    report: Report,
}

/// What the leader should do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Write this command into the log.
    Propose(Command<'static>),
    /// Ask a node for units back; its Desk takes it as [`give_back`](crate::Desk::give_back).
    CollectReturn {
        /// Which node.
        node: NodeId,
        /// Of which SKU.
        sku: SkuId,
        /// At most this many.
        units: u64,
    },
}

/// One negative adjustment that waits for returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct AdjustmentWait(u64);

/// The leader's policy. Exists on every node, acts on the leader.
#[derive(Debug)]
pub struct Reconciler {
    config: ReconcileConfig,
    leading: bool,
    reports: BTreeMap<NodeId, Reported>,
    /// Nodes that could be granted slices when last looked at.
    ready: Vec<Ready>,
    /// SKUs to look at.
    dirty: BTreeSet<SkuId>,
    /// Where the next look begins, so that busy low numbers do not starve high ones.
    cursor: SkuId,
    asks: BTreeMap<(SkuId, NodeId), RefillAsk>,
    /// Units that the pool must hold before a negative adjustment is proposed, of each that waits.
    adjustments: BTreeMap<(SkuId, AdjustmentWait), u64>,
    /// The last wait begun; goes on over elections, so that a wait of an earlier term ends no later one.
    last_wait: AdjustmentWait,
    /// When units were last collected.
    collected: BTreeMap<(SkuId, NodeId), Moment>,
    horizon: Horizon,
    last_tick: Option<Moment>,
}

impl Reconciler {
    /// A policy that does nothing until [`elected`](Self::elected).
    pub fn new(config: ReconcileConfig) -> Self {
        Self {
            config,
            leading: false,
            reports: BTreeMap::new(),
            ready: Vec::new(),
            dirty: BTreeSet::new(),
            cursor: SkuId(0),
            asks: BTreeMap::new(),
            adjustments: BTreeMap::new(),
            last_wait: AdjustmentWait::default(),
            collected: BTreeMap::new(),
            horizon: Horizon::default(),
            last_tick: None,
        }
    }

    /// This node leads from now on: every SKU is looked at once, every node is given `reclaim_after` from now.
    pub fn elected(&mut self, now: Moment, stock: &impl Stock) {
        *self = Self { leading: true, last_tick: Some(now), ..self.anew() };
        self.dirty = (0..stock.sku_count()).map(SkuId).collect();
    }

    /// This node leads no longer.
    pub fn deposed(&mut self) {
        *self = self.anew();
    }

    fn anew(&self) -> Self {
        Self { last_wait: self.last_wait, ..Self::new(self.config.clone()) }
    }

    /// These SKUs changed in an applied entry.
    pub fn touched(&mut self, skus: &[SkuId]) {
        if self.leading {
            self.dirty.extend(skus);
        }
    }

    /// A node's report came in; it replaces the last one, as a node that was started anew may have applied less.
    pub fn report(&mut self, now: Moment, report: Report) {
        if self.leading {
            self.reports.insert(report.node, Reported { at: now, report });
        }
    }

    fn report_of(&self, node: NodeId) -> Option<&Report> {
        self.reports.get(&node).map(|reported| &reported.report)
    }

    /// A node asks for `units`, of which buyers wait for `needed`.
    pub fn refill(&mut self, now: Moment, node: NodeId, sku: SkuId, units: u64, needed: u64) {
        if self.leading {
            let since = self.asks.get(&(sku, node)).map_or(now, |before| before.since);
            self.asks.insert((sku, node), RefillAsk { units, needed, since, until: now.after(self.config.refill_ttl) });
            self.dirty.insert(sku);
        }
    }

    /// An adjustment waits until the pool holds `units`: nothing is granted of the SKU, and returns are collected, for all
    /// that wait together. To be ended by [`adjustment_done`](Self::adjustment_done).
    pub fn adjustment_waits(&mut self, sku: SkuId, units: u64) -> AdjustmentWait {
        self.last_wait.0 += 1;
        self.adjustments.insert((sku, self.last_wait), units);
        self.dirty.insert(sku);
        self.last_wait
    }

    /// That adjustment waits no longer; others of the SKU still do.
    pub fn adjustment_done(&mut self, sku: SkuId, wait: AdjustmentWait) {
        self.adjustments.remove(&(sku, wait));
        self.dirty.insert(sku);
    }

    /// Units that the adjustments of a SKU wait for together; none if none waits.
    fn units_to_adjust(&self, sku: SkuId) -> Option<u64> {
        let waits = self.adjustments.range((sku, AdjustmentWait(0))..=(sku, AdjustmentWait(u64::MAX)));
        waits.map(|(_, units)| *units).reduce(u64::saturating_add)
    }

    /// What to do now. `committed` is the committed index, `stamp` what an entry would be stamped. Call it every 10 to
    /// 50 ms, and at a refill request; not before the proposals of the last call were applied or failed.
    pub fn wake(&mut self, now: Moment, committed: LogIndex, stamp: Stamp, stock: &impl Stock) -> Vec<Action> {
        let mut actions = Vec::new();
        if !self.leading {
            return actions;
        }
        self.reclaim(now, committed, stock, &mut actions);
        self.find_ready(stock);
        self.forget_old(now);
        let plan = self.plan(now, stock);
        push_commands(plan, &mut actions);
        self.tick(now, stamp, stock, &mut actions);
        actions
    }

    fn plan(&mut self, now: Moment, stock: &impl Stock) -> Plan {
        let mut plan = Plan::default();
        let members = stock.members().len() as u64;
        let thresholds = (stock.pooled_below_per_node() * members, stock.sliced_above_per_node() * members);
        for sku in self.take_dirty() {
            let Some(sku_stock) = stock.sku_stock(sku) else { continue };
            match wanted_mode(&sku_stock, thresholds) {
                Some(mode) => plan.modes.push((sku, mode)),
                None => self.allocate(now, &sku_stock, &mut plan),
            }
        }
        plan
    }

    fn take_dirty(&mut self) -> Vec<SkuId> {
        let after = self.dirty.range(self.cursor..).chain(self.dirty.range(..self.cursor));
        let taken: Vec<SkuId> = after.copied().take(MAX_SKUS_PER_WAKE).collect();
        for sku in &taken {
            self.dirty.remove(sku);
        }
        if let Some(last) = taken.last() {
            self.cursor = SkuId(last.0.wrapping_add(1));
        }
        taken
    }

    /// Nodes whose session is open and that reported applying its opening. When they change, every SKU is looked at.
    fn find_ready(&mut self, stock: &impl Stock) {
        let is_ready = |node: &NodeId, session: &SessionId| {
            self.report_of(*node)
                .is_some_and(|report| report.session == Some(*session) && report.applied.0 >= session.0 && !report.draining)
        };
        let ready: Vec<Ready> = stock
            .open_sessions()
            .into_iter()
            .filter(|(node, session)| is_ready(node, session))
            .map(|(node, session)| Ready { node, session, weight: u64::from(self.config.weights.get(&node).copied().unwrap_or(1)) })
            .collect();
        if ready != self.ready {
            self.ready = ready;
            self.dirty.extend((0..stock.sku_count()).map(SkuId));
        }
    }

    fn forget_old(&mut self, now: Moment) {
        let again_after = self.config.again_after;
        self.collected.retain(|_, at| now < at.after(again_after));
        // Those whose time is over too: something may have waited for their end.
        self.dirty.extend(self.asks.keys().map(|(sku, _)| *sku));
        self.asks.retain(|_, ask| now < ask.until);
        self.dirty.extend(self.adjustments.keys().map(|(sku, _)| *sku));
    }
}

/// Between the two thresholds a SKU stays what it is, so that it does not swing.
fn wanted_mode(stock: &SkuStock, (pooled_below, sliced_above): (u64, u64)) -> Option<Mode> {
    match stock.mode {
        Mode::Sliced if stock.available() < pooled_below => Some(Mode::Pooled),
        Mode::Pooled if stock.available() >= sliced_above => Some(Mode::Sliced),
        _ => None,
    }
}

fn push_commands(plan: Plan, actions: &mut Vec<Action>) {
    for mode in [Mode::Pooled, Mode::Sliced] {
        let skus: Vec<SkuId> = plan.modes.iter().filter(|(_, wanted)| *wanted == mode).map(|(sku, _)| *sku).collect();
        if !skus.is_empty() {
            actions.push(Action::Propose(Command::SetMode { skus, mode }));
        }
    }
    let commands = plan.grants.chunks(MAX_GRANTS_PER_COMMAND).map(<[Grant]>::to_vec);
    actions.extend(commands.map(|grants| Action::Propose(Command::Grant(grants))));
    actions.extend(plan.collects.into_iter().map(|(node, sku, units)| Action::CollectReturn { node, sku, units }));
}
