//! Makes calls and keeps each of them for the oracle.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use holdfast_client::api::{BatchAnswer, BatchResult, ProblemType, headers};
use holdfast_client::oracle::{self, Asked, Call as Recorded, Heard, History, Name};

use crate::http::{Answer, Call, Connection};
use crate::limits::ATTEMPT_WITHIN;

/// What was recorded.
#[derive(Debug, Default)]
pub struct Book {
    /// Every call that was sent.
    pub history: History,
    /// When each order was acknowledged for the first time, microseconds.
    pub acknowledged_us: Vec<u64>,
    /// Answers that break the contract, or tell of a defect.
    pub oddities: BTreeMap<String, usize>,
    /// Attempts given up before the server's own time was over.
    pub given_up_early: u64,
}

/// Order calls of a span of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// Calls that ended in it.
    pub offered: usize,
    /// Of those, answered with an order.
    pub acknowledged: usize,
    /// Of those, refused because a bound was reached.
    pub overloaded: usize,
}

/// Makes calls and keeps them.
#[derive(Debug)]
pub struct Recorder {
    began: Instant,
    book: Mutex<Book>,
    /// Highest stamp heard, and when: cluster time, about.
    clock: Mutex<Option<(u64, Instant)>>,
}

/// What an attempt came to.
#[derive(Debug)]
pub enum Attempted {
    /// Nothing was sent: nobody listens there.
    NotSent,
    /// This was heard, and an order's id.
    Heard(Heard, Option<String>),
}

/// A call that is over, being kept.
struct Keeping<'a> {
    node: u64,
    within: Duration,
    began_us: u64,
    ended_us: u64,
    book: MutexGuard<'a, Book>,
}

impl Keeping<'_> {
    /// Keeps what was asked with the answer; what that tells, and an order's id.
    fn keep(&mut self, asked: Asked, answer: Option<oracle::Answer<'_>>) -> (Heard, Option<String>) {
        let Keeping { node, began_us, ended_us, .. } = *self;
        let (heard, id) = if let Some(answer) = answer {
            let read = answer.read(asked, &mut self.book.history.names);
            if let Some(oddity) = read.oddity {
                *self.book.oddities.entry(oddity).or_default() += 1;
            }
            (read.heard, read.order)
        } else {
            self.book.given_up_early += u64::from(self.within < ATTEMPT_WITHIN);
            (Heard::Nothing, None)
        };
        self.book.history.record(Recorded { began_us, ended_us, node, asked, heard });
        if matches!((asked, heard), (Asked::Order { .. }, Heard::Order { replayed: false, .. })) {
            self.book.acknowledged_us.push(ended_us);
        }
        (heard, id)
    }
}

impl Default for Recorder {
    fn default() -> Recorder {
        Recorder { began: Instant::now(), book: Mutex::default(), clock: Mutex::default() }
    }
}

impl Recorder {
    /// Microseconds since it was made.
    pub fn now_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// What was recorded so far. Held for moments only.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a name.
    pub fn name(&self, text: &str) -> Name {
        self.book().history.names.number(text)
    }

    /// Order calls since `from_us`, of node `node` or of all.
    pub fn orders_since(&self, from_us: u64, node: Option<u64>) -> Orders {
        let (book, mut orders) = (self.book(), Orders::default());
        // Calls are recorded when they end.
        let recent = book.history.calls().iter().rev().take_while(|call| call.ended_us >= from_us);
        for call in recent.filter(|call| matches!(call.asked, Asked::Order { .. }) && node.is_none_or(|node| node == call.node)) {
            orders.offered += 1;
            orders.acknowledged += usize::from(matches!(call.heard, Heard::Order { .. }));
            orders.overloaded += usize::from(matches!(call.heard, Heard::Refused { problem: ProblemType::Overloaded, .. }));
        }
        orders
    }

    /// Cluster time, about; none before the first answer.
    pub fn cluster_ms(&self) -> Option<u64> {
        let clock = *self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        clock.map(|(stamp, at)| stamp + u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Makes one call at `node` and keeps it. Not cancel safe: a call that is dropped is not kept, and the oracle would take
    /// its order for one that nobody asked for.
    pub async fn attempt(&self, connection: &mut Connection, node: u64, asked: Asked, call: &Call, within: Duration) -> Attempted {
        if connection.ready(within).await.is_err() {
            return Attempted::NotSent;
        }
        let began_us = self.now_us();
        let answer = connection.send(call, within).await.ok();
        let mut kept = Keeping { node, within, began_us, ended_us: self.now_us(), book: self.book() };
        let heard = answer.as_ref().map(|answer| {
            self.note_stamp(answer);
            let replayed = answer.header(headers::IDEMPOTENCY_REPLAYED) == Some("true");
            oracle::Answer { status: answer.status, replayed, body: &answer.body }
        });
        let (heard, id) = kept.keep(asked, heard);
        Attempted::Heard(heard, id)
    }

    /// Sends many orders in one call at `node` and keeps each as a call of its own, which began and ended with it; what each
    /// heard. None: nothing was sent. A batch does not tell which answers are repetitions: all of one that `is_repetition` are
    /// taken for such.
    pub async fn attempt_batch(
        &self,
        connection: &mut Connection,
        node: u64,
        (asked, call): (&[Asked], &Call),
        is_repetition: bool,
    ) -> Option<Vec<Heard>> {
        connection.ready(ATTEMPT_WITHIN).await.ok()?;
        let began_us = self.now_us();
        let answer = connection.send(call, ATTEMPT_WITHIN).await.ok();
        let ended_us = self.now_us();
        let told = answer.as_ref().filter(|answer| answer.status == 200);
        let mut results =
            told.and_then(|answer| serde_json::from_slice::<BatchAnswer>(&answer.body).ok()).map(|told| told.results.into_iter());
        let mut kept = Keeping { node, within: ATTEMPT_WITHIN, began_us, ended_us, book: self.book() };
        let keep = |asked: &Asked| {
            let result = results.as_mut().and_then(Iterator::next).and_then(|result| match result {
                BatchResult::Order(order) => Some((201, serde_json::to_vec(&order).ok()?)),
                BatchResult::Problem(problem) => Some((problem.status, serde_json::to_vec(&problem).ok()?)),
            });
            let one = result.as_ref().map(|(status, body)| oracle::Answer { status: *status, replayed: is_repetition, body });
            // A problem of the whole call is one of each of its orders.
            let whole = answer.as_ref().map(|answer| oracle::Answer { status: answer.status, replayed: false, body: &answer.body });
            kept.keep(*asked, one.or(whole)).0
        };
        Some(asked.iter().map(keep).collect())
    }

    fn note_stamp(&self, answer: &Answer) {
        let Some(stamp) = answer.header(headers::HOLDFAST_STAMP).and_then(|text| text.parse().ok()) else { return };
        let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        if clock.is_none_or(|(known, _)| known < stamp) {
            *clock = Some((stamp, Instant::now()));
        }
    }
}
