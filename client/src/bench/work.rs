//! What a load asks for. One thread has one, and all its connections ask it for their next request.

use std::sync::Arc;
use std::time::Instant;

use super::answer::Answer;
use super::recorder::Recorder;
use super::request::{self, Names};
use super::tally::{Kind, Tally, Times, Verdict};
use crate::oracle::Step;

/// A request that was written.
#[derive(Debug)]
pub(super) enum Ask {
    /// An order, by its number; how often it was sent before; the place of its SKU.
    Order { number: u64, sku: usize, attempt: u8 },
    /// Orders from this number on, so many.
    Batch { first: u64, count: u64 },
    /// A step in the life of an order.
    Step { order: Box<str>, step: Step },
    /// A look at an order.
    Read { order: Box<str> },
    /// A look at a SKU, by its place.
    Look { sku: usize },
}

/// What was heard of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard<'a> {
    /// None: no answer came, or none that can be read.
    pub(super) answer: Option<Answer<'a>>,
    /// Whether something came that is no answer of the contract.
    pub(super) is_nonsense: bool,
    pub(super) times: Times,
    /// Who was asked.
    pub(super) node: u64,
}

impl Heard<'_> {
    pub(super) fn verdict(&self) -> Verdict {
        if self.is_nonsense { Verdict::Error } else { Verdict::of(self.answer.as_ref()) }
    }
}

/// What a load asks for.
pub(super) trait Work: Send {
    /// Writes the next request into `out`, which is empty.
    fn next(&mut self, now: Instant, host: &str, out: &mut Vec<u8>) -> Ask;

    /// Hears what became of a request, and counts it.
    fn heard(&mut self, ask: Ask, heard: &Heard<'_>, tally: &mut Tally);
}

/// Single orders of one unit of one SKU, each of a new buyer.
#[derive(Debug)]
pub(super) struct Orders {
    names: Names,
    sku: Arc<str>,
    next: u64,
    recorder: Option<Arc<Recorder>>,
}

impl Orders {
    pub(super) fn new(names: Names, sku: &Arc<str>, recorder: Option<Arc<Recorder>>) -> Self {
        Self { names, sku: Arc::clone(sku), next: 0, recorder }
    }
}

impl Work for Orders {
    fn next(&mut self, _: Instant, host: &str, out: &mut Vec<u8>) -> Ask {
        let number = self.next;
        self.next += 1;
        request::order(out, host, &self.names, number, &self.sku);
        Ask::Order { number, sku: 0, attempt: 0 }
    }

    fn heard(&mut self, ask: Ask, heard: &Heard<'_>, tally: &mut Tally) {
        tally.note(Kind::Order, heard.verdict(), heard.times);
        if let (Some(recorder), Ask::Order { number, .. }) = (&self.recorder, ask) {
            recorder.order(&self.names.key(number), &self.names.buyer(number), &self.sku, heard);
        }
    }
}

/// Batches of orders of one unit of one SKU, each order of a new buyer.
#[derive(Debug)]
pub(super) struct Batches {
    names: Names,
    sku: Arc<str>,
    size: u64,
    next: u64,
    recorder: Option<Arc<Recorder>>,
}

impl Batches {
    pub(super) fn new(names: Names, sku: &Arc<str>, size: u64, recorder: Option<Arc<Recorder>>) -> Self {
        Self { names, sku: Arc::clone(sku), size, next: 0, recorder }
    }
}

impl Work for Batches {
    fn next(&mut self, _: Instant, host: &str, out: &mut Vec<u8>) -> Ask {
        let first = self.next;
        self.next += self.size;
        request::batch(out, host, &self.names, first, self.size, &self.sku);
        Ask::Batch { first, count: self.size }
    }

    fn heard(&mut self, ask: Ask, heard: &Heard<'_>, tally: &mut Tally) {
        let Ask::Batch { first, count } = ask else { return };
        match heard.answer.filter(Answer::is_yes) {
            Some(answer) => count_results(answer.body, count, heard, tally),
            None => tally.count(Kind::Order, heard.verdict(), count, heard.times.ended),
        }
        tally.note_latency(Kind::Order, heard.verdict(), heard.times);
        if let Some(recorder) = &self.recorder {
            let orders = (first..first + count).map(|number| (self.names.key(number), self.names.buyer(number)));
            recorder.batch(orders.collect(), &self.sku, heard);
        }
    }
}

/// Counts a batch's results without reading their JSON: an accepted order is an `order` in its list and has an id.
fn count_results(body: &[u8], count: u64, heard: &Heard<'_>, tally: &mut Tally) {
    let text = String::from_utf8_lossy(body);
    let accepted = text.matches(r#"{"order":{"#).count() as u64;
    tally.count(Kind::Order, Verdict::Yes { replayed: false }, accepted, heard.times.ended);
    let mut problems = 0;
    // With nothing but yeses there is nothing to look for.
    if accepted < count {
        for piece in text.split(r#"{"problem":{"#).skip(1) {
            let verdict = super::answer::problem_in(piece.as_bytes()).map_or(Verdict::Error, Verdict::of_problem);
            tally.count(Kind::Order, verdict, 1, heard.times.ended);
            problems += 1;
        }
    }
    tally.count(Kind::Order, Verdict::Error, count.saturating_sub(accepted + problems), heard.times.ended);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::tally::Window;

    #[test]
    fn each_result_of_a_batch_is_counted_as_what_it_is() {
        let now = Instant::now();
        let window = Window { start: now, from: now, until: now + std::time::Duration::from_secs(1) };
        let body = br#"{"results":[{"order":{"id":"a"}},{"problem":{"type":"urn:holdfast:problem:sold-out","status":409}},{"order":{"id":"b"}},{"problem":{"type":"urn:holdfast:problem:outcome-unknown"}}]}"#;
        let answer = Some(Answer { status: 200, replayed: false, last: false, body });
        let heard = Heard { answer, is_nonsense: false, times: Times { intended: now, began: now, ended: now }, node: 1 };
        let mut tally = Tally::new(window);
        Batches::new(Names::new("r", 0), &"s".into(), 5, None).heard(Ask::Batch { first: 0, count: 5 }, &heard, &mut tally);
        let counts = &tally.counts;
        assert_eq!((counts.acknowledged, counts.errors, tally.acknowledged_within), (2, 1, 2));
        assert_eq!((counts.refused["sold-out"], counts.unknown["outcome-unknown"]), (1, 1));
        assert_eq!(tally.latencies.acknowledged.count(), 1, "one request, one latency");
    }
}
