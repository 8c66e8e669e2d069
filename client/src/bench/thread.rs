//! The life of one thread of the generator.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;

use super::crew::{Crew, Signals, Source};
use super::lane;
use super::limits::{ANSWER_WITHIN, IDLE_GRAIN, LONGEST_SLEEP, PACE_GRAIN};
use super::machine::{self, ThreadUse};
use super::pacer::Pacer;
use super::schedule::Schedule;
use super::tally::{Tally, Window};
use super::target::Target;
use super::work::Work;

/// How requests leave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pace {
    /// Each connection sends when its answer has come.
    Closed,
    /// So many a second, whatever is answered; so many in all.
    Open { per_second: f64, count: u64 },
}

/// What one thread does.
pub(super) struct Part {
    pub(super) number: usize,
    pub(super) threads: usize,
    /// One for each connection.
    pub(super) targets: Vec<Target>,
    pub(super) pace: Pace,
    pub(super) work: Box<dyn Work>,
    pub(super) signals: Arc<Signals>,
    /// Says how many of its connections stand, once.
    pub(super) ready: mpsc::Sender<io::Result<()>>,
    pub(super) go: watch::Receiver<Option<Window>>,
}

/// What one thread did.
pub(super) struct Done {
    pub(super) tally: Tally,
    pub(super) spent: Spent,
}

/// What one thread used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spent {
    /// While requests left: what tells whether it could keep up.
    pub(super) sending: ThreadUse,
    /// With the wait for the last answers, which may be long and idle: what the answers cost.
    pub(super) whole: ThreadUse,
}

/// Runs it on the calling thread; none if it could not begin, which was said to `ready`.
pub(super) fn run(part: Part) -> Option<Done> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => LocalSet::new().block_on(&runtime, work(part)),
        Err(error) => {
            part.ready.try_send(Err(error)).ok();
            None
        }
    }
}

async fn work(part: Part) -> Option<Done> {
    let Part { number, threads, targets, pace, work, signals, ready, mut go } = part;
    let crew = Rc::new(Crew::new(targets, work, signals));
    let mut pacer = match begin(&crew).await {
        Ok(pacer) => pacer,
        Err(error) => {
            ready.send(Err(error)).await.ok();
            return None;
        }
    };
    ready.send(Ok(())).await.ok()?;
    let window = (*go.wait_for(Option::is_some).await.ok()?)?;
    pacer.sleep(window.start.saturating_duration_since(Instant::now())).await.ok();
    let before = machine::thread_use();
    let source = match pace {
        Pace::Closed => Source::Closed,
        Pace::Open { per_second, count } => Source::Open(Schedule::new(window.start, per_second, count, number, threads)),
    };
    crew.begin(window, source);
    (0..crew.lanes.len()).for_each(|lane| crew.go_on(lane));
    keep_time(&crew, &mut pacer).await.ok();
    let sending = machine::thread_use().since(before);
    wait_for_answers(&crew).await;
    let spent = Spent { sending, whole: machine::thread_use().since(before) };
    Some(Done { tally: crew.finish()?, spent })
}

/// Opens all connections.
async fn begin(crew: &Rc<Crew>) -> io::Result<Pacer> {
    for (number, place) in crew.lanes.iter().enumerate() {
        let stream = lane::connect(&place.target).await;
        let (read, write) =
            stream.map_err(|error| io::Error::other(format!("no connection to {}: {error}", place.target.host)))?.into_split();
        crew.connected(number, write);
        tokio::task::spawn_local(lane::run(Rc::clone(crew), number, read));
    }
    Pacer::new()
}

/// Sends what is due, until nothing more is or may be.
async fn keep_time(crew: &Crew, pacer: &mut Pacer) -> io::Result<()> {
    loop {
        let now = Instant::now();
        crew.send_due();
        if crew.is_over(now) || crew.is_exhausted() {
            return Ok(());
        }
        let pause = match crew.due() {
            None => IDLE_GRAIN * 5,
            // Connections that get their answers take what is due by themselves.
            Some(_) if !crew.has_idle() => IDLE_GRAIN,
            Some(due) => due.saturating_duration_since(Instant::now()).clamp(PACE_GRAIN, LONGEST_SLEEP),
        };
        pacer.sleep(pause).await?;
    }
}

/// Until every request has its answer, or has waited long enough for one.
async fn wait_for_answers(crew: &Crew) {
    let deadline = Instant::now() + ANSWER_WITHIN + Duration::from_millis(500);
    while crew.in_flight() > 0 && Instant::now() < deadline {
        tokio::time::sleep(IDLE_GRAIN).await;
    }
}
