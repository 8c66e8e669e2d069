//! Cluster time passes as the clients' does (I13): it never runs ahead by more than double speed and one step.

use super::call::{Asked, Call, Heard};
use super::judge::Case;
use super::judgement::{Invariant, Judgement};
use super::limits::{CLOCK_FACTOR, CLOCK_STEP_US};

/// Judges the stamps of acknowledged orders, each against the one before it in the log.
pub(super) fn check(case: &Case<'_>, judgement: &mut Judgement) {
    let made = |call: &Call| {
        let (Asked::Order { .. }, Heard::Order { id, replayed: false, .. }) = (call.asked, call.heard) else { return None };
        let order = case.order(case.ledger.number(id)?);
        Some((order.index, order.at_ms, call.began_us, call.ended_us))
    };
    let mut made: Vec<_> = case.history.calls().iter().filter_map(made).collect();
    made.sort_unstable();
    for pair in made.windows(2) {
        let [(_, at, began_us, _), (index, next, _, ended_us)] = *pair else { continue };
        // The one was stamped after its call began, the other before its call ended.
        let passed_us = ended_us.saturating_sub(began_us);
        let advance_us = next.saturating_sub(at) * 1_000;
        if advance_us > passed_us * CLOCK_FACTOR + CLOCK_STEP_US {
            judgement.violation(Invariant::I13, || {
                format!("cluster time advanced by {advance_us} µs within {passed_us} µs, up to the order at index {index}")
            });
        }
    }
}
