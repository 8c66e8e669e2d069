//! Calls against orders: nothing acknowledged is lost (I5, I6), nothing is invented (I7), one order for a key (I8).
//!
//! The feed does not tell keys. An order that was acknowledged is its key's by its id. Every other one must be that of a key
//! whose outcome nobody heard, with the same buyer and lines, held or bought at once as asked for; where several could be meant, they are only counted.

use std::cmp::Reverse;
use std::ops::Range;

use holdfast_api::OrderStatus;

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
    wish: Wish<'a>,
    first_us: u64,
    /// When all its attempts are dead, ms of cluster time.
    dead_at: u64,
    key: usize,
}

/// By what an order and an attempt are matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wish<'a> {
    buyer: Name,
    lines: &'a [Line],
    /// Bought without a hold, by the wish or by the terms.
    at_once: bool,
}

impl<'a> Wish<'a> {
    fn of(case: &Case<'_>, body: &'a Body) -> Self {
        let ttl = case.holds.ttl_ms(&body.lines);
        Self { buyer: body.buyer, lines: &body.lines, at_once: ttl.is_some_and(|ttl| body.confirm || ttl == 0) }
    }

    /// What must have been asked for to make order `number`.
    fn behind(case: &'a Case<'_>, number: u32) -> Self {
        let order = case.order(number);
        let first = case.replay.phases(number).first().map(|phase| phase.status);
        let at_once = case.holds.ttl_ms(&order.lines).is_some() && first == Some(OrderStatus::Confirmed);
        Self { buyer: order.buyer, lines: &order.lines, at_once }
    }
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

    /// When the first attempt began that may have made the key's order: none that certainly had no effect.
    fn first_us(&self, key: usize, history: &History) -> Option<u64> {
        let mut calls = self.attempts(&self.keys[key]).iter().map(|attempt| attempt.call(history));
        calls.find(|call| call.heard.may_have_had_effect()).map(|call| call.began_us)
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
            let known = &mut self.first_us[number as usize];
            *known = known.or(first_us);
            return;
        }
        if self.first_us[number as usize].is_some() {
            judgement.violation(Invariant::I8, || format!("two keys were given one order: {}, {}", case.tell(number), by()));
            return;
        }
        self.keys[key].order = Some(number);
        self.first_us[number as usize] = self.first_us(key, case.history);
        if self.first_us[number as usize].is_none() {
            judgement.violation(Invariant::I7, || format!("no attempt may have had an effect, and there is {}", case.tell(number)));
        }
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
        let open = self.open(case);
        let unowned = (0u32..).zip(&self.first_us).filter(|(_, owner)| owner.is_none()).map(|(number, _)| number);
        let mut unclaimed: Vec<(Wish<'_>, u32)> = unowned.map(|number| (Wish::behind(case, number), number)).collect();
        unclaimed.sort_unstable();
        let mut rest = &open[..];
        for same in unclaimed.chunk_by(|(one, _), (two, _)| one == two) {
            let Some((wanted, _)) = same.first() else { continue };
            rest = &rest[rest.partition_point(|open| open.wish < *wanted)..];
            let candidates = &rest[..rest.partition_point(|open| open.wish <= *wanted)];
            for (_, number) in same.iter().skip(candidates.len()) {
                judgement.violation(Invariant::I7, || format!("no attempt is left that could have made {}", case.tell(*number)));
            }
            match (candidates, same) {
                ([only], [(_, number)]) => self.claim(case, only.key, *number, None, judgement),
                _ => self.claim_any(case, candidates, same, judgement),
            }
            judgement.counts.settled_present += same.len().min(candidates.len());
        }
        judgement.counts.settled_absent = open.len().saturating_sub(judgement.counts.settled_present);
    }

    /// Several keys, of which some made these orders: no order is younger than all of them may have made.
    fn claim_any(&mut self, case: &Case<'_>, candidates: &[Open<'_>], orders: &[(Wish<'_>, u32)], judgement: &mut Judgement) {
        let first = candidates.iter().map(|open| open.first_us).min();
        let dead_at = candidates.iter().map(|open| open.dead_at).max().unwrap_or(u64::MAX);
        for (_, number) in orders.iter().take(candidates.len()) {
            self.first_us[*number as usize] = first;
            let at = case.order(*number).at_ms;
            if at >= dead_at {
                judgement.violation(Invariant::I7, || format!("applied at {at}, when all attempts were dead: {}", case.tell(*number)));
            }
        }
    }

    /// Keys without an order that have an open attempt, once for each wish.
    fn open<'a>(&self, case: &Case<'a>) -> Vec<Open<'a>> {
        let history: &'a History = case.history;
        let mut open: Vec<Open<'a>> = Vec::new();
        for (number, key) in self.keys.iter().enumerate().filter(|(_, key)| key.order.is_none()) {
            let known = open.len();
            for attempt in self.attempts(key).iter().filter(|attempt| attempt.call(history).heard.is_unknown()) {
                let wish = Wish::of(case, history.body_of(attempt.body));
                let dead_at = attempt.apply_before.unwrap_or(u64::MAX);
                match open[known..].iter_mut().find(|open| open.wish == wish) {
                    Some(open) => open.dead_at = open.dead_at.max(dead_at),
                    None => open.push(Open { wish, first_us: attempt.call(history).began_us, dead_at, key: number }),
                }
            }
        }
        open.sort_by_key(|open| (open.wish, open.first_us));
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
