//! What each key's attempts heard, against the key's order (I5, I6, I7, I8, I10).

use holdfast_api::{OrderStatus, ProblemType};

use super::call::{Call, Heard};
use super::history::Body;
use super::judge::Case;
use super::judgement::{Invariant, Judgement};
use super::settle::{Attempt, Settled};

/// Judges every key that owns an order.
pub(super) fn check(case: &Case<'_>, settled: &Settled, judgement: &mut Judgement) {
    for key in &settled.keys {
        let Some(number) = key.order else { continue };
        let attempts = settled.attempts(key);
        check_deadline(case, number, attempts, judgement);
        let told_us = attempts.iter().map(|attempt| attempt.call(case.history)).filter(|call| is_accepted(call)).map(|call| call.ended_us);
        let first_told_us = told_us.min().unwrap_or(u64::MAX);
        for attempt in attempts {
            let call = attempt.call(case.history);
            match call.heard {
                Heard::Order { .. } => check_accepted(case, number, *attempt, call, judgement),
                heard if heard.is_final_no() => check_refused(case, number, *attempt, call, first_told_us, judgement),
                _ => {}
            }
        }
    }
}

fn is_accepted(call: &Call) -> bool {
    matches!(call.heard, Heard::Order { .. })
}

/// Nothing is applied when every attempt that may have made it is dead: one that certainly had no effect keeps none alive.
fn check_deadline(case: &Case<'_>, number: u32, attempts: &[Attempt], judgement: &mut Judgement) {
    let may_have_made = |attempt: &&Attempt| {
        let call = attempt.call(case.history);
        call.heard.is_unknown() || is_accepted(call)
    };
    let deadlines: Option<Vec<u64>> = attempts.iter().filter(may_have_made).map(|attempt| attempt.apply_before).collect();
    let Some(last) = deadlines.and_then(|deadlines| deadlines.into_iter().max()) else { return };
    let at = case.order(number).at_ms;
    if at >= last {
        judgement.violation(Invariant::I7, || format!("applied at {at}, after {last}, when all attempts were dead: {}", case.tell(number)));
    }
}

/// An acceptance tells the key's order: content, index, and a status that it had.
fn check_accepted(case: &Case<'_>, number: u32, attempt: Attempt, call: &Call, judgement: &mut Judgement) {
    let Heard::Order { id, index, status, replayed } = call.heard else { return };
    let (order, body) = (case.order(number), case.history.body_of(attempt.body));
    let told = || format!("{}, and the ledger has {}", case.history.tell(call), case.tell(number));
    if order.id != id {
        // Told as two orders of one key.
        return;
    }
    if !is_about(body, case, number) {
        let invariant = if replayed { Invariant::I8 } else { Invariant::I5 };
        judgement.violation(invariant, || format!("another content: {}", told()));
    }
    if order.index != index {
        judgement.violation(Invariant::I10, || format!("another index: {}", told()));
    }
    let phases = if replayed { case.replay.phases(number) } else { case.replay.phases_at(number, order.index) };
    if !phases.iter().any(|phase| phase.status == status) {
        judgement.violation(Invariant::I6, || format!("a status that it did not have: {}", told()));
    }
    if body.confirm && phases.first().is_some_and(|phase| phase.status != OrderStatus::Confirmed) {
        judgement.violation(Invariant::I5, || format!("held instead of bought at once: {}", told()));
    }
    let is_held = !body.confirm && case.holds.ttl_ms(&body.lines).is_some_and(|ttl| ttl > 0);
    if is_held && phases.first().is_some_and(|phase| phase.status == OrderStatus::Confirmed && phase.index == order.index) {
        judgement.violation(Invariant::I5, || format!("bought at once instead of held: {}", told()));
    }
}

fn is_about(body: &Body, case: &Case<'_>, number: u32) -> bool {
    let order = case.order(number);
    (body.buyer, &body.lines) == (order.buyer, &order.lines)
}

/// Whoever holds the key's order hears of no refusal from its index on.
fn check_refused(case: &Case<'_>, number: u32, attempt: Attempt, call: &Call, first_told_us: u64, judgement: &mut Judgement) {
    let Heard::Refused { problem, index, .. } = call.heard else { return };
    if !is_about(case.history.body_of(attempt.body), case, number) {
        return;
    }
    let is_late = index.map_or(call.began_us > first_told_us, |index| index >= case.order(number).index);
    if is_late || problem == ProblemType::IdempotencyKeyReused {
        let told = || format!("refused although its key owns {}: {}", case.tell(number), case.history.tell(call));
        judgement.violation(Invariant::I8, told);
    }
}
