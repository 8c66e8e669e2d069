//! Keeps every call for the oracle.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use holdfast_api::{BatchAnswer, BatchResult};

use super::answer::Answer;
use super::limits::MAX_CHECKED_CALLS;
use super::work::Heard;
use crate::oracle::{self, Asked, Call, History, Line, Step};

/// What was recorded.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) history: History,
    /// Answers that break the contract, the first few in words.
    pub(super) oddities: Vec<String>,
    pub(super) odd: usize,
}

/// Keeps calls of all threads.
#[derive(Debug)]
pub(super) struct Recorder {
    began: Instant,
    book: Mutex<Book>,
    full: AtomicBool,
}

impl Recorder {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), book: Mutex::default(), full: AtomicBool::new(false) }
    }

    /// Whether no more calls may be made: what is not recorded would look like an order that nobody asked for.
    pub(super) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn micros(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.began).as_micros()).unwrap_or(u64::MAX)
    }

    /// A single order of one unit.
    pub(super) fn order(&self, key: &str, buyer: &str, sku: &str, heard: &Heard<'_>) {
        let mut book = self.book();
        let asked = book.asked(key, buyer, sku);
        let answer = heard.answer.map(|answer| oracle::Answer { status: answer.status, replayed: answer.replayed, body: answer.body });
        self.keep(&mut book, asked, answer, heard);
    }

    /// A batch: each order is a call of its own that began and ended with it.
    pub(super) fn batch(&self, orders: Vec<(String, String)>, sku: &str, heard: &Heard<'_>) {
        let told = heard.answer.filter(Answer::is_yes).and_then(|answer| serde_json::from_slice::<BatchAnswer>(answer.body).ok());
        let mut results = told.map(|told| told.results.into_iter());
        let mut book = self.book();
        for (key, buyer) in orders {
            let asked = book.asked(&key, &buyer, sku);
            let result = results.as_mut().and_then(Iterator::next).and_then(|result| match result {
                BatchResult::Order(order) => Some((201, serde_json::to_vec(&order).ok()?)),
                BatchResult::Problem(problem) => Some((problem.status, serde_json::to_vec(&problem).ok()?)),
            });
            let whole = heard.answer.map(|answer| oracle::Answer { status: answer.status, replayed: false, body: answer.body });
            let answer = match &result {
                Some((status, body)) => Some(oracle::Answer { status: *status, replayed: false, body }),
                // A problem of the whole request is one of each of its orders.
                None => whole,
            };
            self.keep(&mut book, asked, answer, heard);
        }
    }

    pub(super) fn step(&self, order: &str, step: Step, heard: &Heard<'_>) {
        let mut book = self.book();
        let asked = Asked::Step { order: book.history.names.number(order), step };
        self.keep_plain(&mut book, asked, heard);
    }

    pub(super) fn read(&self, order: &str, heard: &Heard<'_>) {
        let mut book = self.book();
        let asked = Asked::Read { order: book.history.names.number(order) };
        self.keep_plain(&mut book, asked, heard);
    }

    /// A linearizable look at a SKU.
    pub(super) fn look(&self, sku: &str, heard: &Heard<'_>) {
        let mut book = self.book();
        let asked = Asked::Look { sku: book.history.names.number(sku) };
        self.keep_plain(&mut book, asked, heard);
    }

    fn keep_plain(&self, book: &mut Book, asked: Asked, heard: &Heard<'_>) {
        let answer = heard.answer.map(|answer| oracle::Answer { status: answer.status, replayed: answer.replayed, body: answer.body });
        self.keep(book, asked, answer, heard);
    }

    fn keep(&self, book: &mut Book, asked: Asked, answer: Option<oracle::Answer<'_>>, heard: &Heard<'_>) {
        let read = answer.map(|answer| answer.read(asked, &mut book.history.names));
        if let Some(oddity) = read.as_ref().and_then(|read| read.oddity.clone()) {
            book.odd += 1;
            if book.oddities.len() < 10 {
                book.oddities.push(oddity);
            }
        }
        let (began_us, ended_us) = (self.micros(heard.times.began), self.micros(heard.times.ended));
        let told = read.map_or(oracle::Heard::Nothing, |read| read.heard);
        book.history.record(Call { began_us, ended_us, node: heard.node, asked, heard: told });
        if book.history.calls().len() >= MAX_CHECKED_CALLS {
            self.full.store(true, Ordering::Relaxed);
        }
    }
}

impl Book {
    fn asked(&mut self, key: &str, buyer: &str, sku: &str) -> Asked {
        let names = &mut self.history.names;
        let (key, buyer, sku) = (names.number(key), names.number(buyer), names.number(sku));
        let body = self.history.body(buyer, &[Line { sku, units: 1 }], false);
        Asked::Order { key, body, apply_before: None }
    }
}
