//! `holdfast serve`: one node.

use std::path::{Path, PathBuf};

use clap::Args;
use holdfast_inventory::NodeId;
use holdfast_storage::Disk;

use super::failure::Failure;
use super::stop;
use crate::config::Config;
use crate::server::{self, ServeOptions};

/// Run one node.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// The cluster's configuration.
    #[arg(long, value_name = "FILE", default_value = "cluster.toml")]
    config: PathBuf,
    /// Which of its members this is.
    #[arg(long, value_name = "ID")]
    node: u64,
    /// The node's data directory; `node-ID` beside the configuration if not given.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Begin a new cluster, together with all other members, if this data directory is empty.
    #[arg(long)]
    bootstrap: bool,
    /// Milliseconds added to this node's wall clock: shows what a wrong clock does.
    #[arg(long, hide = true, default_value_t = 0, allow_hyphen_values = true)]
    clock_offset_ms: i64,
    /// Stop when standard input ends: for a process that starts nodes and must not leave them behind.
    #[arg(long, hide = true)]
    stop_on_stdin_close: bool,
}

/// Runs the node on `disk` until it is told to stop.
pub(super) async fn run(args: ServeArgs, disk: Disk) -> Result<(), Failure> {
    let stop = stop::on_signal()?;
    if args.stop_on_stdin_close {
        stop::on_input_end(stop.clone())?;
    }
    let (config, node) = (Config::load(&args.config)?, NodeId(args.node));
    config.require_member(&args.config, node)?;
    crate::log::start(&config.log).map_err(Failure::Failed)?;
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let data = args.data.unwrap_or_else(|| data_beside(&args.config, node));
    let (bootstrap, clock_offset_ms) = (args.bootstrap, args.clock_offset_ms);
    server::serve(ServeOptions { config, node, data, disk, bootstrap, clock_offset_ms, stop }).await?;
    Ok(())
}

fn data_beside(config: &Path, node: NodeId) -> PathBuf {
    config.with_file_name(format!("node-{node}"))
}
