//! Calls against orders: nothing acknowledged is lost (I5, I6), nothing is invented (I7), one order for a key (I8).
//!
//! The feed does not tell keys. An order that was acknowledged is its key's by its id. Every other one must be that of a key
//! whose outcome nobody heard, with the same buyer and lines; where several could be meant, they are only counted.

use std::cmp::Reverse;
use std::ops::Range;

use super::call::{Asked, Call, Heard};
use super::history::{Body, BodyId, History, Line};
use super::judge::Case;
use super::judgement::{Invariant, Judgement};
use super::names::Name;

/// An attempt to place an order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    key: Name,
    pub(super) body: BodyId,
    pub(super) apply_before: Option<u64>,
    /// Its number in the history.
    call: usize,
}

impl Attempt {
    pub(super) fn call<'a>(&self, history: &'a History) -> &'a Call {
        &history.calls()[self.call]
    }
}

/// A key, its attempts and its order.
#[derive(Clone, Debug)]
pub(super) struct Key {
    attempts: Range<usize>,
    /// Its order, by number, if the ledger has one.
    pub(super) order: Option<u32>,
}

/// Who owns which order.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// By key, then by when they began.
    attempts: Vec<Attempt>,
    pub(super) keys: Vec<Key>,
    /// When the first attempt that may have made it began, by the order's number; none: nobody asked for it.
    pub(super) first_us: Vec<Option<u64>>,
}

/// A key whose order may be in the ledger without anybody having been told.
struct Open<'a> {
    buyer: Name,
    lines: &'a [Line],
    first_us: u64,
    key: usize,
}

impl Settled {
    pub(super) fn of(case: &Case<'_>, judgement: &mut Judgement) -> Self {
        let mut settled =
            Settled { attempts: attempts(case.history), first_us: vec![None; case.ledger.orders().len()], ..Settled::default() };
        settled.keys = group(&settled.attempts);
        for key in 0..settled.keys.len() {
            settled.claim_acknowledged(case, key, judgement);
        }
        settled.claim_told_keys(case, judgement);
        settled.claim_open(case, judgement);
        settled
    }

    /// The attempts of a key, by when they began.
    pub(super) fn attempts(&self, key: &Key) -> &[Attempt] {
        &self.attempts[key.attempts.clone()]
    }

    fn first_us(&self, key: usize, history: &History) -> u64 {
        self.attempts(&self.keys[key]).first().map_or(0, |attempt| attempt.call(history).began_us)
    }

    fn claim_acknowledged(&mut self, case: &Case<'_>, key: usize, judgement: &mut Judgement) {
        for at in self.keys[key].attempts.clone() {
            let attempt = self.attempts[at];
            let call = attempt.call(case.history);
            let Heard::Order { id, .. } = call.heard else { continue };
            match case.ledger.number(id) {
                Some(number) => self.claim(case, key, number, Some(call), judgement),
                None => judgement.violation(Invariant::I5, || format!("acknowledged and lost: {}", case.history.tell(call))),
            }
        }
    }

    /// Gives order `number` to `key`.
    fn claim(&mut self, case: &Case<'_>, key: usize, number: u32, call: Option<&Call>, judgement: &mut Judgement) {
        if self.keys[key].order == Some(number) {
            return;
        }
        let by = || call.map_or_else(|| "by the ledger".into(), |call| case.history.tell(call));
        if let Some(other) = self.keys[key].order {
            judgement.violation(Invariant::I8, || format!("one key, two orders: {} and {}, {}", case.tell(other), case.tell(number), by()));
            let first_us = self.first_us(key, case.history);
            self.first_us[number as usize].get_or_insert(first_us);
            return;
        }
        if self.first_us[number as usize].is_some() {
            judgement.violation(Invariant::I8, || format!("two keys were given one order: {}, {}", case.tell(number), by()));
            return;
        }
        self.keys[key].order = Some(number);
        self.first_us[number as usize] = Some(self.first_us(key, case.history));
    }

