//! Three nodes of the product, as a newcomer starts them.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tempfile::TempDir;

use super::bare::SOLD_OUT;
use super::cell::System;
use super::limits::STOCK;
use super::subject::Subject;
use crate::dev::Dev;
use crate::http::{self, Call};
use crate::limits::LEADER_WITHIN;
use crate::turn::Turn;
use crate::{operator, ports, wait};

/// What is sold.
pub const SKU: &str = "bench";

/// Three nodes of the product. Dropped: killed.
#[derive(Debug)]
pub struct Holdfast {
    dev: Dev,
    leader: u16,
    dir: TempDir,
}

impl Holdfast {
    /// How many nodes.
    pub const NODES: u16 = 3;

    /// Starts them from `program` with one SKU on sale and one sold out.
    pub async fn start(turn: &Turn, program: &str) -> Result<Holdfast> {
        let dir = TempDir::with_prefix("holdfast-compare-")?;
        let dev = Dev::start(turn, program, &dir.path().join("dev"), ports::free_base(Self::NODES)?).await?;
        let leader = leader(&dev).await?;
        // As `holdfast sku create` makes one: orders are held.
        operator::create_sku_with(dev.admin(leader), &json!({ "sku": SKU, "stock": STOCK })).await?;
        operator::create_sku_with(dev.admin(leader), &json!({ "sku": SOLD_OUT, "stock": 1 })).await?;
        sell_out(&dev).await?;
        operator::granted(dev.admin(leader), SKU, Self::NODES.into()).await?;
        Ok(Holdfast { dev, leader, dir })
    }

    /// It, asked at the leader, at a follower, or at all three.
    pub fn subject(&self, system: System) -> Result<Subject> {
        let asked: Vec<u16> = match system {
            System::Leader => vec![self.leader],
            System::Follower => vec![self.follower()],
            _ => (1..=Self::NODES).collect(),
        };
        let targets = asked.into_iter().map(|id| self.dev.api(id)).collect();
        let watched = (1..=Self::NODES).map(|id| Ok((self.role(id).to_owned(), self.dev.pid(id)?))).collect::<Result<_>>()?;
        Ok(Subject { system, targets, watched })
    }

    /// Where operators call the leader.
    pub fn admin(&self) -> SocketAddr {
        self.dev.admin(self.leader)
    }

    /// What to say if another node leads than at the start: then not all that was measured on the leader was.
    pub async fn moved(&self) -> Result<Option<String>> {
        let now = leader(&self.dev).await?;
        Ok((now != self.leader)
            .then(|| format!("node {now} leads in the end instead of {}: leader and follower are mixed up", self.leader)))
    }

    /// Ends them.
    pub async fn end(self) -> Result<()> {
        self.dev.kill().await
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
        let leader = leader(&dev).await?;
        Ok(Holdfast { dev, leader, dir: self.dir })
    }

    fn follower(&self) -> u16 {
        self.leader % Self::NODES + 1
    }

    fn role(&self, id: u16) -> &'static str {
        match id {
            id if id == self.leader => "leader",
            id if id == self.follower() => "follower",
            _ => "other follower",
        }
    }
}

async fn leader(dev: &Dev) -> Result<u16> {
    let told = wait::until("a leader", LEADER_WITHIN, async || {
        let told = http::call(dev.admin(1), &Call::get("/v1/cluster")).await.ok()?.json().ok()?;
        told["leader"].as_u64()
    });
    u16::try_from(told.await?).context("no such node")
}

async fn sell_out(dev: &Dev) -> Result<()> {
    let order = |key: &str| {
        let body = json!({ "buyer": "first", "lines": [{ "sku": SOLD_OUT, "quantity": 1 }] });
        Call::post("/v1/orders", &body).header("idempotency-key", key)
    };
    http::call(dev.api(1), &order("first")).await?.expect(201)?;
    let refused = http::call(dev.api(1), &order("second")).await?;
    ensure!(refused.problem().as_deref() == Some("sold-out"), "not sold out: {refused:?}");
    Ok(())
}
