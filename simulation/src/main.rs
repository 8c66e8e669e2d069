//! Runs seeds, and tells what does not hold.

use std::time::Instant;

use anyhow::{Result, bail};
use clap::Parser;
use holdfast_simulation::{Counts, Planted, plant, run};

/// Simulates whole nodes, seed by seed.
#[derive(Parser)]
struct Options {
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Only this seed, with its trace on standard output.
    #[arg(long)]
    seed: Option<u64>,
    /// Plants this bug of a disk first.
    #[arg(long)]
    plant: Option<String>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if std::env::var_os("HOLDFAST_LOG").is_some() {
        let filter = tracing_subscriber::EnvFilter::from_env("HOLDFAST_LOG");
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time().init();
    }
    if let Some(name) = &options.plant {
        let Some(bug) = Planted::ALL.into_iter().find(|bug| format!("{bug:?}") == *name) else {
            bail!("{name} is none of {:?}", Planted::ALL);
        };
        plant(Some(bug));
    }
    if let Some(seed) = options.seed {
        let outcome = run(seed, true);
        print!("{}", outcome.text);
        println!("seed {seed}: {} trace {:016x}, {} lines", outcome.counts, outcome.hash, outcome.lines);
        return judge(u64::from(!outcome.violations.is_empty()));
    }
    let (began, mut counts, mut bad) = (Instant::now(), Counts::default(), 0);
    for seed in options.from..options.from + options.seeds {
        let outcome = run(seed, false);
        counts.add(&outcome.counts);
        if !outcome.violations.is_empty() {
            bad += 1;
            println!("seed {seed}: {}", outcome.violations.join("\n  "));
        }
    }
    print!("{counts}");
    println!("{} seeds in {:.1} s, {bad} with violations", options.seeds, began.elapsed().as_secs_f64());
    judge(bad)
}

fn judge(bad: u64) -> Result<()> {
    if bad > 0 {
        bail!("{bad} seeds with violations");
    }
    Ok(())
}
