//! The command line: one program for nodes, operators and buyers.
//!
//! Each subcommand is a file: its arguments and what it does. What people read goes to standard output, aligned; what went
//! wrong goes to standard error; `--json` gives the contract's own JSON instead. The exit code is [`Exit`]'s.

mod bench;
mod buy;
mod dev;
mod endpoints;
mod failure;
mod order;
mod output;
mod reference;
mod serve;
mod sku;
mod status;
mod stop;
#[cfg(test)]
mod tests;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use holdfast_storage::Disk;

use crate::exit::Exit;
use crate::{last_resort, log};
use failure::Failure;
pub use reference::reference;

/// Inventory for flash sales on a Raft cluster: never oversold, nothing stranded, no acknowledged order lost.
#[derive(Debug, Parser)]
#[command(name = "holdfast", version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a whole cluster on this machine, to try it out.
    Dev(dev::DevArgs),
    /// Run one node.
    Serve(serve::ServeArgs),
    /// Create, look at and change what is sold.
    Sku(sku::SkuArgs),
    /// Place one order.
    Buy(buy::BuyArgs),
    /// Look at orders and finish them.
    Order(order::OrderArgs),
    /// Show members, leader, lag, slices and alarms.
    Status(status::StatusArgs),
    /// Load a cluster and measure it.
    Bench(bench::BenchArgs),
    /// Check a stopped node's data, or running nodes against each other.
    Verify(verify::VerifyArgs),
}

/// Runs the program as its arguments say.
pub fn main() -> ExitCode {
    main_on(Disk::default())
}

/// The same; a node that it runs has its data on `disk`, which a test can make fail or hang.
pub fn main_on(disk: Disk) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error).into(),
    };
    let json = cli.command.json();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = match &runtime {
        Ok(runtime) => runtime.block_on(cli.command.run(disk)),
        Err(error) => Err(Failure::Failed(format!("no threads could be started: {error}"))),
    };
    if let Err(failure) = ended {
        // Not by returning, which waits for the runtime's threads: a disk that failed may hold them for ever.
        last_resort::leave(failure.said(json), failure.exit())
    }
    // Closes what its tasks held, which may log.
    drop(runtime);
    log::written_out();
    Exit::Done.into()
}

impl Command {
    fn json(&self) -> bool {
        match self {
            Self::Dev(_) | Self::Serve(_) => false,
            Self::Sku(args) => args.json(),
            Self::Buy(args) => args.json(),
            Self::Order(args) => args.json(),
            Self::Status(args) => args.json(),
            Self::Bench(args) => args.json(),
            Self::Verify(args) => args.json(),
        }
    }

    async fn run(self, disk: Disk) -> Result<(), Failure> {
        match self {
            Self::Dev(args) => Box::pin(dev::run(args)).await,
            Self::Serve(args) => Box::pin(serve::run(args, disk)).await,
            Self::Sku(args) => Box::pin(sku::run(args)).await,
            Self::Buy(args) => Box::pin(buy::run(args)).await,
            Self::Order(args) => Box::pin(order::run(args)).await,
            Self::Status(args) => Box::pin(status::run(args)).await,
            Self::Bench(args) => Box::pin(bench::run(args)).await,
            Self::Verify(args) => Box::pin(verify::run(args)).await,
        }
    }
}

/// Help and version are asked for and go to standard output; the rest is a mistake.
fn usage(error: &clap::Error) -> Exit {
    if error.print().is_err() || error.use_stderr() { Exit::Usage } else { Exit::Done }
}
