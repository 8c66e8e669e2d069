//! Many seeds, on all cores; and what is told of them.

use std::fmt::Write;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Fault, Operation, Run, Seen, Tally, run};

/// Lines of the trace that a report shows.
const LAST_LINES: usize = 60;

/// What came of many seeds.
#[derive(Debug, Default)]
pub struct Summary {
    /// Seeds run to their end.
    pub seeds: u64,
    /// Everything that happened, added up.
    pub tally: Tally,
    /// The failing run with the lowest seed, if one failed.
    pub failed: Option<Run>,
    /// How long it took.
    pub took: Duration,
}

/// Runs the seeds from `from` on, `count` of them, and stops at the first violation. `progress` is told now and then how many
/// are done.
pub fn run_many(from: u64, count: u64, progress: impl Fn(u64) + Sync) -> Summary {
    let began = Instant::now();
    let next = AtomicU64::new(0);
    let summary = Mutex::new(Summary::default());
    let work = || {
        let mut own = Summary::default();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= count {
                break;
            }
            let run = run(from.wrapping_add(at), false);
            own.seeds += 1;
            own.tally.add(&run.tally);
            if run.violation.is_some() {
                // What others have begun is finished: of several failures the lowest seed is told.
                next.store(count, Ordering::Relaxed);
                own.failed = Some(run);
                break;
            }
            if at.is_multiple_of(64) {
                progress(at);
            }
        }
        let mut all = summary.lock().unwrap_or_else(PoisonError::into_inner);
        all.seeds += own.seeds;
        all.tally.add(&own.tally);
        let lowest = |run: &Run| run.seed;
        all.failed = [all.failed.take(), own.failed].into_iter().flatten().min_by_key(lowest);
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(work);
        }
    });
    let mut summary = summary.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary.took = began.elapsed();
    summary
}

/// A failing seed, told for people: run once more, with a trace.
pub fn told(seed: u64) -> String {
    let run = run(seed, true);
    let mut text = String::new();
    let lines = run.trace.lines();
    let mut line = |words: &str| writeln!(text, "{words}").unwrap_or_default();
    if let Some(plan) = lines.first() {
        line(plan);
    }
    for words in lines.iter().skip(1.max(lines.len().saturating_sub(LAST_LINES))) {
        line(words);
    }
    line("");
    for words in &run.state {
        line(words);
    }
    line("");
    match &run.violation {
        Some(violation) => line(&format!("seed {seed}: {violation}")),
        None => line(&format!("seed {seed}: nothing is wrong")),
    }
    line(&format!("repeat it: cargo run --release -p holdfast-tests --bin sim -- --seed {seed}"));
    text
}

impl Summary {
    /// As a report: how much was done, what went wrong how often, which situations came up in how many runs.
    pub fn report(&self) -> String {
        let mut text = String::new();
        let seconds = self.took.as_secs_f64().max(1e-9);
        let tally = &self.tally;
        let mut line = |words: String| writeln!(text, "{words}").unwrap_or_default();
        line(format!("{} seeds in {seconds:.1} s, {:.0} a second", self.seeds, self.seeds as f64 / seconds));
        line(format!(
            "{} steps, {} log entries; {} answers acknowledged, {} refused, {} fates unheard",
            tally.steps, tally.entries, tally.acknowledged, tally.refused, tally.unknown
        ));
        line("operations".into());
        for &it in Operation::ALL {
            line(format!("  {:>10}  {}", tally.operations(it), it.words()));
        }
        line("faults".into());
        for &it in Fault::ALL {
            line(format!("  {:>10}  {}", tally.faults(it), it.words()));
        }
        line("runs that came to".into());
        for &it in Seen::ALL {
            line(format!("  {:>10}  {}", tally.runs_with(it), it.words()));
        }
        text
    }
}

/// Whether a seed fails.
pub fn fails(seed: u64) -> bool {
    run(seed, false).violation.is_some()
}
