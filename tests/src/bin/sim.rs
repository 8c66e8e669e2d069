//! Simulates the protocol, seed by seed, and says what it came to. Exits with 1 at a violation.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use clap::Parser;
use holdfast_tests::sim::{regressions, runner};

#[derive(Parser)]
#[command(about = "Simulates the protocol under faults, one run for each seed.")]
struct Options {
    /// How many seeds.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Only this one, told step by step.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    // A panic is told with its seed, as any violation.
    std::panic::set_hook(Box::new(|_| {}));
    if let Some(seed) = options.seed {
        print!("{}", runner::told(seed));
        return exit(runner::fails(seed));
    }
    for (seed, found) in regressions::SEEDS {
        if runner::fails(*seed) {
            println!("{}which once found: {found}", runner::told(*seed));
            return exit(true);
        }
    }
    let progress = Progress { of: options.seeds, began: Instant::now(), told: Mutex::new(Instant::now()) };
    let summary = runner::run_many(options.from, options.seeds, |done| progress.tell(done));
    eprint!("\r\x1b[K");
    print!("{}", summary.report());
    for missing in summary.tally.missing() {
        println!("never: {missing}");
    }
    if let Some(failed) = &summary.failed {
        print!("\n{}", runner::told(failed.seed));
    }
    exit(summary.failed.is_some())
}

fn exit(failed: bool) -> ExitCode {
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// One line on standard error, written anew.
struct Progress {
    of: u64,
    began: Instant,
    told: Mutex<Instant>,
}

impl Progress {
    fn tell(&self, done: u64) {
        let Ok(mut told) = self.told.try_lock() else { return };
        if told.elapsed().as_millis() < 200 {
            return;
        }
        *told = Instant::now();
        let rate = done as f64 / self.began.elapsed().as_secs_f64();
        let bar = "█".repeat(usize::try_from(done * 30 / self.of.max(1)).unwrap_or_default());
        eprint!("\r\x1b[K{bar:<30} {done} of {} seeds, {rate:.0}/s", self.of);
        std::io::stderr().flush().unwrap_or_default();
    }
}
