//! One thread of the generator: its connections, and who of them sends next.
//!
//! Everything happens on one thread, so that a request costs one write, one read and no lock. A connection that got its
//! answer sends the next request at once, if one is due; an open loop's clock sends over connections that wait.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use tokio::net::tcp::OwnedWriteHalf;

use super::limits::{LATE_SEND, READ_BYTES};
use super::recorder::Recorder;
use super::schedule::Schedule;
use super::tally::{Tally, Times, Window};
use super::target::Target;
use super::work::{Ask, Heard, Work};

/// When the next request leaves.
#[derive(Debug)]
pub(super) enum Source {
    /// As soon as a connection is free.
    Closed,
    /// At its time.
    Open(Schedule),
}

/// What the threads of a measurement share.
#[derive(Debug)]
pub(super) struct Signals {
    /// No more requests.
    pub(super) stop: AtomicBool,
    /// Requests answered so far, for who watches.
    pub(super) answered: AtomicU64,
    pub(super) recorder: Option<Arc<Recorder>>,
}

/// A connection's place.
pub(super) struct Lane {
    pub(super) target: Target,
    write: RefCell<Option<Rc<OwnedWriteHalf>>>,
    flight: RefCell<Option<Flight>>,
}

/// A request that waits for its answer.
struct Flight {
    ask: Ask,
    intended: Instant,
    began: Instant,
}

/// The thread's state. Nothing of it is borrowed across an await.
pub(super) struct Crew {
    pub(super) lanes: Vec<Lane>,
    pub(super) signals: Arc<Signals>,
    /// What any connection has just read.
    pub(super) read: RefCell<Box<[u8]>>,
    work: RefCell<Box<dyn Work>>,
    running: OnceCell<Running>,
    idle: RefCell<VecDeque<usize>>,
    out: RefCell<Vec<u8>>,
    in_flight: Cell<usize>,
}

/// What is known when it begins.
struct Running {
    window: Window,
    source: RefCell<Source>,
    tally: RefCell<Tally>,
}

impl Crew {
    pub(super) fn new(targets: Vec<Target>, work: Box<dyn Work>, signals: Arc<Signals>) -> Self {
        let lane = |target| Lane { target, write: RefCell::default(), flight: RefCell::default() };
        Self {
            lanes: targets.into_iter().map(lane).collect(),
            signals,
            read: RefCell::new(vec![0; READ_BYTES].into()),
            work: RefCell::new(work),
            running: OnceCell::new(),
            idle: RefCell::default(),
            out: RefCell::default(),
            in_flight: Cell::new(0),
        }
    }

    /// From now on requests may leave.
    pub(super) fn begin(&self, window: Window, source: Source) {
        let running = Running { window, source: RefCell::new(source), tally: RefCell::new(Tally::new(window)) };
        if self.running.set(running).is_err() {
            tracing::error!("a crew began twice");
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.get()
    }

    /// Whether no request may leave any more.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.is_told_to_stop() || self.running.get().is_some_and(|running| now >= running.window.until)
    }

    /// A connection stands.
    pub(super) fn connected(&self, lane: usize, write: OwnedWriteHalf) {
        *self.lanes[lane].write.borrow_mut() = Some(Rc::new(write));
    }

    /// A connection could not be opened.
    pub(super) fn note_unconnected(&self) {
        if let Some(running) = self.running.get() {
            running.tally.borrow_mut().counts.errors += 1;
        }
    }

    /// The connection sends the next request if there is one for it, and waits otherwise.
    pub(super) fn go_on(&self, lane: usize) {
        if !self.send(lane, false) {
            self.idle.borrow_mut().push_back(lane);
        }
    }

    /// Sends all that is due over connections that wait. What is due and finds none stays due.
    pub(super) fn send_due(&self) {
        while let Some(lane) = self.pop_idle() {
            if !self.send(lane, true) {
                self.idle.borrow_mut().push_front(lane);
                return;
            }
        }
    }

    /// The one that waited longest, so that all are in use: a node closes a connection that says nothing for some seconds, and hundreds at
    /// once that were opened together.
    fn pop_idle(&self) -> Option<usize> {
        self.idle.borrow_mut().pop_front()
    }

    pub(super) fn has_idle(&self) -> bool {
        !self.idle.borrow().is_empty()
    }

    /// Whether all requests of an open loop have left.
    pub(super) fn is_exhausted(&self) -> bool {
        self.running.get().is_some_and(|running| matches!(&*running.source.borrow(), Source::Open(schedule) if schedule.due().is_none()))
    }

