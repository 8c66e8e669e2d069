//! How long holds last, by the terms and by the ledger's own stamps (I13): no deadline but that of the terms, no end before
//! it, nothing but the end from it on, and the end without delay.

use std::collections::HashMap;

use holdfast_api::OrderStatus;

use super::Terms;
use super::call::{Asked, Heard, Step};
use super::history::{History, Line};
use super::judge::Case;
use super::judgement::{Invariant, Judgement};
use super::ledger::LedgerOrder;
use super::limits::{EXPIRY_LAG_MS, HOLD_GRANULE_MS, SWEPT_PER_ENTRY};
use super::names::Name;

/// How long orders are held.
pub(super) struct Holds {
    /// By SKU; 0: bought at once.
    ttl_ms: HashMap<Name, u64>,
    /// Orders whose hold may have been extended, and whether that was acknowledged. The feed does not tell it.
    extended: HashMap<Name, bool>,
}

impl Holds {
    pub(super) fn of(history: &History, terms: &[Terms]) -> Self {
        let mut extended = HashMap::new();
        for call in history.calls() {
            let Asked::Step { order, step: Step::Extend } = call.asked else { continue };
            let is_acknowledged = matches!(call.heard, Heard::Order { .. });
            if is_acknowledged || call.heard.is_unknown() {
                *extended.entry(order).or_default() |= is_acknowledged;
            }
        }
        Self { ttl_ms: terms.iter().map(|terms| (terms.sku, terms.hold_ttl_ms)).collect(), extended }
    }

    /// How long `lines` are held, in ms: by the shortest hold of those that hold at all; 0: bought at once. None if the terms
    /// of a SKU are not known.
    pub(super) fn ttl_ms(&self, lines: &[Line]) -> Option<u64> {
        let ttls = lines.iter().map(|line| self.ttl_ms.get(&line.sku).copied()).collect::<Option<Vec<_>>>()?;
        Some(ttls.into_iter().filter(|ttl| *ttl > 0).min().unwrap_or(0))
    }

    /// An order's deadline, ms of cluster time: by the terms where they are known, else by the ledger. Without an extension.
    pub(super) fn deadline_ms(&self, order: &LedgerOrder) -> Option<u64> {
        match self.ttl_ms(&order.lines) {
            Some(ttl) => (ttl > 0).then(|| order.at_ms.saturating_add(ttl)),
            None => order.expires_at_ms,
        }
    }

    /// Whether the hold may have been extended.
    pub(super) fn may_be_extended(&self, order: Name) -> bool {
        self.extended.contains_key(&order)
    }
}

/// Judges every order that was held.
pub(super) fn check(case: &Case<'_>, judgement: &mut Judgement) {
    let is_held = |number: &u32| case.replay.phases(*number).first().is_some_and(|first| first.status == OrderStatus::Held);
    let held: Vec<u32> = (0u32..).take(case.ledger.orders().len()).filter(is_held).collect();
    let sweeps = Sweeps::of(case, &held);
    for number in held {
        check_order(case, number, &sweeps, judgement);
    }
}

/// By when each deadline is swept at the latest, if the entries that tell of something are all that there are.
struct Sweeps {
    /// Ascending, those of ended holds too: nothing takes them off but a sweep.
    deadlines: Vec<u64>,
    /// Which of the ledger's entries has swept each.
    entries: Vec<usize>,
}

impl Sweeps {
    fn of(case: &Case<'_>, held: &[u32]) -> Self {
        let mut deadlines = Vec::with_capacity(held.len());
        for order in held.iter().map(|number| case.order(*number)) {
            let Some(until) = case.holds.deadline_ms(order) else { continue };
            deadlines.push(until);
            deadlines.extend(case.holds.may_be_extended(order.id).then(|| until + until.saturating_sub(order.at_ms)));
        }
        deadlines.sort_unstable();
        let (mut entries, mut index) = (Vec::with_capacity(deadlines.len()), None);
        for (at, entry) in case.ledger.entries().iter().enumerate() {
            if index.replace(entry.place.0) != Some(entry.place.0) {
                let is_due = |deadline: &&u64| granule(**deadline) < granule(entry.at_ms);
                let due = deadlines[entries.len()..].iter().take(SWEPT_PER_ENTRY).take_while(is_due).count();
                entries.resize(entries.len() + due, at);
            }
        }
        Self { deadlines, entries }
    }

    /// The first of the ledger's entries after which no hold with this deadline is left, if it came to that. Those of a granule are swept in
    /// any order.
    fn after(&self, deadline: u64) -> Option<usize> {
        let swept = self.deadlines.partition_point(|other| granule(*other) <= granule(deadline));
        swept.checked_sub(1).map_or(Some(0), |last| self.entries.get(last).copied())
    }
}

/// What is swept together, once it is past.
fn granule(at_ms: u64) -> u64 {
    at_ms / HOLD_GRANULE_MS
}

fn check_order(case: &Case<'_>, number: u32, sweeps: &Sweeps, judgement: &mut Judgement) {
    let order = case.order(number);
    let until = case.holds.deadline_ms(order);
    if order.expires_at_ms.is_none() || until != order.expires_at_ms {
        let told = order.expires_at_ms;
        judgement.violation(Invariant::I13, || format!("held until {told:?} instead of {until:?}, by its terms: {}", case.tell(number)));
    }
    let Some(until) = until else { return };
    let more = until.saturating_sub(order.at_ms);
    // Once, by as much again.
    let (earliest, latest) = match case.holds.extended.get(&order.id) {
        None => (until, until),
        Some(false) => (until, until + more),
        Some(true) => (until + more, until + more),
    };
    let end = case.replay.phases(number).get(1);
    if let Some(end) = end {
        let is_expiry = end.status == OrderStatus::Expired;
        if is_expiry && end.at_ms < earliest {
            judgement.violation(Invariant::I13, || format!("expires early, its time is {earliest}: {end:?} of {}", case.tell(number)));
        }
        if !is_expiry && end.at_ms >= latest {
            judgement.violation(Invariant::I13, || format!("its time was over at {latest}: {end:?} of {}", case.tell(number)));
        }
    }
    // Every entry sweeps: one that comes long after the deadline finds the hold ended, or ends it, unless more were due than an entry may
    // sweep. Without entries nothing ends.
    let entries = case.ledger.entries();
    let long_after = entries.partition_point(|entry| entry.at_ms <= latest + EXPIRY_LAG_MS);
    let sweep = sweeps.after(latest).and_then(|swept| entries.get(long_after.max(swept)));
    if let Some(sweep) = sweep.filter(|sweep| end.is_none_or(|end| end.index > sweep.place.0)) {
        let late = sweep.at_ms - latest;
        judgement.violation(Invariant::I13, || format!("{} is still held {late} ms after its time, after {sweep:?}", case.tell(number)));
    }
}
