//! Holdfast beside its peers: `cargo run --release -p holdfast-tests --bin compare -- --rounds 5`.
//!
//! The servers that are built here are this same program, started as `compare dev …`, `compare serve …`, `compare bare …`,
//! `compare shop …`: they are built with it and never stale. Each ends when its standard input does, so that it does not outlive
//! a comparison that was killed. Those of others have no such watch: after a SIGKILL they are left behind.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use anyhow::{Context, Result};
use clap::Parser;
use holdfast_tests::compare::{Compare, Floor, Growth, Part, bare, open_files, stack};
use tokio::signal::unix::{SignalKind, signal};

/// Measure Holdfast, a bare handler, its peers and the disk in turn, and tell their ratios.
#[derive(Debug, Parser)]
struct Args {
    /// How often everything is measured.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long each cell is.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// How long batches are sent.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    batch_seconds: u32,
    /// Only these parts; all but the long ones if not given.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Orders that `growth` stores.
    #[arg(long, default_value_t = 10_000_000)]
    stored: u64,
    /// SKUs that `growth` puts on sale.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    skus: u64,
    /// Writes every number into this file.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Half a minute against the bare handler alone: fails if a ratio is under half of the published one.
    #[arg(long, conflicts_with_all = ["only", "json", "rounds", "seconds", "batch_seconds"])]
    floor: bool,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let first = words.first().map(String::as_str);
    if matches!(first, Some("dev" | "bare" | "shop")) {
        end_with_input();
    }
    let ended = match first {
        // `dev` tells its nodes to watch their input.
        Some("dev" | "serve") => return holdfast_node::cli::main(),
        Some("bare") => serve_bare(&words[1..]).map(|()| ExitCode::SUCCESS),
        Some("shop") => serve_shop(&words[1..]).map(|()| ExitCode::SUCCESS),
        _ => compare(&Args::parse()),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// On a thread of its own: a blocking read cannot be given up.
fn end_with_input() {
    thread::spawn(|| {
        _ = io::copy(&mut io::stdin(), &mut io::sink());
        std::process::exit(0);
    });
}

fn serve_bare(words: &[String]) -> Result<()> {
    let [address, workers] = words else { anyhow::bail!("bare ADDRESS WORKERS") };
    Ok(bare::serve(address, workers.parse()?)?)
}

fn serve_shop(words: &[String]) -> Result<()> {
    let [address, redis] = words else { anyhow::bail!("shop ADDRESS REDIS") };
    stack::serve(address, redis.parse()?)
}

#[tokio::main]
async fn compare(args: &Args) -> Result<ExitCode> {
    open_files::raise()?;
    // Looked at before a signal is watched, which changes it.
    let may_hang_up = !ignores_hang_up();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = if may_hang_up { Some(signal(SignalKind::hangup())?) } else { None };
    let without_terminal = async { if let Some(signal) = &mut hang_up { signal.recv().await } else { std::future::pending().await } };
    let work = async { if args.floor { floor().await } else { whole(args).await } };
    // Dropped half-way it ends its servers, waits for them and removes their data, which a signal by itself would not.
    tokio::select! {
        done = work => done,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
        _ = terminate.recv() => anyhow::bail!("terminated"),
        _ = without_terminal => anyhow::bail!("hung up"),
    }
}

/// As `nohup` has it: then the loss of its terminal is no reason to end.
fn ignores_hang_up() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    // SIGHUP is the first signal.
    ignored.is_some_and(|signals| signals & 1 == 1)
}

fn program() -> Result<String> {
    std::env::current_exe()?.into_os_string().into_string().ok().context("this program's path is not text")
}

async fn floor() -> Result<ExitCode> {
    let verdict = Floor { program: program()? }.run().await?;
    print!("{verdict}");
    let lacks = std::env::var_os("CI").is_some() && verdict.is_not_run();
    Ok(if verdict.has_collapsed() || lacks { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn whole(args: &Args) -> Result<ExitCode> {
    let parts = if args.only.is_empty() { Part::USUAL.to_vec() } else { args.only.clone() };
    let (rounds, seconds, batch_seconds) = (args.rounds, args.seconds, args.batch_seconds);
    let growth = Growth { orders: args.stored, skus: args.skus, rounds, seconds };
    let results = Compare { program: program()?, rounds, seconds, batch_seconds, parts: parts.clone(), growth }.run().await?;
    println!("{}\n{}\n{}", results.durabilities(), results.cells(), results.table(&parts));
    if let Some(file) = &args.json {
        std::fs::write(file, results.json(&parts).to_string()).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(if results.broken.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
