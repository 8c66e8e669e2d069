//! What ended before another began is before it in the log (I16), and holds by the caller's clock (I13).

use holdfast_api::OrderStatus;

use super::call::{Asked, Call, Heard};
use super::history::History;
use super::judge::Case;
use super::judgement::{Invariant, Judgement};
use super::limits::{CLOCK_FACTOR, CLOCK_STEP_US, EXPIRY_LAG_MS};
use super::settle::Settled;
use super::steps::{Causes, step_to};

/// Which log index was known when, by any client.
#[derive(Debug, Default)]
pub(super) struct RealTime {
    /// When an answer came, and the highest index of all answers up to it; by time.
    highest: Vec<(u64, u64)>,
    /// An index, and the first time at which an answer named it or a later one; by index.
    earliest: Vec<(u64, u64)>,
}

impl RealTime {
    /// Of all answers of a history: each index that an answer names was applied before it.
    pub(super) fn of(history: &History) -> Self {
        let heard = history.calls().iter().filter_map(|call| Some((call.ended_us, call.heard.index()?)));
        let mut highest: Vec<(u64, u64)> = heard.collect();
        let mut earliest: Vec<(u64, u64)> = highest.iter().map(|(ended, index)| (*index, *ended)).collect();
        highest.sort_unstable();
        let mut so_far = 0;
        for (_, index) in &mut highest {
            so_far = so_far.max(*index);
            *index = so_far;
        }
        earliest.sort_unstable();
        let mut from_here = u64::MAX;
        for (_, ended) in earliest.iter_mut().rev() {
            from_here = from_here.min(*ended);
            *ended = from_here;
        }
        Self { highest, earliest }
    }

    /// The highest index that an answer named before `us`; 0 if there is none.
    pub(super) fn index_before(&self, us: u64) -> u64 {
        let at = self.highest.partition_point(|(ended, _)| *ended < us);
        at.checked_sub(1).map_or(0, |at| self.highest[at].1)
    }

    /// When it was first known that `index` was applied.
    fn applied_by(&self, index: u64) -> Option<u64> {
        let at = self.earliest.partition_point(|(known, _)| *known < index);
        self.earliest.get(at).map(|(_, ended)| *ended)
    }
}

/// Judges the order of calls in real time, and how long holds lasted.
pub(super) fn check(case: &Case<'_>, settled: &Settled, causes: &Causes, judgement: &mut Judgement) {
    for call in case.history.calls() {
        check_call(case, call, judgement);
    }
    for (number, first_us) in (0u32..).zip(&settled.first_us) {
        let Some(first_us) = *first_us else { continue };
        let known = case.time.index_before(first_us);
        if known >= case.order(number).index {
            judgement.violation(Invariant::I16, || {
                let at = first_us as f64 / 1e6;
                format!("{} was first asked for at {at:.6} s, when index {known} was known", case.tell(number))
            });
        }
        check_steps(case, number, causes, judgement);
        check_hold(case, number, first_us, judgement);
    }
}

/// Linearizable answers tell a state no older than any that was told before they were asked for.
fn check_call(case: &Case<'_>, call: &Call, judgement: &mut Judgement) {
    let (Asked::Step { .. } | Asked::Look { .. }, Heard::Order { index, .. } | Heard::Available { index, .. }) = (call.asked, call.heard)
    else {
        return;
    };
    let known = case.time.index_before(call.began_us);
    if known > index {
        judgement.violation(Invariant::I16, || format!("index {known} was known before: {}", case.history.tell(call)));
    }
    if let (Asked::Look { sku }, Heard::Available { available, held, .. }) = (call.asked, call.heard) {
        let moment = case.replay.moments_at(sku, index).last();
        if moment.is_some_and(|moment| (moment.available(), moment.held) != (available, held)) {
            judgement.violation(Invariant::I16, || format!("not the state there, {moment:?}: {}", case.history.tell(call)));
        }
    }
}

/// A step is in the log after everything that was known when it was first asked for.
fn check_steps(case: &Case<'_>, number: u32, causes: &Causes, judgement: &mut Judgement) {
    for phase in case.replay.phases(number).iter().skip(1) {
        let first_us = step_to(phase.status).and_then(|step| causes.first_us(case.order(number).id, step));
        let known = first_us.map_or(0, |first_us| case.time.index_before(first_us));
        if known >= phase.index {
            judgement
                .violation(Invariant::I16, || format!("index {known} was known before {phase:?} of {} was asked for", case.tell(number)));
        }
    }
}

/// No clock that is off ends a hold early, or never. An extended hold has its time twice.
fn check_hold(case: &Case<'_>, number: u32, first_us: u64, judgement: &mut Judgement) {
    let order = case.order(number);
    let Some(until) = case.holds.deadline_ms(order) else { return };
    let ttl_us = until.saturating_sub(order.at_ms) * 1_000;
    let Some(last) = case.replay.phases(number).last() else { return };
    match last.status {
        OrderStatus::Expired => {
            let lasted = case.time.applied_by(last.index).map(|known| known.saturating_sub(first_us));
            if lasted.is_some_and(|lasted| lasted + CLOCK_STEP_US < ttl_us / CLOCK_FACTOR) {
                judgement.violation(Invariant::I13, || format!("expired after {lasted:?} µs instead of {ttl_us}: {}", case.tell(number)));
            }
        }
        OrderStatus::Held => {
            let from = case.time.applied_by(order.index);
            let to = case.time.highest.last().map_or(0, |(ended, _)| *ended);
            let lasted = from.map_or(0, |from| to.saturating_sub(from));
            let times = if case.holds.may_be_extended(order.id) { 2 } else { 1 };
            if lasted > times * ttl_us * CLOCK_FACTOR + CLOCK_STEP_US + EXPIRY_LAG_MS * 1_000 {
                judgement.violation(Invariant::I13, || format!("still held after {lasted} µs instead of {ttl_us}: {}", case.tell(number)));
            }
        }
        _ => {}
    }
}
