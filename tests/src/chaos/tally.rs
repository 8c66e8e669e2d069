//! What a run came to, and the table that tells it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use holdfast_client::api::ProblemType;
use holdfast_client::oracle::Counts;

use super::fault::{FaultKind, Made};

/// What a run came to.
#[derive(Debug, Default)]
pub struct Tally {
    /// How long orders were placed.
    pub lasted: Duration,
    /// Calls, over all rounds.
    pub calls: usize,
    /// Order calls that were acknowledged.
    pub acknowledged: usize,
    /// Orders of the ledgers.
    pub orders: usize,
    /// Calls whose outcome nobody heard.
    pub unknown: usize,
    /// Of the keys of those, how many the ledgers have, and have not.
    pub settled: (usize, usize),
    /// Problems heard.
    pub refused: BTreeMap<ProblemType, usize>,
    /// Faults that really happened, by variant.
    pub fired: BTreeMap<FaultKind, BTreeMap<&'static str, usize>>,
    /// Faults that did not, and why the last time.
    pub not_run: BTreeMap<FaultKind, (usize, String)>,
    /// From the end of each fault until a new order was acknowledged.
    pub live_again: Vec<Duration>,
    /// The longest time without an acknowledgement after each kill of a leader.
    pub after_leader: Vec<Duration>,
    /// The longest time without an acknowledgement during any fault, and during which.
    pub longest_silence: (Duration, String),
    /// Everything that must not be, in words.
    pub violations: Vec<String>,
}

impl Tally {
    /// Counts a fault.
    pub fn made(&mut self, kind: FaultKind, made: &Made) {
        match made {
            Made::Fired { variant, .. } => *self.fired.entry(kind).or_default().entry(variant).or_default() += 1,
            Made::NotRun(reason) => {
                let (count, last) = self.not_run.entry(kind).or_default();
                *count += 1;
                last.clone_from(reason);
            }
        }
    }

    /// Adds what the oracle counted in a round.
    pub fn add(&mut self, counts: &Counts) {
        self.calls += counts.calls;
        self.acknowledged += counts.acknowledged;
        self.orders += counts.orders;
        self.unknown += counts.unknown;
        self.settled.0 += counts.settled_present;
        self.settled.1 += counts.settled_absent;
        for (problem, count) in &counts.refused {
            *self.refused.entry(*problem).or_default() += count;
        }
    }

    /// There was no acknowledgement for so long during a fault.
    pub fn silent(&mut self, lasted: Duration, fault: &str) {
        if lasted > self.longest_silence.0 {
            self.longest_silence = (lasted, fault.to_owned());
        }
    }

    /// Asked-for faults that never really happened.
    pub fn missing(&self, asked: &[FaultKind]) -> Vec<FaultKind> {
        asked.iter().copied().filter(|kind| !self.fired.contains_key(kind)).collect()
    }

    /// Whether nothing was violated, and every asked-for fault happened.
    pub fn is_good(&self, asked: &[FaultKind]) -> bool {
        self.violations.is_empty() && self.missing(asked).is_empty()
    }
}

/// The longest time without an acknowledgement that begins within `[from, to]`; all in microseconds, `acknowledged` sorted.
pub fn silence(acknowledged: &[u64], from: u64, to: u64) -> Duration {
    let first = acknowledged.partition_point(|at| *at < from);
    let last = acknowledged.partition_point(|at| *at <= to);
    let mut before = from;
    let gaps = acknowledged[first..(last + 1).min(acknowledged.len())].iter().map(|at| at - std::mem::replace(&mut before, *at));
    Duration::from_micros(gaps.max().unwrap_or(to.saturating_sub(from)))
}

fn median(durations: &[Duration]) -> Duration {
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn middle_and_most(durations: &[Duration]) -> String {
    let most = durations.iter().max().copied().unwrap_or_default();
    format!("median {:.2?}, max {most:.2?} of {}", median(durations), durations.len())
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.acknowledged as f64 / self.lasted.as_secs_f64().max(1.0);
        writeln!(f, "{:<34}{}", "operations", self.calls)?;
        writeln!(f, "{:<34}{} ({rate:.0}/s over {:.0?})", "acknowledged", self.acknowledged, self.lasted)?;
        writeln!(f, "{:<34}{}", "orders in the ledger", self.orders)?;
        writeln!(f, "{:<34}{} ({} present, {} absent)", "unknown", self.unknown, self.settled.0, self.settled.1)?;
        for (problem, count) in &self.refused {
            writeln!(f, "{:<34}{count}", format!("refused: {}", problem.name()))?;
        }
        for kind in FaultKind::ALL {
            let Some(variants) = self.fired.get(kind) else { continue };
            writeln!(f, "{:<34}{} × {}", format!("fired: {kind}"), variants.values().sum::<usize>(), kind.told())?;
            for (variant, count) in variants.iter().filter(|(variant, _)| !variant.is_empty()) {
                writeln!(f, "{:<34}    {count} × {variant}", "")?;
            }
        }
        for (kind, (count, reason)) in &self.not_run {
            writeln!(f, "{:<34}{reason} ({count} times)", format!("not run: {kind}"))?;
        }
        let (longest, fault) = &self.longest_silence;
        writeln!(f, "{:<34}{longest:.2?} (in {fault})", "longest without acknowledgement")?;
        writeln!(f, "{:<34}{}", "… after a kill of the leader", middle_and_most(&self.after_leader))?;
        writeln!(f, "{:<34}{}", "sells again after a fault", middle_and_most(&self.live_again))?;
        write!(f, "{:<34}{}", "violations", self.violations.len())?;
        self.violations.iter().try_for_each(|violation| write!(f, "\n  {violation}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_lasts_until_the_next_acknowledgement() {
        let us = Duration::from_micros;
        assert_eq!(silence(&[10, 20, 90, 95], 15, 30), us(70));
        assert_eq!(silence(&[10, 20], 12, 100), us(8));
        assert_eq!(silence(&[], 5, 30), us(25));
    }

    #[test]
    fn a_run_is_good_only_if_every_asked_for_fault_happened() {
        let mut tally = Tally::default();
        tally.made(FaultKind::F1, &Made::fired("", "gone"));
        tally.made(FaultKind::F5, &Made::not_run("no time"));
        assert!(tally.is_good(&[FaultKind::F1]));
        assert_eq!(tally.missing(&[FaultKind::F1, FaultKind::F5]), [FaultKind::F5]);
        assert!(!tally.is_good(&[FaultKind::F1, FaultKind::F5]));
        tally.violations.push("oversold".into());
        assert!(!tally.is_good(&[FaultKind::F1]));
        assert!(tally.to_string().contains("not run: F5"), "{tally}");
    }

    #[test]
    fn variants_of_a_fault_are_told_each_with_its_count() {
        let mut tally = Tally::default();
        for variant in ["one", "the leader", "one"] {
            tally.made(FaultKind::F1, &Made::fired(variant, "gone"));
        }
        let told = tally.to_string();
        assert!(told.contains(" 3 × SIGKILL") && told.contains(" 2 × one\n") && told.contains(" 1 × the leader\n"), "{told}");
    }
}
