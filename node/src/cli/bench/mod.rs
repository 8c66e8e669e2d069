//! `holdfast bench`: how much a cluster takes, and how fast it answers.

mod progress;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use holdfast_client::api::limits::{MAX_BATCH_ORDERS, MAX_STOCK};
use holdfast_client::bench::limits::{AMPLE_STOCK, LADDER_TOP, MAX_CONNECTIONS, MAX_FLASH_REQUESTS, MAX_SECONDS, MAX_SKUS, MAX_THREADS};
use holdfast_client::bench::{self, BenchError, Mix, Mode, Report, Settings, Shares};
use tokio::sync::watch;

use self::progress::Progress;
use super::endpoints::Endpoints;
use super::failure::Failure;
use super::{output, stop};
use crate::descriptors;

/// Load a cluster and measure it: how many orders it takes, how fast, and whether it stays right.
///
/// Makes SKUs of its own, bench-…, and closes them at the end; their orders stay in the cluster's books. Everything is bounded
/// in time, and Ctrl-C ends it with what was measured so far.
#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Closed loop with 1, 2, 4 … connections until two doublings gain less than 3 %: the plateau.
    Ladder(LadderArgs),
    /// Open loop at shares of the plateau: latency from when each request should have left.
    Rate(RateArgs),
    /// Sales that begin all at once, at up to ten times the plateau, with stock for a part of the requests.
    Flash(FlashArgs),
    /// A shop's mixture: orders that are confirmed, released or expire, repetitions and reads, of one hot SKU or many.
    Mix(MixArgs),
    /// Batches of 1 to 8,192 orders in a request.
    Batch(BatchArgs),
}

/// What every mode takes.
#[derive(Clone, Debug, Args)]
struct Common {
    /// Each point is measured for so many seconds.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=MAX_SECONDS))]
    seconds: u64,
    /// Threads of the generator.
    #[arg(long, default_value_t = 1, value_parser = threads)]
    threads: usize,
    /// How long orders are held, in milliseconds; 0: bought at once. As the cluster is configured if not given.
    #[arg(long, value_name = "MS")]
    hold_ms: Option<u64>,
    /// Process ids of the nodes, whose processor time and memory are shown; found by themselves if they run here.
    #[arg(long, value_delimiter = ',', value_name = "PID")]
    pids: Vec<u32>,
    /// Record every call, read the change feed, and let the oracle judge both: a violation is exit code 1. Costs memory and speed.
    #[arg(long)]
    check: bool,
    /// Also write a page with plots, which needs nothing beside it.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    #[command(flatten)]
    endpoints: Endpoints,
}

