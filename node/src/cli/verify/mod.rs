//! `holdfast verify`: a stopped node's data, or running nodes against each other.
//!
//! | file | holds |
//! |---|---|
//! | `data`, `room` | a directory, replayed; where its copy is |
//! | `nodes`, `witness` | running nodes asked; what they said of one thing, index by index |
//! | `report` | what was found, for people and programs |

mod data;
mod nodes;
mod report;
mod room;
mod witness;

use std::io;
use std::path::PathBuf;

use clap::Args;

use super::failure::Failure;

/// Check a stopped node's data, or running nodes against each other.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["data", "from"]))]
pub(super) struct VerifyArgs {
    /// The data directory of a stopped node: replays it, checks conservation and digests, and adds its orders up.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Admin listeners of running nodes: at an equal index digests, units and orders must be equal, and units add up.
    #[arg(long, num_args = 1.., value_delimiter = ',', value_name = "URL")]
    from: Vec<String>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

impl VerifyArgs {
    pub(super) fn json(&self) -> bool {
        self.json
    }
}

/// Checks what the arguments name; fails with what is wrong.
pub(super) async fn run(args: VerifyArgs) -> Result<(), Failure> {
    let report = match args.data {
        Some(data) => tokio::task::spawn_blocking(move || data::verify(&data)).await.map_err(io::Error::other)??,
        None => nodes::verify(&args.from).await?,
    };
    report.show(args.json)
}
