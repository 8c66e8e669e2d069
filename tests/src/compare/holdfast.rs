//! Three nodes of the product, as a newcomer starts them.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;
use rustix::fs::syncfs;
use serde_json::json;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::bare::SOLD_OUT;
use super::cell::System;
use super::limits::STOCK;
use super::refusals;
use super::subject::Subject;
use crate::dev::Dev;
use crate::http::{self, Call};
use crate::limits::LEADER_WITHIN;
use crate::turn::Turn;
use crate::{operator, ports, wait};

/// What is sold.
pub const SKU: &str = "bench";

/// Who leads, and in which term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lead {
    node: u16,
    term: u64,
}

/// Three nodes of the product. Dropped: killed.
#[derive(Debug)]
pub struct Holdfast {
    dev: Dev,
    /// At the start.
    lead: Lead,
    dir: TempDir,
}

impl Holdfast {
    /// How many nodes.
    pub const NODES: u16 = 3;

    /// Starts them from `program` with one SKU on sale and one sold out.
    pub async fn start(turn: &Turn, program: &str) -> Result<Holdfast> {
        let dir = TempDir::with_prefix("holdfast-compare-")?;
        let dev = Dev::start(turn, program, &dir.path().join("dev"), ports::free_base(Self::NODES)?).await?;
        let lead = lead(&dev).await?;
        // As `holdfast sku create` makes one: orders are held.
        operator::create_sku_with(dev.admin(lead.node), &json!({ "sku": SKU, "stock": STOCK })).await?;
        operator::create_sku_with(dev.admin(lead.node), &json!({ "sku": SOLD_OUT, "stock": 1 })).await?;
        http::call(dev.api(lead.node), &refusals::order("first")).await?.expect(201)?;
        operator::granted(dev.admin(lead.node), SKU, Self::NODES.into()).await?;
        Ok(Holdfast { dev, lead, dir })
    }

    /// It, asked at the leader, at a follower, or at all three.
    pub fn subject(&self, system: System) -> Result<Subject> {
        let asked: Vec<u16> = match system {
            System::Leader => vec![self.lead.node],
            System::Follower => vec![self.follower()],
            _ => (1..=Self::NODES).collect(),
        };
        let targets = asked.into_iter().map(|id| self.dev.api(id)).collect();
        let watched = (1..=Self::NODES).map(|id| Ok((self.role(id).to_owned(), self.dev.pid(id)?))).collect::<Result<_>>()?;
        Ok(Subject { system, targets, watched })
    }

    /// Where operators call the leader.
    pub fn admin(&self) -> SocketAddr {
        self.dev.admin(self.lead.node)
    }

    /// What to say if the lead has moved since the start, also if it came back: then not all that was measured on the leader was.
    pub async fn moved(&self) -> Result<Option<String>> {
        Ok(moved(self.lead, lead(&self.dev).await?))
    }

    /// What came of measuring them; if it failed, their logs and metrics of this moment are kept, and the error says where.
    pub async fn with_testimony<T>(&self, measured: Result<T>) -> Result<T> {
        match measured {
            Ok(measured) => Ok(measured),
            Err(error) => Err(match self.dev.testimony().await {
                Ok(kept) => error.context(format!("logs and metrics of the nodes are in {}", kept.display())),
                Err(unkept) => error.context(format!("logs and metrics of the nodes could not be kept: {unkept:#}")),
            }),
        }
    }

    /// Ends them and removes their data. Waits until the disk has done it too: gigabytes after batches, which the syncs of
    /// whoever is measured next would wait for.
    pub async fn end(self) -> Result<()> {
        self.dev.kill().await?;
        self.dir.close()?;
        let disk = File::open(std::env::temp_dir())?;
        Ok(spawn_blocking(move || syncfs(disk)).await??)
    }

    /// Where they keep what they keep.
    pub fn data(&self) -> &Path {
        self.dev.data()
    }

    /// Kills all of them and starts them again on what their disks hold; they take the same ports.
    pub async fn restart(self, turn: &Turn, program: &str) -> Result<Holdfast> {
        let (data, base) = (self.dev.data().to_owned(), self.dev.base());
        self.dev.kill_nodes().await?;
        let dev = Dev::start(turn, program, &data, base).await?;
        let lead = lead(&dev).await?;
        Ok(Holdfast { dev, lead, dir: self.dir })
    }

    fn follower(&self) -> u16 {
        self.lead.node % Self::NODES + 1
    }

    fn role(&self, id: u16) -> &'static str {
        match id {
            id if id == self.lead.node => "leader",
            id if id == self.follower() => "follower",
            _ => "other follower",
        }
    }
}

async fn lead(dev: &Dev) -> Result<Lead> {
    wait::until("a leader", LEADER_WITHIN, async || {
        let told = http::call(dev.admin(1), &Call::get("/v1/cluster")).await.ok()?.json().ok()?;
        Some(Lead { node: told["leader"].as_u64()?.try_into().ok()?, term: told["term"].as_u64()? })
    })
    .await
}

/// Each term has one leader: a node that leads in another term has not led all the time.
fn moved(start: Lead, end: Lead) -> Option<String> {
    let Lead { node, term } = start;
    (start != end).then(|| {
        format!(
            "node {node} led in term {term} at the start and node {} in term {} in the end: leader and follower are mixed up",
            end.node, end.term
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lead_that_went_and_came_back_has_moved() {
        let lead = |node, term| Lead { node, term };
        assert_eq!(moved(lead(1, 2), lead(1, 2)), None);
        assert!(moved(lead(1, 2), lead(1, 4)).unwrap().contains("node 1 in term 4"));
        assert!(moved(lead(1, 2), lead(3, 3)).is_some());
    }
}
