//! Whether a no was true: nothing, or too little, was there at the index that it names, and that was not old news; there is no such
//! SKU; it was not on sale (I17); the buyer had too many (I11).

use holdfast_api::ProblemType;

use super::call::{Asked, Call, Heard};
use super::judge::Case;
use super::judgement::{Invariant, Judgement};
use super::ledger::Change;
use super::limits::FRESH_FOR_US;
use super::names::Name;

/// Judges every no about a SKU that was heard, and the ledger's own "sold out".
pub(super) fn check(case: &Case<'_>, judgement: &mut Judgement) {
    for call in case.history.calls() {
        check_call(case, call, judgement);
    }
    for entry in case.ledger.entries() {
        if let Change::SoldOut(sku) = entry.change
            && !case.replay.moments_at(sku, entry.place.0).iter().any(|moment| moment.available() == 0)
        {
            judgement.violation(Invariant::I17, || format!("the ledger calls it sold out: {entry:?}"));
        }
    }
}

fn check_call(case: &Case<'_>, call: &Call, judgement: &mut Judgement) {
    let Heard::Refused { problem, sku, index, available, is_final } = call.heard else { return };
    let is_true = match (problem, sku, index) {
        (ProblemType::BuyerLimit, _, _) => return check_limit(case, call, sku, index, judgement),
        (ProblemType::SoldOut, Some(sku), Some(index)) => {
            is_fresh(case, call, index)
                && asked_units(case, call, sku).is_some()
                && case.replay.moments_at(sku, index).iter().any(|moment| moment.available() == 0 && (!is_final || moment.held == 0))
        }
        (ProblemType::InsufficientStock, Some(sku), Some(index)) => {
            let told = available.filter(|available| asked_units(case, call, sku).is_some_and(|asked| *available < asked));
            is_fresh(case, call, index)
                && told.is_some_and(|told| case.replay.moments_at(sku, index).iter().any(|moment| moment.available() == told))
        }
        (ProblemType::SoldOut | ProblemType::InsufficientStock, _, _) => false,
        (ProblemType::NotOpen | ProblemType::Closed, sku, _) => {
            sku.is_some_and(|sku| case.terms_of(sku).is_none_or(|terms| !terms.is_always_open))
        }
        // None is ever removed, and those of the terms were there before the first call.
        (ProblemType::UnknownSku, Some(sku), _) => !case.replay.moments.contains_key(&sku),
        _ => return,
    };
    if !is_true {
        let moments = index.zip(sku).map(|(index, sku)| case.replay.moments_at(sku, index));
        judgement.violation(Invariant::I17, || {
            let known = case.time.index_before(call.began_us.saturating_sub(FRESH_FOR_US));
            format!("{}; there it was {moments:?}, and index {known} was known a second before", case.history.tell(call))
        });
    }
}

/// The buyer had so many at the index that these are more than the limit.
fn check_limit(case: &Case<'_>, call: &Call, sku: Option<Name>, index: Option<u64>, judgement: &mut Judgement) {
    let Asked::Order { body, .. } = call.asked else { return };
    let is_true = sku.zip(index).is_some_and(|(sku, index)| {
        let limit = case.terms_of(sku).and_then(|terms| terms.per_buyer_limit);
        let bought = case.replay.bought_at(case.history.body_of(body).buyer, sku, index);
        let asked = asked_units(case, call, sku);
        is_fresh(case, call, index) && limit.zip(asked).is_some_and(|(limit, asked)| bought + asked > u64::from(limit))
    });
    if !is_true {
        judgement.violation(Invariant::I11, || format!("the limit was not reached: {}", case.history.tell(call)));
    }
}

/// Nothing after `index` was known a second before the call.
fn is_fresh(case: &Case<'_>, call: &Call, index: u64) -> bool {
    case.time.index_before(call.began_us.saturating_sub(FRESH_FOR_US)) <= index
}

/// Units of `sku` that the call asked for.
fn asked_units(case: &Case<'_>, call: &Call, sku: Name) -> Option<u64> {
    let Asked::Order { body, .. } = call.asked else { return None };
    case.history.body_of(body).lines.iter().find(|line| line.sku == sku).map(|line| u64::from(line.units))
}
