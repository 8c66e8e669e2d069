//! What became of the requests, each outcome apart, and how long they took.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use holdfast_api::ProblemType;
use serde::Serialize;

use super::answer::Answer;
use super::histogram::Histogram;
use super::limits::{MAX_SLOTS, SLOT};

/// What became of everything that was sent. The numbers are never added up: a refusal is no sale, and what nobody answered is
/// neither.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Orders that were accepted, each once.
    pub acknowledged: u64,
    /// Orders that were given again for their key.
    pub replayed: u64,
    /// Orders that were sent again for want of a definite answer.
    pub retries: u64,
    /// Confirms and releases that were answered with the order.
    pub steps: u64,
    /// Reads that were answered.
    pub reads: u64,
    /// Definite noes, by problem type.
    pub refused: BTreeMap<&'static str, u64>,
    /// Requests that may have had an effect: `no-answer`, or the problem type that says so.
    pub unknown: BTreeMap<&'static str, u64>,
    /// Answers that are none of the contract, and connections that could not be opened.
    pub errors: u64,
    /// Requests of an open loop that were due and never sent, since no connection was free.
    pub unsent: u64,
}

/// How one request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As asked.
    Yes { replayed: bool },
    /// Not at all.
    Refused(ProblemType),
    /// Nobody knows: no answer, or one that says so.
    Unknown(Option<ProblemType>),
    /// An answer that is none of the contract.
    Error,
}

/// What was asked for, as far as it is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Order,
    Step,
    Read,
}

/// When things of one request happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// When it should have left.
    pub(super) intended: Instant,
    /// Before anything of it was sent.
    pub(super) began: Instant,
    /// When all of its answer was there, or when it was given up.
    pub(super) ended: Instant,
}

/// When is measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// The first request may leave.
    pub(super) start: Instant,
    /// From here on it is measured.
    pub(super) from: Instant,
    /// No request leaves from here on.
    pub(super) until: Instant,
}

/// What was answered in one slot of the timeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Slot {
    /// Orders acknowledged.
    pub acknowledged: u32,
    /// Orders refused.
    pub refused: u32,
}

/// Latencies of those that were asked for within the window, from when they should have left.
#[derive(Clone, Debug, Default)]
pub(super) struct Latencies {
    pub(super) acknowledged: Histogram,
    pub(super) refused: Histogram,
    pub(super) steps: Histogram,
    pub(super) reads: Histogram,
    /// Those of which nobody knows what became: until it was said so, or until they were given up.
    pub(super) unknown: Histogram,
}

/// Counts and times of one thread, or of all of them.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    pub(super) window: Window,
    pub(super) counts: Counts,
    pub(super) latencies: Latencies,
    /// How late requests left for want of the generator itself.
    pub(super) lag: Histogram,
    /// Orders acknowledged within the window.
    pub(super) acknowledged_within: u64,
    /// Requests answered within the window, in whatever way.
    pub(super) answered_within: u64,
    /// Requests that were sent.
    pub(super) sent: u64,
    /// Requests that were due within the window.
    pub(super) due_within: u64,
    pub(super) timeline: Vec<Slot>,
    pub(super) last_sent: Option<Instant>,
    pub(super) last_acknowledged: Option<Instant>,
    pub(super) last_answered: Option<Instant>,
}

impl Verdict {
    pub(super) fn of(answer: Option<&Answer<'_>>) -> Self {
        let Some(answer) = answer else { return Self::Unknown(None) };
        match answer.problem() {
            _ if answer.is_yes() => Self::Yes { replayed: answer.replayed },
            Some(kind) => Self::of_problem(kind),
            None => Self::Error,
        }
    }

    pub(super) fn of_problem(kind: ProblemType) -> Self {
        if kind.certainly_no_effect() { Self::Refused(kind) } else { Self::Unknown(Some(kind)) }
    }
}

impl Window {
    fn holds(&self, at: Instant) -> bool {
        self.from <= at && at < self.until
    }

    pub(super) fn measured(&self) -> Duration {
        self.until.saturating_duration_since(self.from)
    }
}

impl Tally {
    pub(super) fn new(window: Window) -> Self {
        Self {
            window,
            counts: Counts::default(),
            latencies: Latencies::default(),
            lag: Histogram::default(),
            acknowledged_within: 0,
            answered_within: 0,
            sent: 0,
            due_within: 0,
            timeline: Vec::new(),
            last_sent: None,
            last_acknowledged: None,
            last_answered: None,
        }
    }

    /// One request and its end.
    pub(super) fn note(&mut self, kind: Kind, verdict: Verdict, times: Times) {
        self.count(kind, verdict, 1, times.ended);
        self.note_latency(kind, verdict, times);
    }

