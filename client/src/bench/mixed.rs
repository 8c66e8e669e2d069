//! What a shop asks for: orders of hot and cold SKUs that are confirmed, released or left to expire, repeated and looked at.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use holdfast_api::paths;

use super::limits::{MAX_FOLLOW_UPS, MAX_RETRIES, REMEMBERED_ORDERS, RETRY_PAUSE};
use super::recorder::Recorder;
use super::request::{self, Names};
use super::tally::{Kind, Tally, Verdict};
use super::work::{Ask, Heard, Work};
use super::zipf::Zipf;
use crate::oracle::Step;

/// In how many of a hundred cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    /// Of accepted orders, those that are confirmed.
    pub confirm: u32,
    /// Of accepted orders, those that are released; the others are left to expire.
    pub release: u32,
    /// Of all requests, orders that are sent once more under the key of one that was accepted.
    pub duplicates: u32,
    /// Of all requests, reads: half of an order, half of a SKU.
    pub reads: u32,
}

/// The number of attempts of a request that is repeated on purpose.
const DUPLICATE: u8 = u8::MAX;

/// An accepted order.
#[derive(Debug)]
struct Known {
    number: u64,
    sku: usize,
    id: Box<str>,
}

/// One thread's shop.
pub(super) struct Mixed {
    names: Names,
    skus: Arc<[Arc<str>]>,
    zipf: Zipf,
    shares: Shares,
    random: StdRng,
    next: u64,
    /// Confirms and releases that are to be sent.
    steps: VecDeque<Ask>,
    /// Orders without a definite answer, and when each is sent again.
    retries: VecDeque<(Instant, Ask)>,
    known: VecDeque<Known>,
    recorder: Option<Arc<Recorder>>,
}

impl Mixed {
    pub(super) fn new(names: Names, skus: &Arc<[Arc<str>]>, exponent: f64, shares: Shares, recorder: Option<Arc<Recorder>>) -> Self {
        Self {
            names,
            skus: Arc::clone(skus),
            zipf: Zipf::new(skus.len(), exponent),
            shares,
            random: StdRng::seed_from_u64(rand::random()),
            next: 0,
            steps: VecDeque::new(),
            retries: VecDeque::new(),
            known: VecDeque::new(),
            recorder,
        }
    }

    fn choose(&mut self, now: Instant) -> Ask {
        if self.retries.front().is_some_and(|(at, _)| *at <= now)
            && let Some((_, ask)) = self.retries.pop_front()
        {
            return ask;
        }
        let drawn = self.random.random_range(0..100);
        if drawn < self.shares.reads {
            return self.read();
        }
        if drawn < self.shares.reads + self.shares.duplicates
            && let Some(known) = self.any_known()
        {
            return Ask::Order { number: known.number, sku: known.sku, attempt: DUPLICATE };
        }
        if let Some(step) = self.steps.pop_front() {
            return step;
        }
        self.next += 1;
        Ask::Order { number: self.next, sku: self.zipf.draw(&mut self.random), attempt: 0 }
    }

    fn read(&mut self) -> Ask {
        let of_order = self.random.random::<bool>();
        match self.any_known().filter(|_| of_order) {
            Some(known) => Ask::Read { order: known.id.clone() },
            None => Ask::Look { sku: self.zipf.draw(&mut self.random) },
        }
    }

    fn any_known(&mut self) -> Option<&Known> {
        let place = self.random.random_range(0..self.known.len().max(1));
        self.known.get(place)
    }

    /// An order was accepted for the first time that this side hears of.
    fn accepted(&mut self, number: u64, sku: usize, id: &str) {
        let fate = self.random.random_range(0..100);
        let step = match fate {
            fate if fate < self.shares.confirm => Some(Step::Confirm),
            fate if fate < self.shares.confirm + self.shares.release => Some(Step::Release),
            _ => None,
        };
        if let Some(step) = step.filter(|_| self.steps.len() < MAX_FOLLOW_UPS) {
            self.steps.push_back(Ask::Step { order: id.into(), step });
        }
        if self.known.len() == REMEMBERED_ORDERS {
            self.known.pop_front();
        }
        self.known.push_back(Known { number, sku, id: id.into() });
    }

    fn heard_order(&mut self, (number, sku, attempt): (u64, usize, u8), heard: &Heard<'_>, tally: &mut Tally) {
        if let Some(recorder) = &self.recorder {
            recorder.order(&self.names.key(number), &self.names.buyer(number), &self.skus[sku], heard);
        }
        let is_retry = attempt > 0 && attempt != DUPLICATE;
        let verdict = match heard.verdict() {
            // Accepted by an attempt that nobody answered: this is the first time that it is acknowledged.
            Verdict::Yes { replayed: true } if is_retry => Verdict::Yes { replayed: false },
            verdict => verdict,
        };
        tally.note(Kind::Order, verdict, heard.times);
        tally.counts.retries += u64::from(is_retry);
        let again = match verdict {
            Verdict::Unknown(_) => true,
            Verdict::Refused(problem) => problem.retry_may_help(),
            Verdict::Yes { .. } | Verdict::Error => false,
        };
        if again && attempt < MAX_RETRIES {
            let at = heard.times.ended + RETRY_PAUSE * (1 << attempt);
            self.retries.push_back((at, Ask::Order { number, sku, attempt: attempt + 1 }));
        }
        let id = heard.answer.and_then(|answer| answer.order_id().map(str::to_owned));
        if let (Verdict::Yes { replayed: false }, Some(id)) = (verdict, id) {
            self.accepted(number, sku, &id);
        }
    }
}

