//! A round's nodes, what lies between them, and the disks under them.

use anyhow::{Context, Result, bail, ensure};
use rand::RngExt;
use rand::rngs::StdRng;
use tempfile::TempDir;
use tokio::process::Command;

use super::limits::VERIFIED_WITHIN;
use super::links::Links;
use crate::cluster::{Cluster, Start};
use crate::command_line;
use crate::disk::PowerCutDisk;
use crate::options::ClusterOptions;
use crate::turn::Turn;

/// Entries between two snapshots, and kept behind one: few, so that a node that was away needs a snapshot.
const SNAPSHOT_EVERY: i64 = 1_000;
const KEEP_ENTRIES: i64 = 200;

/// A round's nodes and their disks.
#[derive(Debug)]
pub struct Site {
    /// The nodes. Before the disks, so that the processes are gone before their file systems go.
    pub cluster: Cluster,
    /// One for each node, by id from 1, if power can be cut here; else the nodes share a directory.
    pub disks: Vec<PowerCutDisk>,
    /// Where the images of the disks are.
    room: TempDir,
}

impl Site {
    /// A cluster of `program`, all nodes ready, with a proxy on every link and, if `on_disks`, a file system for each node.
    pub async fn start(turn: &Turn, program: &str, on_disks: bool) -> Result<(Site, Links)> {
        let room = TempDir::with_prefix("holdfast-chaos-")?;
        let mut disks = Vec::new();
        if on_disks {
            for id in 1..=3 {
                disks.push(PowerCutDisk::create(room.path(), &format!("disk-{id}")).await?);
            }
        }
        let mut options = ClusterOptions::new(program).set("raft", "snapshot_every_entries", SNAPSHOT_EVERY).set(
            "raft",
            "log_keep_entries",
            KEEP_ENTRIES,
        );
        options.data_roots = disks.iter().map(|disk| disk.path().to_owned()).collect();
        let cluster = Cluster::prepare(turn, options)?;
        let links = Links::between(&cluster).await?;
        let mut site = Site { cluster, disks, room };
        site.cluster.start_all().await?;
        Ok((site, links))
    }

    /// Ids of all nodes.
    pub fn ids(&self) -> Vec<u64> {
        self.cluster.ids()
    }

    /// One of the nodes.
    pub fn any(&self, random: &mut StdRng) -> u64 {
        let ids = self.ids();
        ids[random.random_range(0..ids.len())]
    }

    /// The leader, or, while there is none, one of the nodes.
    pub async fn leader_or_any(&self, random: &mut StdRng) -> (u64, bool) {
        match self.cluster.leader().await {
            Ok(leader) => (leader, true),
            Err(_) => (self.any(random), false),
        }
    }

    /// SIGKILL, and a look whether it is really gone. A node that is down stays so; one that has left by itself, nobody having
    /// asked after it yet, is an error with how it left.
    pub async fn kill(&mut self, id: u64) -> Result<()> {
        if let Some(status) = self.cluster.has_left(id)? {
            bail!("node {id} left by itself before it was killed: {status}");
        }
        self.end(id).await
    }

    /// The same for a node whose disk is gone: it may have left by itself.
    pub async fn end(&mut self, id: u64) -> Result<()> {
        let Some(process) = self.cluster.process_id(id) else { return Ok(()) };
        self.cluster.kill(id).await?;
        ensure!(!crate::process::is_there(process), "process {process} of node {id} is still there");
        Ok(())
    }

    /// Starts a node again, after it was killed, in another way than usually, and waits until it serves.
    pub async fn restart_as(&mut self, id: u64, how: &Start) -> Result<()> {
        self.kill(id).await?;
        self.cluster.spawn_as(id, how)?;
        self.cluster.ready(id).await
    }

    /// Starts every node that is down.
    pub fn start_down(&mut self) -> Result<()> {
        let up = self.cluster.up();
        self.ids().into_iter().filter(|id| !up.contains(id)).try_for_each(|id| self.cluster.spawn(id))
    }

    /// Nodes that left although nobody told them to, with how.
    pub fn left_unasked(&mut self) -> Result<Vec<(u64, String)>> {
        let mut left = Vec::new();
        for id in self.ids() {
            if let Some(status) = self.cluster.has_left(id)? {
                left.push((id, status.to_string()));
            }
        }
        Ok(left)
    }

    /// The disk under node `id`.
    pub fn disk(&self, id: u64) -> Result<&PowerCutDisk> {
        let at = usize::try_from(id)? - 1;
        self.disks.get(at).context("the nodes of this round have no disks of their own")
    }

    /// Makes durable what a test itself did to a node's files: a power cut that comes later must find what the node had.
    pub async fn sync_data(&self, id: u64) -> Result<()> {
        let data = self.cluster.data(id);
        let synced = Command::new("sync").arg("-f").arg(&data).status().await?;
        ensure!(synced.success(), "cannot sync the file system of {}", data.display());
        Ok(())
    }

    /// Has `verify --data` look at what node `id`, which has ended, left behind; what it says is kept beside the data.
    pub async fn verify(&self, id: u64) -> Result<()> {
        let mut command = command_line::holdfast(&self.cluster.options().program, &["verify", "--data"]);
        command.arg(self.cluster.data(id));
        let said = command_line::run_within(command, VERIFIED_WITHIN).await?;
        std::fs::write(self.note(&format!("verify-{id}.txt")), format!("{}{}", said.stdout, said.stderr))?;
        ensure!(said.code == Some(0), "verify ends with {:?}: {}{}", said.code, said.stdout, said.stderr);
        Ok(())
    }

    /// A file beside the data, for what a fault writes down.
    pub fn note(&self, name: &str) -> std::path::PathBuf {
        self.cluster.dir().join(name)
    }

    /// Leaves everything where it is, and says where: logs and what was written down; the images of the disks.
    pub fn keep(&mut self) -> String {
        self.cluster.keep();
        self.room.disable_cleanup(true);
        format!("{} and {}", self.cluster.dir().display(), self.room.path().display())
    }
}
