//! What the nodes say when all is quiet: nothing stranded (I18), the books are the ledger's (I6), metrics are true (I24).

use std::collections::BTreeMap;

use holdfast_api::Audit;

use super::call::{Asked, Heard};
use super::judge::Case;
use super::judgement::{Invariant, Judgement};
use super::names::Name;
use super::replay::Moment;

/// Seen after the last call ended, the faults healed and the reclaim time passed.
#[derive(Clone, Debug, Default)]
pub struct Closing {
    /// Books of every SKU, of each node, with the number of its name.
    pub audits: Vec<(Name, Audit)>,
    /// The session of each node that serves.
    pub sessions: BTreeMap<u64, u64>,
    /// Metrics of each node.
    pub counters: Vec<Counters>,
}

/// Metrics of one node.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Which node.
    pub node: u64,
    /// `holdfast_orders_total{outcome="accepted"}`.
    pub accepted: u64,
    /// Whether its process began before the history: then it counted every order of it.
    pub is_whole: bool,
    /// Gauges of every SKU.
    pub skus: Vec<SkuCounters>,
}

/// Gauges of one SKU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkuCounters {
    /// Which SKU.
    pub sku: Name,
    /// `holdfast_stock_units`.
    pub stock: u64,
    /// `holdfast_pool_units` and `holdfast_slice_units` together.
    pub available: u64,
    /// `holdfast_held_units`.
    pub held: u64,
    /// `holdfast_confirmed_units`.
    pub confirmed: u64,
}

/// Judges what the nodes said.
pub(super) fn check(case: &Case<'_>, closing: &Closing, judgement: &mut Judgement) {
    for (sku, audit) in &closing.audits {
        check_audit(case, *sku, audit, closing, judgement);
    }
    for counters in &closing.counters {
        check_counters(case, counters, judgement);
    }
}

/// The SKU's numbers at the end of the ledger.
fn at_end(case: &Case<'_>, sku: Name) -> Option<Moment> {
    case.replay.moments.get(&sku)?.last().copied()
}

fn check_audit(case: &Case<'_>, sku: Name, audit: &Audit, closing: &Closing, judgement: &mut Judgement) {
    let stranded = audit.slices.iter().find(|slice| slice.units > 0 && closing.sessions.get(&slice.node) != Some(&slice.session));
    if let Some(slice) = stranded {
        judgement.violation(Invariant::I18, || format!("{slice:?} of {} is of no session of {:?}", audit.sku, closing.sessions));
    }
    if !audit.adds_up() {
        judgement.violation(Invariant::I2, || format!("the books do not add up: {audit:?}"));
    }
    let Some(end) = at_end(case, sku) else { return };
    if (audit.stock, audit.held, audit.confirmed) != (end.stock, end.held, end.confirmed) {
        judgement.violation(Invariant::I6, || format!("the books are not the ledger's, {end:?}: {audit:?}"));
    }
}

fn check_counters(case: &Case<'_>, counters: &Counters, judgement: &mut Judgement) {
    let node = counters.node;
    let in_ledger = case.ledger.orders().iter().filter(|order| order.node == node).count() as u64;
    let heard = case.history.calls().iter().filter(|call| call.node == node && matches!(call.asked, Asked::Order { .. }));
    let fresh = heard.filter(|call| matches!(call.heard, Heard::Order { replayed: false, .. })).count() as u64;
    let least = if counters.is_whole { fresh } else { 0 };
    if !(least..=in_ledger).contains(&counters.accepted) {
        let accepted = counters.accepted;
        judgement.violation(Invariant::I24, || {
            format!("node {node} counts {accepted} accepted orders; {fresh} were heard of it, {in_ledger} are in the ledger")
        });
    }
    for told in &counters.skus {
        let Some(end) = at_end(case, told.sku) else { continue };
        let real = SkuCounters { sku: told.sku, stock: end.stock, available: end.available(), held: end.held, confirmed: end.confirmed };
        if *told != real {
            judgement.violation(Invariant::I24, || format!("node {node} tells {told:?} instead of {real:?}"));
        }
    }
}