#[derive(Debug, Args)]
struct LadderArgs {
    /// Most connections.
    #[arg(long, default_value_t = LADDER_TOP, value_parser = connections)]
    connections: usize,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct RateArgs {
    /// Requests a second at the plateau; a ladder of one-second rungs finds it if not given.
    #[arg(long, value_name = "RATE", value_parser = rate)]
    plateau: Option<f64>,
    /// Shares of the plateau, in percent.
    #[arg(long, value_delimiter = ',', value_name = "PERCENT", default_values_t = (1..=12).map(|tenth| tenth * 10), value_parser = clap::value_parser!(u32).range(1..=1_000))]
    at: Vec<u32>,
    /// Connections; a request that is due while none is free waits for one.
    #[arg(long, default_value_t = 1_024, value_parser = connections)]
    connections: usize,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct FlashArgs {
    /// Requests a second at the plateau; a ladder of one-second rungs finds it if not given.
    #[arg(long, value_name = "RATE", value_parser = rate)]
    plateau: Option<f64>,
    /// Requests of each sale; as many as the plateau answers in --seconds if not given.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=MAX_FLASH_REQUESTS))]
    requests: Option<u64>,
    /// Stock of each sale, as a share of its requests, in percent.
    #[arg(long, value_delimiter = ',', value_name = "PERCENT", default_values_t = [1.0, 10.0, 100.0], value_parser = percent)]
    stock: Vec<f64>,
    /// Connections.
    #[arg(long, default_value_t = 1_024, value_parser = connections)]
    connections: usize,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct MixArgs {
    /// SKUs: 1 is a hot one.
    #[arg(long, default_value_t = 100, value_parser = skus)]
    skus: usize,
    /// Exponent of Zipf's law over the SKUs: 0 is all alike.
    #[arg(long, default_value_t = 1.0, value_parser = exponent)]
    zipf: f64,
    /// Units of each SKU.
    #[arg(long, default_value_t = AMPLE_STOCK, value_parser = clap::value_parser!(u64).range(0..=MAX_STOCK))]
    stock: u64,
    /// Of a hundred accepted orders, those that are confirmed.
    #[arg(long, default_value_t = 60, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=100))]
    confirm: u32,
    /// Of a hundred accepted orders, those that are released; the others are left to expire.
    #[arg(long, default_value_t = 20, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=100))]
    release: u32,
    /// Of a hundred requests, orders that are sent once more under their key although they were accepted.
    #[arg(long, default_value_t = 2, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=100))]
    duplicates: u32,
    /// Of a hundred requests, reads of an order or of what a SKU has left.
    #[arg(long, default_value_t = 20, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=100))]
    reads: u32,
    /// Connections.
    #[arg(long, default_value_t = 100, value_parser = connections)]
    connections: usize,
    /// Requests a second, whatever is answered; each connection waits for its answer if not given.
    #[arg(long, value_parser = rate)]
    rate: Option<f64>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct BatchArgs {
    /// Orders in a batch.
    #[arg(long, value_delimiter = ',', value_name = "ORDERS", default_values_t = [1, 4, 16, 64, 256, 1_024, 4_096, 8_192], value_parser = clap::value_parser!(u64).range(1..=MAX_BATCH_ORDERS as u64))]
    sizes: Vec<u64>,
    /// Connections, each with one batch under way.
    #[arg(long, default_value_t = 4, value_parser = connections)]
    connections: usize,
    #[command(flatten)]
    common: Common,
}

impl BenchArgs {
    pub(super) fn json(&self) -> bool {
        self.action.common().endpoints.json
    }
}

/// Measures, and shows what was found.
pub(super) async fn run(args: BenchArgs) -> Result<(), Failure> {
    let common = args.action.common().clone();
    let mode = args.action.mode()?;
    if let Some(file) = &common.report {
        // Before anything is measured in vain.
        std::fs::OpenOptions::new().create(true).append(true).open(file).map_err(|error| unwritten(file, &error))?;
    }
    // A connection is a file.
    descriptors::raise();
    let stop = stop::on_signal()?;
    let (told, heard) = watch::channel(false);
    tokio::spawn(async move {
        stop.cancelled().await;
        told.send_replace(true);
        // Held for as long as anybody may ask.
        std::future::pending::<()>().await;
    });
    let settings = common.settings();
    let progress = Progress::new();
    let report = bench::run(&settings, &mode, &progress, heard).await;
    progress.clear();
    let report = report?;
    if common.endpoints.json {
        output::json(&report)?;
    } else {
        show(&report)?;
    }
    if let Some(file) = &common.report {
        std::fs::write(file, report.page()).map_err(|error| unwritten(file, &error))?;
    }
    match report.violations.first() {
        None => Ok(()),
        Some(first) => Err(Failure::Unsound(format!("{} violations: {first}", report.violations.len()))),
    }
}

fn unwritten(file: &Path, error: &io::Error) -> Failure {
    Failure::Failed(format!("the report can't be written to {}: {error}", file.display()))
}

fn show(report: &Report) -> Result<(), Failure> {
    if let Some(plateau) = report.plateau {
        let at = plateau.connections.map(|connections| format!(" with {connections} connections")).unwrap_or_default();
        output::line(&format!("plateau: {:.0} orders/s{at}", plateau.per_second))?;
    }
    for (_, table) in report.tables() {
        output::line(&format!("\n{table}"))?;
    }
    if let Some(check) = &report.check {
        let (calls, orders) = (check.calls, check.orders);
        output::line(&format!("\nchecked: {calls} calls against {orders} orders of the ledger, {} violations", report.violations.len()))?;
    }
    report.notes.iter().try_for_each(|note| output::line(&format!("note: {note}")))?;
    if report.interrupted { output::line("note: it was stopped before it was done") } else { Ok(()) }
}

impl Action {
    fn common(&self) -> &Common {
        match self {
            Self::Ladder(args) => &args.common,
            Self::Rate(args) => &args.common,
            Self::Flash(args) => &args.common,
            Self::Mix(args) => &args.common,
            Self::Batch(args) => &args.common,
        }
    }

    fn mode(self) -> Result<Mode, Failure> {
        Ok(match self {
            Self::Ladder(args) => Mode::Ladder { most: args.connections },
            Self::Rate(args) => Mode::Rate { plateau: args.plateau, percents: args.at, connections: args.connections },
            Self::Flash(args) => {
                Mode::Flash { plateau: args.plateau, requests: args.requests, percents: args.stock, connections: args.connections }
            }
            Self::Mix(args) => Mode::Mix(args.mix()?),
            Self::Batch(args) => Mode::Batch { sizes: args.sizes, connections: args.connections },
        })
    }
}

impl MixArgs {
    fn mix(&self) -> Result<Mix, Failure> {
        for (one, other, what) in
            [(self.confirm, self.release, "--confirm and --release"), (self.duplicates, self.reads, "--duplicates and --reads")]
        {
            if one + other > 100 {
                return Err(Failure::Usage(format!("{what} are shares of one hundred: {one} and {other} are too many")));
            }
        }
        let shares = Shares { confirm: self.confirm, release: self.release, duplicates: self.duplicates, reads: self.reads };
        let Self { skus, zipf, stock, connections, rate, .. } = *self;
        Ok(Mix { skus, exponent: zipf, stock, shares, connections, rate })
    }
}

impl Common {
    fn settings(&self) -> Settings {
        Settings {
            nodes: self.endpoints.config(),
            threads: self.threads,
            measured: Duration::from_secs(self.seconds),
            pids: self.pids.clone(),
            hold_ttl_ms: self.hold_ms,
            check: self.check,
        }
    }
}

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Self {
        match error {
            BenchError::Client(error) => Self::Client(error),
            error => Self::Failed(error.to_string()),
        }
    }
}

fn connections(text: &str) -> Result<usize, String> {
    within(text, MAX_CONNECTIONS)
}

fn threads(text: &str) -> Result<usize, String> {
    within(text, MAX_THREADS)
}

fn skus(text: &str) -> Result<usize, String> {
    within(text, MAX_SKUS)
}

fn within(text: &str, most: usize) -> Result<usize, String> {
    text.parse().ok().filter(|number| (1..=most).contains(number)).ok_or_else(|| format!("must be 1 to {most}"))
}

fn rate(text: &str) -> Result<f64, String> {
    between(text, 1.0, 1e9)
}

fn percent(text: &str) -> Result<f64, String> {
    between(text, 0.001, 1_000.0)
}

fn exponent(text: &str) -> Result<f64, String> {
    between(text, 0.0, 10.0)
}

fn between(text: &str, least: f64, most: f64) -> Result<f64, String> {
    text.parse().ok().filter(|number| (least..=most).contains(number)).ok_or_else(|| format!("must be a number from {least} to {most}"))
}
