//! One measurement: threads are started, told to go, watched, and their counts put together.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::crew::Signals;
use super::error::BenchError;
use super::limits::{MAX_CONNECTIONS, MAX_OFFERED, MEMORY_EVERY, TOLD_EVERY};
use super::request::Names;
use super::session::Session;
use super::settings::Progress;
use super::tally::{Tally, Window};
use super::thread::{self, Done, Pace, Part, Spent};
use super::work::Work;
use crate::ClientError;

/// What is to be measured.
#[derive(Clone, Debug)]
pub(super) struct Load {
    /// In words, for who watches.
    pub(super) what: String,
    pub(super) connections: usize,
    pub(super) pace: Pace,
    pub(super) warm_up: Duration,
    /// After the warm-up.
    pub(super) measured: Duration,
}

impl Load {
    /// Refuses to offer more than can be gone through.
    fn bounded(&self) -> Result<(), ClientError> {
        let Pace::Open { per_second, count } = self.pace else { return Ok(()) };
        let offered = (per_second * (self.warm_up + self.measured).as_secs_f64()).min(count as f64);
        if offered <= MAX_OFFERED {
            return Ok(());
        }
        Err(ClientError::Usage { detail: format!("{per_second:.0} requests/s would be {offered:.0} in all: at most {MAX_OFFERED:.0}") })
    }
}

/// What was measured.
pub(super) struct Measured {
    pub(super) tally: Tally,
    pub(super) threads: Vec<Spent>,
    /// From the first request to the last answer.
    pub(super) took: Duration,
    /// Of all nodes.
    pub(super) servers_cpu: Option<Duration>,
    /// Of all nodes together, in bytes.
    pub(super) peak_memory: Option<u64>,
    pub(super) began: Instant,
}

/// Threads that are under way.
struct Crews {
    threads: JoinSet<Option<Done>>,
    signals: Arc<Signals>,
    go: watch::Sender<Option<Window>>,
}

impl Session<'_> {
    /// Measures; `make` gives each thread its work.
    pub(super) async fn measure(&mut self, load: &Load, make: impl Fn(Names) -> Box<dyn Work>) -> Result<Measured, BenchError> {
        load.bounded()?;
        let mut crews = self.start(load, make).await?;
        let cpu_before = self.servers.cpu().await;
        // A moment later, so that all threads wait for it.
        let start = Instant::now() + Duration::from_millis(5);
        let window = Window { start, from: start + load.warm_up, until: start + load.warm_up + load.measured };
        crews.go.send_replace(Some(window));
        let (done, peak_memory) = self.watch(load, window, &mut crews).await?;
        let cpu_after = self.servers.cpu().await;
        let mut tally = Tally::new(window);
        // Where a stop ended it early, that is where it ended.
        tally.window.until = done.iter().map(|thread| thread.tally.window.until).min().unwrap_or(window.until);
        for thread in &done {
            tally.add(&thread.tally);
        }
        let servers_cpu = cpu_before.zip(cpu_after).map(|(before, after)| after.saturating_sub(before));
        let threads = done.iter().map(|thread| thread.spent).collect();
        let took = tally.last_answered.map_or(Duration::ZERO, |last| last.saturating_duration_since(start));
        Ok(Measured { tally, threads, took, servers_cpu, peak_memory, began: start })
    }

    /// Starts the threads; all their connections stand.
    async fn start(&mut self, load: &Load, make: impl Fn(Names) -> Box<dyn Work>) -> Result<Crews, BenchError> {
        let connections = load.connections.clamp(1, MAX_CONNECTIONS);
        let threads = self.settings.threads.min(connections);
        let signals = Signals { stop: AtomicBool::new(false), answered: AtomicU64::new(0), recorder: self.recorder.clone() };
        let (go, told) = watch::channel(None);
        let mut crews = Crews { threads: JoinSet::new(), signals: Arc::new(signals), go };
        let (ready, mut heard) = mpsc::channel::<io::Result<()>>(threads);
        for number in 0..threads {
            let targets = (number..connections).step_by(threads).map(|connection| self.targets[connection % self.targets.len()].clone());
            let part = Part {
                number,
                threads,
                targets: targets.collect(),
                pace: load.pace,
                work: make(self.names()),
                signals: Arc::clone(&crews.signals),
                ready: ready.clone(),
                go: told.clone(),
            };
            crews.threads.spawn_blocking(move || thread::run(part));
        }
        drop(ready);
        for _ in 0..threads {
            let stands = heard.recv().await.unwrap_or_else(|| Err(io::Error::other("a thread ended early")));
            stands.map_err(|error| BenchError::Generator(error.to_string()))?;
        }
        Ok(crews)
    }

    /// Tells how far it is, hears the stop, looks at the nodes' memory; until nothing is sent or awaited any more. Gives what
    /// the threads did, and the most memory that was seen.
    async fn watch(&self, load: &Load, window: Window, crews: &mut Crews) -> Result<(Vec<Done>, Option<u64>), BenchError> {
        let mut tick = interval(MEMORY_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut done, mut peak, mut told, mut heard_stop) = (Vec::new(), None, Instant::now(), false);
        let mut stopped = pin!(self.stopped());
        loop {
            tokio::select! {
                ended = crews.threads.join_next() => match ended {
                    None => return Ok((done, peak)),
                    Some(Ok(Some(thread))) => done.push(thread),
                    Some(Ok(None)) => return Err(BenchError::Generator("a thread ended early".into())),
                    Some(Err(error)) => return Err(BenchError::Generator(error.to_string())),
                },
                () = &mut stopped, if !heard_stop => {
                    heard_stop = true;
                    crews.signals.stop.store(true, Ordering::Relaxed);
                }
                _ = tick.tick() => peak = peak.max(self.servers.memory()),
            }
            if told.elapsed() >= TOLD_EVERY {
                told = Instant::now();
                self.tell(load, window, crews);
            }
        }
    }

    fn tell(&self, load: &Load, window: Window, crews: &Crews) {
        let whole = (window.until - window.start).as_secs_f64().max(1e-9);
        let done = (window.start.elapsed().as_secs_f64() / whole).min(1.0);
        self.watcher.measures(&Progress { what: &load.what, done, answered: crews.signals.answered.load(Ordering::Relaxed) });
    }
}
