//! `holdfast dev`: a whole cluster behind one process, as a newcomer starts it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use tempfile::TempDir;
use tokio::process::Command;

use crate::http::{self, Call};
use crate::limits::{LOG_TAIL_LINES, READY_WITHIN, STOPPED_WITHIN};
use crate::process::{Process, Signal, is_there, send, tail};
use crate::turn::Turn;
use crate::wait;

/// A running `holdfast dev`. Dropped: killed, and its nodes with it, since they watch it.
#[derive(Debug)]
pub struct Dev {
    process: Process,
    base: u16,
    data: PathBuf,
    output: PathBuf,
}

impl Dev {
    /// Starts three nodes with their data in `data` and waits for the line that begins with `ready`.
    pub async fn start(_turn: &Turn, program: &str, data: &Path, base: u16) -> Result<Dev> {
        let output = data.with_extension("output");
        // Only what this run prints counts.
        std::fs::write(&output, "")?;
        let mut command = Command::new(program);
        command.arg("dev").arg("--data").arg(data).args(["--base-port", &base.to_string()]);
        let process = Process::start(command, &output)?;
        let mut dev = Dev { process, base, data: data.to_owned(), output };
        dev.said("ready").await?;
        Ok(dev)
    }

    /// Waits until it has printed a line that begins with `beginning`; that line.
    pub async fn said(&mut self, beginning: &str) -> Result<String> {
        let (process, output) = (&mut self.process, &self.output);
        wait::until(&format!("a line {beginning:?} from dev"), READY_WITHIN, async || {
            let printed = std::fs::read_to_string(output).unwrap_or_default();
            if let Some(line) = printed.lines().find(|line| line.starts_with(beginning)) {
                return Some(Ok(line.to_owned()));
            }
            match process.left() {
                Ok(None) => None,
                Ok(Some(status)) => Some(Err(anyhow!("dev left with {status}"))),
                Err(e) => Some(Err(e)),
            }
        })
        .await
        .and_then(|line| line)
        .with_context(|| tail(&self.output, LOG_TAIL_LINES))
    }

    /// Its base port.
    pub fn base(&self) -> u16 {
        self.base
    }

    /// Everything it has printed.
    pub fn printed(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap_or_default()
    }

    /// Where buyers call node `id`.
    pub fn api(&self, id: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.base + 10 * id).into()
    }

    /// Where operators call node `id`.
    pub fn admin(&self, id: u16) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.base + 10 * id + 1).into()
    }

    /// Its directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Process id of node `id`, from its pid file.
    pub fn pid(&self, id: u16) -> Result<u32> {
        let file = self.data.join(format!("node-{id}.pid"));
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        Ok(text.trim().parse()?)
    }

    /// Copies what it and its nodes have printed, and what their metrics say now, to a directory that stays: which one.
    pub async fn testimony(&self) -> Result<PathBuf> {
        let kept = TempDir::with_prefix("holdfast-testimony-")?.keep();
        std::fs::copy(&self.output, kept.join("dev.log"))?;
        for id in 1..=3 {
            std::fs::copy(self.data.join(format!("node-{id}.log")), kept.join(format!("node-{id}.log")))?;
            let metrics = match http::call(self.admin(id), &Call::get("/metrics")).await {
                Ok(answer) => answer.body,
                Err(error) => format!("{error:#}\n").into(),
            };
            std::fs::write(kept.join(format!("node-{id}.metrics")), metrics)?;
        }
        Ok(kept)
    }

    /// Stops it as Ctrl-C does; its exit code. Fails if a node outlives it.
    pub async fn interrupt(mut self) -> Result<Option<i32>> {
        let nodes: Vec<u32> = (1..=3).filter_map(|id| self.pid(id).ok()).collect();
        self.process.signal(Signal::Int).await?;
        let status = self.process.wait(STOPPED_WITHIN).await.with_context(|| tail(&self.output, LOG_TAIL_LINES))?;
        gone(&nodes).await?;
        Ok(status.code())
    }

    /// Kills its nodes without a chance to clean up, and it. Fails if one of them is there for long.
    pub async fn kill_nodes(self) -> Result<()> {
        let nodes = (1..=3).map(|id| self.pid(id)).collect::<Result<Vec<u32>>>()?;
        for &node in &nodes {
            send(Signal::Kill, node).await?;
        }
        self.process.kill().await?;
        gone(&nodes).await
    }

    /// Kills it without a chance to clean up; its nodes stop as they do in good order. Fails if a node outlives it for long.
    pub async fn kill(self) -> Result<()> {
        let nodes: Vec<u32> = (1..=3).filter_map(|id| self.pid(id).ok()).collect();
        self.process.kill().await?;
        gone(&nodes).await
    }
}

async fn gone(nodes: &[u32]) -> Result<()> {
    wait::until(&format!("the nodes {nodes:?} to be gone"), STOPPED_WITHIN, async || (!nodes.iter().any(|&id| is_there(id))).then_some(()))
        .await
}
