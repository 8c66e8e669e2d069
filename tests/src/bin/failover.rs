//! Kills of the leader, beside etcd's: `cargo run --release -p holdfast-tests --bin failover -- --kills 50`.
//!
//! The nodes are this same program, started as `failover serve …`: they are built with it and never stale.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use holdfast_tests::failover::{Etcd, Gaps, Holdfast, System, kill_leader};
use holdfast_tests::turn::Turn;

/// Kill the leader of a cluster of three, and of etcd's, in turn; how long nothing is acknowledged.
#[derive(Debug, Parser)]
struct Args {
    /// Of each.
    #[arg(long, default_value_t = 50)]
    kills: u64,
}

fn main() -> ExitCode {
    if std::env::args().nth(1).is_some_and(|first| first == "serve") {
        return holdfast_node::cli::main();
    }
    match failover(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn failover(args: &Args) -> Result<()> {
    let program = std::env::current_exe()?.into_os_string().into_string().ok().context("this program's path is not text")?;
    let turn = Turn::take().await?;
    let mut holdfast = Holdfast::start(&turn, &program).await?;
    let mut etcd = match Etcd::why_not().await {
        None => Some(Etcd::start().await?),
        Some(reason) => {
            println!("etcd: not run: {reason}");
            None
        }
    };
    let (mut own, mut others) = (Gaps::default(), Gaps::default());
    for round in 0..args.kills {
        own.0.push(kill_leader(&mut holdfast, round).await?);
        if let Some(etcd) = &mut etcd {
            others.0.push(kill_leader(etcd, round).await?);
        }
        println!(
            "kill {}: {:.0?}{}",
            round + 1,
            own.0.last().unwrap_or(&own.median()),
            others.0.last().map_or_else(String::new, |gap| format!(", etcd {gap:.0?}"))
        );
    }
    println!("{:<24}{own}", holdfast.name());
    if let Some(etcd) = etcd {
        println!("{:<24}{others}", etcd.name());
        println!("{:<24}{:.2}", "ratio of the medians", own.median().as_secs_f64() / others.median().as_secs_f64());
        etcd.end().await?;
    }
    holdfast.end().await
}
