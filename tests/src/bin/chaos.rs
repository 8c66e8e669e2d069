//! Chaos from the command line: `cargo run --release -p holdfast-tests --bin chaos -- --minutes 10`.
//!
//! The nodes are this same program, started as `chaos serve …`, and so is `chaos verify …`: they are built with it and never stale.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use holdfast_tests::chaos::Chaos;
use holdfast_tests::chaos::fault::FaultKind;
use holdfast_tests::chaos::faults;

/// Hurt a real cluster in every way, and judge what its buyers heard.
#[derive(Debug, Parser)]
struct Args {
    /// How long faults are made.
    #[arg(long, default_value_t = 3.0)]
    minutes: f64,
    /// Only these kinds, such as F5,F13; all that this build can make if not given.
    #[arg(long, value_delimiter = ',')]
    only: Vec<FaultKind>,
    /// Repeats the draws of another run.
    #[arg(long)]
    seed: Option<u64>,
    /// Begins with the round of this number.
    #[arg(long, default_value_t = 0)]
    round: u64,
}

fn main() -> ExitCode {
    if std::env::args().nth(1).is_some_and(|first| first == "serve" || first == "verify") {
        #[cfg(feature = "abort-points")]
        if let Some(file) = std::env::var_os(holdfast_tests::cluster::ABORT_FILE)
            && let Err(error) = holdfast_storage::abort::obey(file.into())
        {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
        #[cfg(feature = "planted-bugs")]
        if let Ok(bug) = std::env::var("HOLDFAST_PLANT")
            && !holdfast_inventory::planted::plant_everywhere(&bug)
        {
            eprintln!("error: there is no bug {bug} to plant");
            return ExitCode::FAILURE;
        }
        return holdfast_node::cli::main();
    }
    match chaos(Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn chaos(args: Args) -> Result<ExitCode> {
    let program = std::env::current_exe()?.into_os_string().into_string().ok().context("this program's path is not text")?;
    let (kinds, asked) = if args.only.is_empty() {
        let built = FaultKind::ALL.iter().copied().filter(|kind| faults::never(*kind).is_none());
        (FaultKind::ALL.to_vec(), built.collect())
    } else {
        (args.only.clone(), args.only)
    };
    let seed = args.seed.unwrap_or_else(rand::random);
    let chaos = Chaos { program, lasting: Duration::from_secs_f64(args.minutes * 60.0), kinds, seed, first_round: args.round };
    let tally = chaos.run().await?;
    println!("\nseed {seed}\n{tally}");
    let missing = tally.missing(&asked);
    if !missing.is_empty() {
        println!("asked for and not made: {missing:?}");
    }
    Ok(if tally.is_good(&asked) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
