//! What happened, in order, with the time at which it did: two runs of one seed must not differ in a byte of it.

use std::cell::RefCell;
use std::fmt;
use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;

/// Everything that was told.
#[derive(Default)]
pub struct Trace {
    text: String,
    hash: DefaultHasher,
    lines: u64,
    keeps: bool,
    now: Duration,
}

thread_local! {
    static TRACE: RefCell<Trace> = RefCell::default();
}

/// Begins a trace on this thread, with its text if `keeps`.
pub(crate) fn begin(keeps: bool) {
    TRACE.set(Trace { keeps, ..Trace::default() });
}

/// Tells what the time is, for what happens outside of all nodes.
pub(crate) fn set_now(now: Duration) {
    TRACE.with_borrow_mut(|trace| trace.now = now);
}

/// Simulated time.
pub(crate) fn now() -> Duration {
    turmoil::sim_elapsed().unwrap_or_else(|| TRACE.with_borrow(|trace| trace.now))
}

/// Adds a line.
pub(crate) fn tell(what: fmt::Arguments<'_>) {
    let at = now().as_micros();
    TRACE.with_borrow_mut(|trace| {
        let line = format!("{at} {what}\n");
        trace.hash.write(line.as_bytes());
        trace.lines += 1;
        if trace.keeps {
            trace.text.push_str(&line);
        }
    });
}

/// A short hash of bytes, for a line about them.
pub(crate) fn hash_of(bytes: &[u8]) -> u64 {
    let mut hash = DefaultHasher::new();
    hash.write(bytes);
    hash.finish()
}

/// Ends the trace: its hash, the number of its lines, and its text if it was kept.
pub(crate) fn end() -> (u64, u64, String) {
    let trace = TRACE.take();
    (trace.hash.finish(), trace.lines, trace.text)
}

/// The first line at which two traces differ, with its number.
#[must_use]
pub fn difference(one: &str, two: &str) -> Option<String> {
    if one == two {
        return None;
    }
    let at = one.lines().zip(two.lines()).position(|(one, two)| one != two);
    let at = at.unwrap_or_else(|| one.lines().count().min(two.lines().count()));
    let line = |text: &str| text.lines().nth(at).unwrap_or("nothing").to_owned();
    Some(format!("line {at}: {}\nline {at}: {}\n", line(one), line(two)))
}
