//! Makes calls and keeps each of them for the oracle.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use holdfast_client::api::{Availability, Order, Problem, ProblemType, headers};
use holdfast_client::oracle::{Asked, Call as Recorded, Heard, History, Name};

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
        let answer = connection.send(call, within).await;
        let ended_us = self.now_us();
        let mut book = self.book();
        let (heard, id) = if let Ok(answer) = &answer {
            self.note_stamp(answer);
            read(&mut book, asked, answer)
        } else {
            book.given_up_early += u64::from(within < ATTEMPT_WITHIN);
            (Heard::Nothing, None)
        };
        book.history.record(Recorded { began_us, ended_us, node, asked, heard });
        if matches!((asked, heard), (Asked::Order { .. }, Heard::Order { replayed: false, .. })) {
            book.acknowledged_us.push(ended_us);
        }
        Attempted::Heard(heard, id)
    }

    fn note_stamp(&self, answer: &Answer) {
        let Some(stamp) = answer.header(headers::HOLDFAST_STAMP).and_then(|text| text.parse().ok()) else { return };
        let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        if clock.is_none_or(|(known, _)| known < stamp) {
            *clock = Some((stamp, Instant::now()));
        }
    }
}

/// What an answer says. One that cannot be read is as good as none, and odd.
fn read(book: &mut Book, asked: Asked, answer: &Answer) -> (Heard, Option<String>) {
    let read = match (answer.status, asked) {
        (200 | 201, Asked::Order { .. } | Asked::Step { .. } | Asked::Read { .. }) => read_order(book, answer),
        (200, Asked::Look { .. }) => serde_json::from_slice::<Availability>(&answer.body)
            .ok()
            .map(|read| (Heard::Available { index: read.index, available: read.available, held: read.held }, None)),
        (200 | 201, Asked::Adjust { .. }) => {
            answer.json().ok().and_then(|body| body["index"].as_u64()).map(|index| (Heard::Adjusted { index }, None))
        }
        _ => read_problem(book, answer),
    };
    read.unwrap_or_else(|| {
        let told = format!("status {} with {}", answer.status, String::from_utf8_lossy(&answer.body));
        *book.oddities.entry(told).or_default() += 1;
        (Heard::Nothing, None)
    })
}

fn read_order(book: &mut Book, answer: &Answer) -> Option<(Heard, Option<String>)> {
    let order: Order = serde_json::from_slice(&answer.body).ok()?;
    let replayed = answer.header(headers::IDEMPOTENCY_REPLAYED) == Some("true");
    let id = book.history.names.number(&order.id);
    Some((Heard::Order { id, index: order.index, status: order.status, replayed }, Some(order.id)))
}

fn read_problem(book: &mut Book, answer: &Answer) -> Option<(Heard, Option<String>)> {
    let told: Problem = serde_json::from_slice(&answer.body).ok()?;
    let problem = told.kind().filter(|kind| kind.status() == answer.status)?;
    if problem == ProblemType::Internal {
        *book.oddities.entry(format!("a defect: {told}")).or_default() += 1;
    }
    let sku = told.sku.as_deref().map(|sku| book.history.names.number(sku));
    let is_final = told.is_final.unwrap_or(false);
    Some((Heard::Refused { problem, sku, index: told.index, available: told.available, is_final }, None))
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;

    use super::*;

    fn heard(status: u16, body: &str) -> (Heard, Book) {
        let mut book = Book::default();
        let (key, buyer) = (book.history.names.number("k"), book.history.names.number("ann"));
        let body_id = book.history.body(buyer, &[], false);
        let answer = Answer { status, headers: HeaderMap::new(), body: body.to_owned().into() };
        let (heard, _) = read(&mut book, Asked::Order { key, body: body_id, apply_before: None }, &answer);
        (heard, book)
    }

    #[test]
    fn problems_are_read_and_defects_and_nonsense_are_odd() {
        let sold_out = r#"{"type":"urn:holdfast:problem:sold-out","status":409,"sku":"tee","index":7,"final":true}"#;
        let (told, book) = heard(409, sold_out);
        assert!(matches!(told, Heard::Refused { problem: ProblemType::SoldOut, index: Some(7), is_final: true, .. }));
        assert!(book.oddities.is_empty());
        assert_eq!(heard(503, sold_out).1.oddities.len(), 1, "another status than its type's");
        assert_eq!(heard(500, r#"{"type":"urn:holdfast:problem:internal","status":500}"#).1.oddities.len(), 1);
        let (told, book) = heard(201, r#"{"id":"a"}"#);
        assert_eq!((told, book.oddities.len()), (Heard::Nothing, 1));
    }
}