impl Work for Mixed {
    fn next(&mut self, now: Instant, host: &str, out: &mut Vec<u8>) -> Ask {
        let ask = self.choose(now);
        match &ask {
            Ask::Order { number, sku, .. } => request::order(out, host, &self.names, *number, &self.skus[*sku]),
            Ask::Step { order, step } => {
                let path = if *step == Step::Release { paths::RELEASE } else { paths::CONFIRM };
                request::bare(out, host, "POST", &paths::fill(path, order));
            }
            Ask::Read { order } => request::bare(out, host, "GET", &paths::fill(paths::ORDER, order)),
            Ask::Look { sku } => {
                // The oracle knows what a linearizable look must show, and nothing of others.
                let consistency = if self.recorder.is_some() { "?consistency=linearizable" } else { "" };
                request::bare(out, host, "GET", &(paths::fill(paths::AVAILABILITY, &self.skus[*sku]) + consistency));
            }
            Ask::Batch { .. } => {}
        }
        ask
    }

    fn heard(&mut self, ask: Ask, heard: &Heard<'_>, tally: &mut Tally) {
        match ask {
            Ask::Order { number, sku, attempt } => self.heard_order((number, sku, attempt), heard, tally),
            Ask::Step { order, step } => {
                tally.note(Kind::Step, heard.verdict(), heard.times);
                self.recorder.iter().for_each(|recorder| recorder.step(&order, step, heard));
            }
            Ask::Read { order } => {
                tally.note(Kind::Read, heard.verdict(), heard.times);
                self.recorder.iter().for_each(|recorder| recorder.read(&order, heard));
            }
            Ask::Look { sku } => {
                tally.note(Kind::Read, heard.verdict(), heard.times);
                self.recorder.iter().for_each(|recorder| recorder.look(&self.skus[sku], heard));
            }
            Ask::Batch { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bench::answer::Answer;
    use crate::bench::tally::{Times, Window};

    const ALL_CONFIRMED: Shares = Shares { confirm: 100, release: 0, duplicates: 0, reads: 0 };

    fn shop(shares: Shares) -> (Mixed, Tally) {
        let now = Instant::now();
        let window = Window { start: now, from: now, until: now + Duration::from_mins(1) };
        (Mixed::new(Names::new("r", 0), &[Arc::from("s")].into(), 1.0, shares, None), Tally::new(window))
    }

    fn heard(answer: Option<(u16, bool, &'static [u8])>) -> Heard<'static> {
        let now = Instant::now();
        let answer = answer.map(|(status, replayed, body)| Answer { status, replayed, last: false, body });
        Heard { answer, is_nonsense: false, times: Times { intended: now, began: now, ended: now }, node: 1 }
    }

    #[test]
    fn an_accepted_order_is_confirmed_next() {
        let (mut shop, mut tally) = shop(ALL_CONFIRMED);
        let mut out = Vec::new();
        let ask = shop.next(Instant::now(), "h", &mut out);
        shop.heard(ask, &heard(Some((201, false, br#"{"id":"o-1"}"#))), &mut tally);
        out.clear();
        assert!(matches!(shop.next(Instant::now(), "h", &mut out), Ask::Step { step: Step::Confirm, .. }));
        assert!(out.starts_with(b"POST /v1/orders/o-1/confirm HTTP/1.1\r\n"));
    }

    #[test]
    fn a_lost_order_is_sent_again_under_its_key_and_acknowledged_once() {
        let (mut shop, mut tally) = shop(ALL_CONFIRMED);
        let ask = shop.next(Instant::now(), "h", &mut Vec::new());
        let Ask::Order { number, .. } = ask else { panic!("an order is first") };
        shop.heard(ask, &heard(None), &mut tally);
        let again = shop.next(Instant::now() + RETRY_PAUSE * 2, "h", &mut Vec::new());
        assert!(matches!(again, Ask::Order { number: same, attempt: 1, .. } if same == number));
        shop.heard(again, &heard(Some((201, true, br#"{"id":"o-1"}"#))), &mut tally);
        let counts = &tally.counts;
        assert_eq!((counts.unknown["no-answer"], counts.retries, counts.acknowledged, counts.replayed), (1, 1, 1, 0));
    }

    #[test]
    fn a_repetition_on_purpose_is_no_second_order() {
        let (mut shop, mut tally) = shop(Shares { duplicates: 100, ..ALL_CONFIRMED });
        let ask = shop.next(Instant::now(), "h", &mut Vec::new());
        shop.heard(ask, &heard(Some((201, false, br#"{"id":"o-1"}"#))), &mut tally);
        let again = shop.next(Instant::now(), "h", &mut Vec::new());
        assert!(matches!(again, Ask::Order { attempt: DUPLICATE, .. }));
        shop.heard(again, &heard(Some((201, true, br#"{"id":"o-1"}"#))), &mut tally);
        assert_eq!((tally.counts.acknowledged, tally.counts.replayed, shop.steps.len()), (1, 1, 1));
    }
}
