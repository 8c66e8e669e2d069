//! `holdfast dev`: a whole cluster on this machine, one child process per node.
//!
//! Every node is a real `holdfast serve` with its own data directory, log and process id file, so that killing one is a fair
//! test. Nothing is restarted unless told. The children hold a pipe from this process as their standard input and stop when
//! it closes, so none outlives it, however it ends.

mod child;
mod demo;
mod layout;
mod ready;

use std::path::PathBuf;
use std::pin::pin;

use clap::Args;
use tokio_util::sync::CancellationToken;

use self::child::{Children, Ended, Started};
use self::layout::Layout;
use super::failure::Failure;
use super::{output, stop};
use crate::exit::Exit;
use crate::limits::{DEV_PATIENCE, MAX_MEMBERS};

/// Run a whole cluster on this machine, to try it out.
#[derive(Debug, Args)]
pub(super) struct DevArgs {
    /// How many nodes; 3 if not given, or as many as the directory has.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=MAX_MEMBERS as u64))]
    nodes: Option<u64>,
    /// Where the nodes' data, logs and the cluster.toml go and stay; a temporary directory if not given.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Node N listens on this plus 10 N (api), and one (admin) and two (peer) more; 7100 if not given.
    #[arg(long, value_name = "PORT")]
    base_port: Option<u16>,
    /// Start a node again when it dies.
    #[arg(long)]
    restart: bool,
}

/// Runs the cluster until a signal stops it.
pub(super) async fn run(args: DevArgs) -> Result<(), Failure> {
    let stop = stop::on_signal()?;
    let layout = Layout::prepare(args.data.as_deref(), args.nodes, args.base_port)?;
    introduce(&layout)?;
    let mut children = Children::new(&layout)?;
    let served = watch(&layout, &mut children, &stop, args.restart).await;
    let stopped = children.stop().await;
    layout.close()?;
    served?;
    stopped
}

/// Until the signal, or until a node can't even begin.
async fn watch(layout: &Layout, children: &mut Children<'_>, stop: &CancellationToken, restart: bool) -> Result<(), Failure> {
    let mut opening = pin!(open(layout, children.started()));
    let mut is_open = false;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            ended = children.next_end() => {
                tell(layout, &ended, restart)?;
                if restart {
                    children.start_again(ended.node)?;
                // Nodes that already run on the directory may have answered for those that were refused.
                } else if !ended.by_signal && (!is_open || children.none_runs()) {
                    return Err(could_not_start(&ended));
                }
            }
            opened = opening.as_mut(), if !is_open => {
                opened?;
                is_open = true;
            }
        }
    }
}

fn could_not_start(ended: &Ended) -> Failure {
    // Even a node that ended well did so too early.
    let exit = if ended.exit == Exit::Done { Exit::Failed } else { ended.exit };
    Failure::Node { sentence: format!("node {} could not start", ended.node), exit }
}

/// Waits until every node serves and puts the demo SKU on sale.
async fn open(layout: &Layout, started: Started) -> Result<(), Failure> {
    // Another cluster may serve at these addresses: only what this one's own processes answer counts.
    ready::wait(&layout.config().members, DEV_PATIENCE, |node| started.has_bound(layout, node)).await?;
    let sku = demo::put_on_sale(&layout.config().members).await?;
    let members = &layout.config().members;
    let first = members.first().map_or("", |member| member.api.as_str());
    output::line(&format!(
        "ready: {} nodes serve, {} of {} {} available, buy at http://{first}",
        members.len(),
        sku.available,
        sku.stock,
        sku.sku
    ))
}

fn introduce(layout: &Layout) -> Result<(), Failure> {
    let row = |member: &crate::config::Member| {
        let (api, admin) = (format!("http://{}", member.api), format!("http://{}", member.admin));
        [member.id.to_string(), api, admin, layout.log(member.id).display().to_string()]
    };
    let rows: Vec<_> = layout.config().members.iter().map(row).collect();
    output::line(&format!("configuration {}", layout.config_file().display()))?;
    output::table(["NODE", "API", "ADMIN", "LOG"], &rows)
}

fn tell(layout: &Layout, ended: &Ended, restart: bool) -> Result<(), Failure> {
    let (node, how) = (ended.node, &ended.how);
    if let Some(reason) = layout.last_log_line(node) {
        output::line(&format!("node {node}: {reason}"))?;
    }
    let next = if restart {
        "starting it again".to_owned()
    } else {
        let (config, data) = (layout.config_file(), layout.data(node));
        format!("bring it back with: holdfast serve --config {} --node {node} --data {}", config.display(), data.display())
    };
    output::line(&format!("node {node} ended ({how}); {next}"))
}