    /// When the next request is due; none if it is whenever a connection is free.
    pub(super) fn due(&self) -> Option<Instant> {
        match &*self.running.get()?.source.borrow() {
            Source::Closed => None,
            Source::Open(schedule) => schedule.due(),
        }
    }

    /// Sends the next request over `lane`, if one may leave. `waited` tells that the connection was free before it was due, so
    /// that whatever it is late is this program's doing.
    fn send(&self, lane: usize, waited: bool) -> bool {
        let Some(running) = self.running.get() else { return false };
        let now = Instant::now();
        let Some(intended) = self.take(running, now) else { return false };
        let place = &self.lanes[lane];
        let mut out = self.out.borrow_mut();
        out.clear();
        let ask = self.work.borrow_mut().next(now, &place.target.host, &mut out);
        let mut tally = running.tally.borrow_mut();
        tally.note_sent(intended, now);
        if waited {
            tally.lag.record(now - intended);
        }
        *place.flight.borrow_mut() = Some(Flight { ask, intended, began: now });
        self.in_flight.set(self.in_flight.get() + 1);
        place.write(&out);
        true
    }

    /// When the next request should leave, if it may leave now.
    fn take(&self, running: &Running, now: Instant) -> Option<Instant> {
        let end = running.window.until;
        match &mut *running.source.borrow_mut() {
            Source::Closed => (!self.is_over(now)).then_some(now),
            // What was due just before the end leaves a moment after it: its time is its own, and nothing later is due.
            Source::Open(schedule) if !self.is_told_to_stop() && now < end + LATE_SEND => schedule.take(now, end),
            Source::Open(_) => None,
        }
    }

    fn is_told_to_stop(&self) -> bool {
        self.signals.stop.load(Ordering::Relaxed) || self.signals.recorder.as_ref().is_some_and(|recorder| recorder.is_full())
    }

    /// When the request on `lane` left.
    pub(super) fn began(&self, lane: usize) -> Option<Instant> {
        self.lanes[lane].flight.borrow().as_ref().map(|flight| flight.began)
    }

    /// What came of the request on `lane`; none: it is lost.
    pub(super) fn heard(&self, lane: usize, answer: Option<super::answer::Answer<'_>>, is_nonsense: bool) {
        let (place, running) = (&self.lanes[lane], self.running.get());
        let (Some(flight), Some(running)) = (place.flight.borrow_mut().take(), running) else { return };
        self.in_flight.set(self.in_flight.get() - 1);
        let times = Times { intended: flight.intended, began: flight.began, ended: Instant::now() };
        let heard = Heard { answer, is_nonsense, times, node: place.target.node };
        self.work.borrow_mut().heard(flight.ask, &heard, &mut running.tally.borrow_mut());
        self.signals.answered.fetch_add(1, Ordering::Relaxed);
    }

    /// The connection of `lane` is gone, with the request on it if there was one.
    pub(super) fn lost(&self, lane: usize, is_nonsense: bool) {
        self.lanes[lane].write.borrow_mut().take();
        self.idle.borrow_mut().retain(|waiting| *waiting != lane);
        self.heard(lane, None, is_nonsense);
    }

    /// Everything that was counted. What has no answer yet has none, and what was due and did not leave is told.
    pub(super) fn finish(&self) -> Option<Tally> {
        for lane in 0..self.lanes.len() {
            self.heard(lane, None, false);
        }
        let running = self.running.get()?;
        let mut tally = running.tally.borrow_mut();
        // Who was told to stop did not fail to send the rest.
        let end = if self.signals.stop.load(Ordering::Relaxed) { Instant::now() } else { running.window.until }.min(running.window.until);
        tally.window.until = end;
        if let Source::Open(schedule) = &mut *running.source.borrow_mut() {
            schedule.left_before(end).for_each(|intended| tally.note_unsent(intended));
        }
        Some(tally.clone())
    }
}

impl Lane {
    /// Writes at once what the socket takes; a task writes the rest. A connection that fails is found out by who reads it.
    fn write(&self, bytes: &[u8]) {
        let Some(write) = self.write.borrow().clone() else { return };
        let written = write.try_write(bytes).unwrap_or(0);
        if written < bytes.len() {
            tokio::task::spawn_local(write_rest(write, bytes[written..].to_vec()));
        }
    }
}

async fn write_rest(write: Rc<OwnedWriteHalf>, bytes: Vec<u8>) -> std::io::Result<()> {
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        write.writable().await?;
        match write.try_write(rest) {
            Ok(written) => rest = &rest[written..],
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
