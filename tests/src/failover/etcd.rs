//! Three members of etcd, as Debian has it in `etcd-server`, through its JSON gateway.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use super::System;
use crate::http::{self, Call};
use crate::limits::{LEADER_WITHIN, READY_WITHIN};
use crate::ports;
use crate::process::Process;
use crate::wait;

const MEMBERS: usize = 3;

/// What the product has by default: its longest election timeout, and its heartbeat.
const ELECTION_MS: u64 = 300;
const HEARTBEAT_MS: u64 = 50;

/// How soon a member that was just started is asked whether it follows.
const ASKED_WITHIN: Duration = Duration::from_millis(500);

/// Three members of etcd.
#[derive(Debug)]
pub struct Etcd {
    clients: Vec<SocketAddr>,
    peers: Vec<SocketAddr>,
    running: Vec<Option<Process>>,
    version: String,
    /// Behind the members: removed when they are gone.
    dir: TempDir,
}

impl Etcd {
    /// Why it cannot be measured here; none if it can.
    pub async fn why_not() -> Option<String> {
        version().await.err().map(|error| format!("{error:#}"))
    }

    /// Starts it.
    pub async fn start() -> Result<Etcd> {
        let addresses = ports::free(2 * MEMBERS)?;
        let (clients, peers) = (addresses[..MEMBERS].to_vec(), addresses[MEMBERS..].to_vec());
        let dir = TempDir::with_prefix("holdfast-etcd-")?;
        let mut etcd = Etcd { clients, peers, running: vec![None, None, None], version: version().await?, dir };
        for member in 0..MEMBERS {
            etcd.spawn(member)?;
        }
        for member in 0..MEMBERS {
            etcd.follows(member).await?;
        }
        Ok(etcd)
    }

    /// Process ids of the members that run.
    pub fn process_ids(&self) -> Vec<u32> {
        self.running.iter().flatten().map(Process::id).collect()
    }

    fn spawn(&mut self, member: usize) -> Result<()> {
        let all = (0..MEMBERS).map(|other| format!("m{other}=http://{}", self.peers[other])).collect::<Vec<_>>().join(",");
        let (client, peer) = (format!("http://{}", self.clients[member]), format!("http://{}", self.peers[member]));
        let mut command = Command::new("etcd");
        command.arg("--name").arg(format!("m{member}")).arg("--data-dir").arg(self.dir.path().join(format!("m{member}")));
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &all, "--initial-cluster-state", "new", "--initial-cluster-token", "failover"]);
        command.arg("--election-timeout").arg(ELECTION_MS.to_string()).arg("--heartbeat-interval").arg(HEARTBEAT_MS.to_string());
        command.args(["--log-level", "error"]);
        self.running[member] = Some(Process::start(command, &self.dir.path().join(format!("m{member}.log")))?);
        Ok(())
    }

    /// What a member says of itself: its id and its leader's.
    async fn status(&self, member: usize) -> Option<(String, String)> {
        let call = Call::post("/v3/maintenance/status", &json!({}));
        let told: Value = http::Connection::to(self.clients[member]).send(&call, ASKED_WITHIN).await.ok()?.expect(200).ok()?;
        Some((told["header"]["member_id"].as_str()?.to_owned(), told["leader"].as_str()?.to_owned()))
    }

    async fn follows(&self, member: usize) -> Result<()> {
        wait::until(&format!("member {member} of etcd"), READY_WITHIN, async || {
            self.status(member).await.filter(|(_, leader)| leader != "0").map(|_| ())
        })
        .await
    }
}

impl System for Etcd {
    fn name(&self) -> String {
        format!("{}, puts", self.version)
    }

    fn nodes(&self) -> Vec<SocketAddr> {
        self.clients.clone()
    }

    /// A value as long as an order's body. Keys and values are base64 in its gateway: these texts are taken for such.
    fn write(number: u64) -> Call {
        Call::post("/v3/kv/put", &json!({ "key": format!("{number:016x}"), "value": "b3Jk".repeat(24) }))
    }

    async fn leader(&self) -> Result<usize> {
        wait::until("a leader of etcd", LEADER_WITHIN, async || {
            for member in 0..MEMBERS {
                if self.status(member).await.is_some_and(|(id, leader)| id == leader) {
                    return Some(member);
                }
            }
            None
        })
        .await
    }

    async fn kill(&mut self, node: usize) -> Result<()> {
        self.running[node].take().context("the member is down already")?.kill().await
    }

    async fn restart(&mut self, node: usize) -> Result<()> {
        self.spawn(node)?;
        self.follows(node).await
    }

    async fn end(self) -> Result<()> {
        for process in self.running.into_iter().flatten() {
            process.kill().await?;
        }
        Ok(())
    }
}

async fn version() -> Result<String> {
    let told = Command::new("etcd").arg("--version").output().await.context("etcd is not installed (Debian: etcd-server)")?;
    ensure!(told.status.success(), "etcd --version fails");
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    let version = text.lines().next().and_then(|line| line.rsplit(' ').next()).context("etcd does not tell its version")?;
    Ok(format!("etcd {version}"))
}
