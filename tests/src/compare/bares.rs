//! Bare handlers that run beside everything else: without requests they cost nothing.

use std::net::SocketAddr;

use anyhow::Result;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::Command;

use super::cell::System;
use super::subject::Subject;
use crate::limits::READY_WITHIN;
use crate::process::Process;
use crate::{ports, wait};

/// How many workers each of them has.
const WORKERS: [u32; 2] = [1, 2];

/// One process for each number of workers. Dropped: killed.
#[derive(Debug)]
pub struct Bares {
    running: Vec<(Process, Subject)>,
    _dir: TempDir,
}

impl Bares {
    /// Starts them from `program`, this one.
    pub async fn start(program: &str) -> Result<Bares> {
        let dir = TempDir::with_prefix("holdfast-bare-")?;
        let mut running = Vec::new();
        for (workers, address) in WORKERS.into_iter().zip(ports::free(WORKERS.len())?) {
            let mut command = Command::new(program);
            command.args(["bare", &address.to_string(), &workers.to_string()]);
            let process = Process::start(command, &dir.path().join(format!("bare-{workers}.log")))?;
            listens("a bare handler", address).await?;
            let watched = vec![("server".to_owned(), process.id())];
            running.push((process, Subject { system: System::Bare(workers), targets: vec![address], watched }));
        }
        Ok(Bares { running, _dir: dir })
    }

    /// The one of that many workers.
    pub fn subject(&self, system: System) -> Option<&Subject> {
        self.running.iter().map(|(_, subject)| subject).find(|subject| subject.system == system)
    }

    /// Ends them.
    pub async fn end(self) -> Result<()> {
        for (process, _) in self.running {
            process.kill().await?;
        }
        Ok(())
    }
}

/// Waits until somebody listens there.
pub async fn listens(what: &str, address: SocketAddr) -> Result<()> {
    wait::until(what, READY_WITHIN, async || TcpStream::connect(address).await.ok().map(drop)).await
}
