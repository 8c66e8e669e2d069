//! Adjustments of stock against the ledger: none lost (I5), none twice (I8), none invented (I7).

use std::collections::HashMap;

use super::call::{Asked, Heard};
use super::judge::Case;
use super::judgement::{Invariant, Judgement};
use super::ledger::{Change, Entry};
use super::names::Name;

/// What was adjusted, and how often the ledger says so.
struct Asking {
    sku: Name,
    delta: i64,
    in_ledger: usize,
}

/// Judges every adjustment.
pub(super) fn check(case: &Case<'_>, judgement: &mut Judgement) {
    let mut asked: HashMap<Name, Asking> = HashMap::new();
    for call in case.history.calls() {
        if let Asked::Adjust { sku, delta, reference } = call.asked {
            asked.entry(reference).or_insert(Asking { sku, delta, in_ledger: 0 });
        }
    }
    for entry in case.ledger.entries() {
        if let Change::Adjusted { sku, delta, reference, .. } = entry.change {
            let known = reference.and_then(|reference| asked.get_mut(&reference));
            note(entry, known, (sku, delta), judgement);
        }
    }
    for call in case.history.calls() {
        let (Asked::Adjust { reference, .. }, Heard::Adjusted { .. }) = (call.asked, call.heard) else { continue };
        if asked.get(&reference).is_some_and(|known| known.in_ledger == 0) {
            judgement.violation(Invariant::I5, || format!("acknowledged and lost: {}", case.history.tell(call)));
        }
    }
}

fn note(entry: &Entry, known: Option<&mut Asking>, what: (Name, i64), judgement: &mut Judgement) {
    let Some(known) = known.filter(|known| (known.sku, known.delta) == what) else {
        judgement.violation(Invariant::I7, || format!("nobody asked for {entry:?}"));
        return;
    };
    known.in_ledger += 1;
    if known.in_ledger > 1 {
        judgement.violation(Invariant::I8, || format!("adjusted twice: {entry:?}"));
    }
}
