//! Adjustments of stock against the ledger: none lost (I5), none twice (I8), none invented (I7), and each after all that was
//! known when it was first asked for (I16). An answer tells the SKU at the adjustment or later; a repeated one has the index of
//! the first time.

use std::collections::HashMap;

use super::call::{Asked, Heard};
use super::judge::Case;
use super::judgement::{Invariant, Judgement};
use super::ledger::{Change, Entry};
use super::names::Name;

/// What was adjusted, since when it was asked for, and where the ledger says so.
struct Asking {
    sku: Name,
    delta: i64,
    first_us: u64,
    index: Option<u64>,
}

/// Judges every adjustment.
pub(super) fn check(case: &Case<'_>, judgement: &mut Judgement) {
    let mut asked: HashMap<Name, Asking> = HashMap::new();
    for call in case.history.calls() {
        if let Asked::Adjust { sku, delta, reference } = call.asked {
            let known = asked.entry(reference).or_insert(Asking { sku, delta, first_us: call.began_us, index: None });
            known.first_us = known.first_us.min(call.began_us);
        }
    }
    for entry in case.ledger.entries() {
        if let Change::Adjusted { sku, delta, reference, .. } = entry.change {
            let known = reference.and_then(|reference| asked.get_mut(&reference));
            note(case, entry, known, (sku, delta), judgement);
        }
    }
    for call in case.history.calls() {
        let (Asked::Adjust { reference, .. }, Heard::Adjusted { index }) = (call.asked, call.heard) else { continue };
        match asked.get(&reference).and_then(|known| known.index) {
            None => judgement.violation(Invariant::I5, || format!("acknowledged and lost: {}", case.history.tell(call))),
            Some(at) if index < at => {
                judgement.violation(Invariant::I5, || format!("told before index {at}, where it stands: {}", case.history.tell(call)));
            }
            Some(_) => {}
        }
    }
}

fn note(case: &Case<'_>, entry: &Entry, known: Option<&mut Asking>, what: (Name, i64), judgement: &mut Judgement) {
    let Some(known) = known.filter(|known| (known.sku, known.delta) == what) else {
        judgement.violation(Invariant::I7, || format!("nobody asked for {entry:?}"));
        return;
    };
    if known.index.is_some() {
        judgement.violation(Invariant::I8, || format!("adjusted twice: {entry:?}"));
        return;
    }
    known.index = Some(entry.place.0);
    let before = case.time.index_before(known.first_us);
    if before >= entry.place.0 {
        judgement.violation(Invariant::I16, || format!("index {before} was known before it was first asked for: {entry:?}"));
    }
}