    /// The ends of `many` orders that were heard at once.
    pub(super) fn count(&mut self, kind: Kind, verdict: Verdict, many: u64, at: Instant) {
        let within = if self.window.holds(at) { many } else { 0 };
        let counts = &mut self.counts;
        match (verdict, kind) {
            (Verdict::Yes { replayed: true }, Kind::Order) => counts.replayed += many,
            (Verdict::Yes { .. }, Kind::Order) => {
                counts.acknowledged += many;
                self.acknowledged_within += within;
                self.last_acknowledged = self.last_acknowledged.max(Some(at));
                self.mark(at, |slot| &mut slot.acknowledged, many);
            }
            (Verdict::Yes { .. }, Kind::Step) => counts.steps += many,
            (Verdict::Yes { .. }, Kind::Read) => counts.reads += many,
            (Verdict::Refused(problem), _) => {
                *counts.refused.entry(problem.name()).or_default() += many;
                if kind == Kind::Order {
                    self.mark(at, |slot| &mut slot.refused, many);
                }
            }
            (Verdict::Unknown(problem), _) => *counts.unknown.entry(problem.map_or("no-answer", ProblemType::name)).or_default() += many,
            (Verdict::Error, _) => counts.errors += many,
        }
        if verdict != Verdict::Unknown(None) {
            self.last_answered = self.last_answered.max(Some(at));
            self.answered_within += within;
        }
    }

    /// How long a request took, answered or given up.
    pub(super) fn note_latency(&mut self, kind: Kind, verdict: Verdict, times: Times) {
        if !self.window.holds(times.intended) {
            return;
        }
        let histogram = match (verdict, kind) {
            (Verdict::Error, _) => return,
            (Verdict::Unknown(_), _) => &mut self.latencies.unknown,
            (Verdict::Yes { .. }, Kind::Order) => &mut self.latencies.acknowledged,
            (_, Kind::Order) => &mut self.latencies.refused,
            (_, Kind::Step) => &mut self.latencies.steps,
            (_, Kind::Read) => &mut self.latencies.reads,
        };
        histogram.record(times.ended.saturating_duration_since(times.intended));
    }

    /// A request left.
    pub(super) fn note_sent(&mut self, intended: Instant, began: Instant) {
        self.sent += 1;
        self.due_within += u64::from(self.window.holds(intended));
        self.last_sent = self.last_sent.max(Some(began));
    }

    /// A request that was due was never sent: it has waited until the end at least, and is an answer's latency in that respect.
    pub(super) fn note_unsent(&mut self, intended: Instant) {
        self.counts.unsent += 1;
        if self.window.holds(intended) {
            self.due_within += 1;
            self.latencies.acknowledged.record(self.window.until - intended);
        }
    }

    /// Counts in the slot of `at`; what comes after the last slot is in none.
    fn mark(&mut self, at: Instant, count: impl FnOnce(&mut Slot) -> &mut u32, many: u64) {
        let since = at.saturating_duration_since(self.window.start).as_nanos() / SLOT.as_nanos();
        let Some(place) = usize::try_from(since).ok().filter(|place| *place < MAX_SLOTS) else { return };
        if self.timeline.len() <= place {
            self.timeline.resize(place + 1, Slot::default());
        }
        let count = count(&mut self.timeline[place]);
        *count = count.saturating_add(u32::try_from(many).unwrap_or(u32::MAX));
    }

    /// Adds another thread's.
    pub(super) fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.latencies.acknowledged.add(&other.latencies.acknowledged);
        self.latencies.refused.add(&other.latencies.refused);
        self.latencies.steps.add(&other.latencies.steps);
        self.latencies.reads.add(&other.latencies.reads);
        self.latencies.unknown.add(&other.latencies.unknown);
        self.lag.add(&other.lag);
        self.acknowledged_within += other.acknowledged_within;
        self.answered_within += other.answered_within;
        self.sent += other.sent;
        self.due_within += other.due_within;
        if self.timeline.len() < other.timeline.len() {
            self.timeline.resize(other.timeline.len(), Slot::default());
        }
        for (own, more) in self.timeline.iter_mut().zip(&other.timeline) {
            own.acknowledged += more.acknowledged;
            own.refused += more.refused;
        }
        self.last_sent = self.last_sent.max(other.last_sent);
        self.last_acknowledged = self.last_acknowledged.max(other.last_acknowledged);
        self.last_answered = self.last_answered.max(other.last_answered);
    }
}

impl Counts {
    /// Adds each number to its own kind.
    pub(super) fn add(&mut self, other: &Self) {
        self.acknowledged += other.acknowledged;
        self.replayed += other.replayed;
        self.retries += other.retries;
        self.steps += other.steps;
        self.reads += other.reads;
        self.errors += other.errors;
        self.unsent += other.unsent;
        for (own, more) in [(&mut self.refused, &other.refused), (&mut self.unknown, &other.unknown)] {
            for (name, count) in more {
                *own.entry(name).or_default() += count;
            }
        }
    }

    /// Orders of which nobody knows whether they were accepted.
    pub(super) fn unknown_orders(&self) -> u64 {
        self.unknown.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_after_the_last_slot_is_counted_and_in_no_slot() {
        let start = Instant::now();
        let mut tally = Tally::new(Window { start, from: start, until: start + Duration::from_hours(1) });
        let slots = u32::try_from(MAX_SLOTS).unwrap();
        for slot in [0, 1, slots - 1, slots, 2 * slots] {
            tally.count(Kind::Order, Verdict::Yes { replayed: false }, 1, start + SLOT * slot);
        }
        let marked = (0..).zip(&tally.timeline).filter(|(_, slot)| slot.acknowledged > 0).map(|(place, slot)| (place, slot.acknowledged));
        assert_eq!(marked.collect::<Vec<_>>(), [(0, 1), (1, 1), (MAX_SLOTS - 1, 1)]);
        assert_eq!(tally.counts.acknowledged, 5);
    }
}
