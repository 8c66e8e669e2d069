//! The result: what was violated, and what was counted.

use std::collections::BTreeMap;
use std::fmt;

use holdfast_api::ProblemType;

use super::call::{Asked, Heard};
use super::history::History;
use super::ledger::Ledger;
use super::limits::MAX_TOLD;

/// What must hold. Each is told by one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// Never more units held and confirmed than there are.
    I2,
    /// What was acknowledged is in the ledger with the same content.
    I5,
    /// And stays: no step or read shows an order without it, or with another status than its history gives.
    I6,
    /// Nothing in the ledger that no client asked for, and nothing after its attempts were dead.
    I7,
    /// One key, at most one order; whoever holds it hears of that order and of no refusal.
    I8,
    /// An order's id and index are its own, and grow with the log.
    I10,
    /// No buyer has more than the limit, or is told so who has not.
    I11,
    /// An order goes along the arrows of its life; units come back once.
    I12,
    /// Log time does not go back; no hold ends early or never.
    I13,
    /// What ended before another began is before it in the log; reads show the state at their index.
    I16,
    /// "Sold out" and "too few left" were true, and not old news; what is on sale is not called unknown, or not open.
    I17,
    /// When all is quiet every unit can be sold: no slice belongs to a session that is over.
    I18,
    /// Counters and gauges say what the ledger says.
    I24,
}

/// One thing that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What does not hold.
    pub invariant: Invariant,
    /// How, with the calls and entries concerned.
    pub told: String,
}

/// What a history and its ledger hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls.
    pub calls: usize,
    /// Order calls that were acknowledged, replays included.
    pub acknowledged: usize,
    /// Problems heard, by type.
    pub refused: BTreeMap<ProblemType, usize>,
    /// Calls whose outcome their client did not hear.
    pub unknown: usize,
    /// Keys whose order nobody was told of and which the ledger has.
    pub settled_present: usize,
    /// Keys with an open attempt whose order the ledger does not have.
    pub settled_absent: usize,
    /// Orders of the ledger.
    pub orders: usize,
}

/// The result.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// The first violations, in words.
    pub violations: Vec<Violation>,
    /// All of them, by invariant.
    pub violated: BTreeMap<Invariant, usize>,
    /// What was judged.
    pub counts: Counts,
}

impl Judgement {
    /// Whether nothing was violated.
    pub fn holds(&self) -> bool {
        self.violated.is_empty()
    }

    /// Counts a violation, and keeps it in words while there are few.
    pub(super) fn violation(&mut self, invariant: Invariant, told: impl FnOnce() -> String) {
        *self.violated.entry(invariant).or_default() += 1;
        if self.violations.len() < MAX_TOLD {
            self.violations.push(Violation { invariant, told: told() });
        }
    }

    pub(super) fn count(&mut self, history: &History, ledger: &Ledger) {
        let counts = &mut self.counts;
        counts.calls = history.calls().len();
        counts.orders = ledger.orders().len();
        for call in history.calls() {
            counts.unknown += usize::from(call.heard.is_unknown());
            match call.heard {
                Heard::Order { .. } => counts.acknowledged += usize::from(matches!(call.asked, Asked::Order { .. })),
                Heard::Refused { problem, .. } => *counts.refused.entry(problem).or_default() += 1,
                Heard::Available { .. } | Heard::Adjusted { .. } | Heard::Nothing => {}
            }
        }
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.holds() {
            return f.write_str("no violation");
        }
        for (invariant, count) in &self.violated {
            writeln!(f, "{invariant:?} violated {count} times")?;
        }
        self.violations.iter().try_for_each(|violation| writeln!(f, "{:?}: {}", violation.invariant, violation.told))
    }
}
