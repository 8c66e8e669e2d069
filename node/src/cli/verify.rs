//! `holdfast verify`: a stopped node's data, or running nodes against each other.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use clap::Args;
use holdfast_client::{Client, ClientConfig};
use holdfast_raft::{Replay, ReplayError, replay};
use holdfast_storage::DataDir;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::failure::Failure;
use super::{output, sku};
use crate::limits::{MAX_DIGESTS_COMPARED, VERIFY_PAUSE, VERIFY_WITHIN};
use crate::server::ServeError;

/// Check a stopped node's data, or running nodes against each other.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["data", "from"]))]
pub(super) struct VerifyArgs {
    /// The data directory of a stopped node: replays it and checks conservation and digests.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Admin listeners of running nodes: their digests must agree and their units add up.
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

/// What was checked and found sound.
#[derive(Debug, Serialize)]
struct Verified {
    /// Nodes asked.
    nodes: usize,
    /// Log index at which all digests were compared.
    index: u64,
    /// The digest there.
    digest: String,
    /// SKUs whose units add up on every node.
    skus: usize,
}

/// Checks what the arguments name; fails with what is wrong.
pub(super) async fn run(args: VerifyArgs) -> Result<(), Failure> {
    let verified = match args.data {
        Some(data) => tokio::task::spawn_blocking(move || verify_data(&data)).await.map_err(io::Error::other)??,
        None => verify_nodes(&args.from).await?,
    };
    if args.json {
        return output::json(&verified);
    }
    output::fields(&[
        ("nodes", verified.nodes.to_string()),
        ("index", verified.index.to_string()),
        ("digest", verified.digest),
        ("conserved", format!("yes, {} SKUs", verified.skus)),
    ])
}

/// Replays a copy of a stopped node's directory: every entry passes the state's own assertions and joins the digest chain. The
/// directory itself is only read.
fn verify_data(data: &Path) -> Result<Verified, Failure> {
    // A damaged database may make its engine panic, on threads of its own too: that is damage, told in a sentence.
    std::panic::set_hook(Box::new(|_| {}));
    let room = tempfile::tempdir()?;
    let copy = room.path().join("copy");
    let of_the_original = |error: ServeError| {
        let names = |text: String| text.replace(&copy.display().to_string(), &data.display().to_string());
        Failure::Serve(match error {
            ServeError::Disk(text) => ServeError::Disk(names(text)),
            ServeError::DataDirectory(text) => ServeError::DataDirectory(names(text)),
            ServeError::Failed(text) => ServeError::Failed(names(text)),
        })
    };
    let checked = catch_unwind(AssertUnwindSafe(|| replay_copy(data, &copy)));
    let damaged = |_| Err(ServeError::Disk(format!("{} is damaged: its database does not read back", data.display())));
    let replay = checked.unwrap_or_else(damaged).map_err(of_the_original)?;
    let inventory = &replay.inventory;
    let (index, digest) = (inventory.last_index().0, format!("{:032x}", inventory.digest()));
    Ok(Verified { nodes: 1, index, digest, skus: inventory.skus().count() })
}

fn replay_copy(data: &Path, copy: &Path) -> Result<Replay, ServeError> {
    let directory = DataDir::copy(data, copy)?;
    replay(&directory).map_err(|error| match error {
        ReplayError::Open(error) => error.into(),
        other => ServeError::Disk(other.to_string()),
    })
}

async fn verify_nodes(urls: &[String]) -> Result<Verified, Failure> {
    let mut nodes = Vec::new();
    for url in urls {
        nodes.push((url.as_str(), Client::new(ClientConfig::default().and_admin([url]))?));
    }
    let mut skus = 0;
    for (url, client) in &nodes {
        let audits = sku::audits(client).await?;
        if let Some(audit) = audits.iter().find(|audit| !sku::conserved(audit)) {
            return Err(Failure::Failed(format!("{url}: the units of {} do not add up", audit.sku)));
        }
        skus = audits.len();
    }
    let (index, digest) = compare_digests(&nodes).await?;
    Ok(Verified { nodes: nodes.len(), index, digest, skus })
}

/// Asks for digests until there is an index that every node told its digest of.
async fn compare_digests(nodes: &[(&str, Client)]) -> Result<(u64, String), Failure> {
    let mut digests = Digests::default();
    let deadline = Instant::now() + VERIFY_WITHIN;
    while Instant::now() < deadline {
        for (place, (url, client)) in nodes.iter().enumerate() {
            let told = client.cluster().await?.digest;
            let agreed = digests.take(place, told.index, &told.value, nodes.len());
            if agreed.map_err(|other| differ(told.index, url, nodes[other].0))? {
                return Ok((told.index, told.value));
            }
        }
        sleep(VERIFY_PAUSE).await;
    }
    Err(Failure::Failed("the nodes were at no equal index while they were asked: ask again when less is sold".to_owned()))
}

fn differ(index: u64, one: &str, other: &str) -> Failure {
    Failure::Failed(format!("{one} and {other} differ at index {index}: stop both and keep their data directories"))
}

/// Who told which digest at which index, for the latest indices.
#[derive(Default)]
struct Digests(BTreeMap<u64, (String, Vec<usize>)>);

impl Digests {
    /// True if all `nodes` have told the same at `index`; the node that told another digest if one did.
    fn take(&mut self, node: usize, index: u64, digest: &str, nodes: usize) -> Result<bool, usize> {
        let (known, tellers) = self.0.entry(index).or_insert_with(|| (digest.to_owned(), Vec::new()));
        if known != digest {
            return Err(tellers.first().copied().unwrap_or(node));
        }
        if !tellers.contains(&node) {
            tellers.push(node);
        }
        let agreed = tellers.len() == nodes;
        while self.0.len() > MAX_DIGESTS_COMPARED {
            self.0.pop_first();
        }
        Ok(agreed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_agree_only_when_every_node_told_the_same_index() {
        let mut digests = Digests::default();
        assert_eq!(digests.take(0, 5, "a", 2), Ok(false));
        assert_eq!(digests.take(0, 5, "a", 2), Ok(false), "the same node twice is one node");
        assert_eq!(digests.take(1, 6, "b", 2), Ok(false));
        assert_eq!(digests.take(1, 5, "a", 2), Ok(true));
    }

    #[test]
    fn another_digest_at_an_index_names_who_told_the_first() {
        let mut digests = Digests::default();
        assert_eq!(digests.take(0, 5, "a", 3), Ok(false));
        assert_eq!(digests.take(2, 5, "x", 3), Err(0));
    }
}
