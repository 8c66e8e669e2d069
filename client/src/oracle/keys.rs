//! What each key's attempts heard, against the key's order (I5, I6, I7, I8, I10).

use std::cell::LazyCell;
use std::collections::HashSet;

use holdfast_api::{OrderStatus, ProblemType};

use super::call::{Call, Content, Heard};
use super::history::Body;
use super::judge::Case;
use super::judgement::{Invariant, Judgement};
use super::settle::{Attempt, Settled};

/// Judges every key: those that own an order by it, the others by what they heard of one.
pub(super) fn check(case: &Case<'_>, settled: &Settled, judgement: &mut Judgement) {
    let ordered = LazyCell::new(|| case.ledger.orders().iter().map(|order| (order.buyer, &*order.lines)).collect::<HashSet<_>>());
    for key in &settled.keys {
        let attempts = settled.attempts(key);
        let Some(number) = key.order else {
            check_reused(case, attempts, |body| ordered.contains(&(body.buyer, &*body.lines)), judgement);
            continue;
        };
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

/// Nothing is applied when every attempt that may have made it is dead: one that certainly had no effect keeps none alive, nor one that
/// began when the order was known.
fn check_deadline(case: &Case<'_>, number: u32, attempts: &[Attempt], judgement: &mut Judgement) {
    let may_have_made = |attempt: &&Attempt| {
        let call = attempt.call(case.history);
        call.heard.may_have_had_effect() && case.time.index_before(call.began_us) < case.order(number).index
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
    let Heard::Order { id, index, status, replayed, content } = call.heard else { return };
    let (order, body) = (case.order(number), case.history.body_of(attempt.body));
    let told = || format!("{}, and the ledger has {}", case.history.tell(call), case.tell(number));
    if order.id != id {
        // Told as two orders of one key.
        return;
    }
    if !is_about(body, case, number) || is_another(content, order.content) {
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

/// Whether an answer tells another order than the ledger.
pub(super) fn is_another(told: Option<Content>, known: Option<Content>) -> bool {
    told.zip(known).is_some_and(|(told, known)| told != known)
}

fn is_about(body: &Body, case: &Case<'_>, number: u32) -> bool {
    let order = case.order(number);
    (body.buyer, &body.lines) == (order.buyer, &order.lines)
}

/// A key is called used only if another body with it may have been accepted, unheard, and is in the ledger.
fn check_reused(case: &Case<'_>, attempts: &[Attempt], is_ordered: impl Fn(&Body) -> bool, judgement: &mut Judgement) {
    for attempt in attempts {
        let call = attempt.call(case.history);
        if !matches!(call.heard, Heard::Refused { problem: ProblemType::IdempotencyKeyReused, .. }) {
            continue;
        }
        let body = case.history.body_of(attempt.body);
        let is_owned = attempts.iter().any(|other| {
            let (by, other) = (other.call(case.history), case.history.body_of(other.body));
            let may_own = is_accepted(by) || by.heard.is_unknown() && is_ordered(other);
            other != body && by.began_us < call.ended_us && may_own
        });
        if !is_owned {
            judgement.violation(Invariant::I8, || format!("its key owns nothing: {}", case.history.tell(call)));
        }
    }
}

/// Whoever holds the key's order hears of no refusal from its index on; whoever asks with it for something else hears that it
/// is used, before anything about stock.
fn check_refused(case: &Case<'_>, number: u32, attempt: Attempt, call: &Call, first_told_us: u64, judgement: &mut Judgement) {
    let Heard::Refused { problem, index, .. } = call.heard else { return };
    let is_late = index.map_or(call.began_us > first_told_us, |index| index >= case.order(number).index);
    let is_wrong = if is_about(case.history.body_of(attempt.body), case, number) {
        is_late || problem == ProblemType::IdempotencyKeyReused
    } else {
        is_late && is_about_stock(problem)
    };
    if is_wrong {
        let told = || format!("refused although its key owns {}: {}", case.tell(number), case.history.tell(call));
        judgement.violation(Invariant::I8, told);
    }
}

/// Whether a refusal is judged by what is there, after the key.
fn is_about_stock(problem: ProblemType) -> bool {
    use ProblemType::{BuyerLimit, Closed, InsufficientStock, NotOpen, SoldOut};
    matches!(problem, SoldOut | InsufficientStock | BuyerLimit | NotOpen | Closed)
}