    /// Where the ledger tells an order's key.
    fn claim_told_keys(&mut self, case: &Case<'_>, judgement: &mut Judgement) {
        for (number, order) in (0u32..).zip(case.ledger.orders()) {
            let Some(name) = order.key else { continue };
            let known = self.keys.binary_search_by_key(&name, |key| self.attempts[key.attempts.start].key);
            match known {
                Ok(key) => self.claim(case, key, number, None, judgement),
                Err(_) => judgement.violation(Invariant::I7, || format!("nobody used the key of {}", case.tell(number))),
            }
        }
    }

    /// Every order that is nobody's yet against the keys whose outcome nobody heard.
    fn claim_open(&mut self, case: &Case<'_>, judgement: &mut Judgement) {
        let open = self.open(case.history);
        let orders = case.ledger.orders();
        let mut unclaimed: Vec<u32> = (0u32..).zip(&self.first_us).filter(|(_, owner)| owner.is_none()).map(|(number, _)| number).collect();
        unclaimed.sort_by_key(|number| (orders[*number as usize].buyer, &orders[*number as usize].lines));
        let mut rest = &open[..];
        let alike = |one: &u32, two: &u32| {
            let (one, two) = (&orders[*one as usize], &orders[*two as usize]);
            (one.buyer, &one.lines) == (two.buyer, &two.lines)
        };
        for same in unclaimed.chunk_by(alike) {
            let Some(order) = same.first().map(|number| &orders[*number as usize]) else { continue };
            let wanted = (order.buyer, &*order.lines);
            rest = &rest[rest.partition_point(|open| (open.buyer, open.lines) < wanted)..];
            let candidates = &rest[..rest.partition_point(|open| (open.buyer, open.lines) <= wanted)];
            for number in same.iter().skip(candidates.len()) {
                judgement.violation(Invariant::I7, || format!("no attempt is left that could have made {}", case.tell(*number)));
            }
            match (candidates, same) {
                ([only], [number]) => self.claim(case, only.key, *number, None, judgement),
                _ => self.first_us_of_any(candidates, same),
            }
            judgement.counts.settled_present += same.len().min(candidates.len());
        }
        judgement.counts.settled_absent = open.len().saturating_sub(judgement.counts.settled_present);
    }

    fn first_us_of_any(&mut self, candidates: &[Open<'_>], orders: &[u32]) {
        let first = candidates.iter().map(|open| open.first_us).min();
        for number in orders.iter().take(candidates.len()) {
            self.first_us[*number as usize] = first;
        }
    }

    /// Keys without an order that have an open attempt, once for each body, by buyer and lines.
    fn open<'a>(&self, history: &'a History) -> Vec<Open<'a>> {
        let mut open = Vec::new();
        for (number, key) in self.keys.iter().enumerate().filter(|(_, key)| key.order.is_none()) {
            let mut bodies: Vec<&Body> = Vec::new();
            for attempt in self.attempts(key).iter().filter(|attempt| attempt.call(history).heard.is_unknown()) {
                let body = history.body_of(attempt.body);
                if !bodies.contains(&body) {
                    bodies.push(body);
                    open.push(Open { buyer: body.buyer, lines: &body.lines, first_us: self.first_us(number, history), key: number });
                }
            }
        }
        open.sort_by(|one, two| (one.buyer, one.lines, one.first_us).cmp(&(two.buyer, two.lines, two.first_us)));
        open
    }
}

/// Attempts by key, then by when they began.
fn attempts(history: &History) -> Vec<Attempt> {
    let of_call = |(number, call): (usize, &Call)| match call.asked {
        Asked::Order { key, body, apply_before } => Some(Attempt { key, body, apply_before, call: number }),
        _ => None,
    };
    let mut attempts: Vec<Attempt> = history.calls().iter().enumerate().filter_map(of_call).collect();
    attempts.sort_unstable_by_key(|attempt| (attempt.key, attempt.call(history).began_us, Reverse(attempt.call)));
    attempts
}

fn group(attempts: &[Attempt]) -> Vec<Key> {
    let mut start = 0;
    let groups = attempts.chunk_by(|one, two| one.key == two.key);
    groups
        .map(|attempts| {
            let range = start..start + attempts.len();
            start = range.end;
            Key { attempts: range, order: None }
        })
        .collect()
}
