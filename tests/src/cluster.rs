//! A cluster of child processes: started, hurt and stopped by a test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use tempfile::TempDir;
use tokio::process::Command;

use crate::http::{self, Call};
use crate::limits::{LEADER_WITHIN, LOG_TAIL_LINES, READY_WITHIN, REFUSED_WITHIN, STOPPED_WITHIN};
use crate::options::{ClusterOptions, Member};
use crate::ports;
use crate::process::{Process, Signal, tail};
use crate::turn::Turn;
use crate::wait;

/// Names the file that a node built with `abort-points` obeys.
pub const ABORT_FILE: &str = "HOLDFAST_TEST_ABORT_FILE";

/// How a node is started, other than usually.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// A program that runs the node, with its arguments: `strace …`.
    pub under: Vec<String>,
    /// More arguments of `serve`.
    pub more: Vec<String>,
}

/// A cluster of child processes. Dropped: every process of it is killed, and unless [`Cluster::end`] was reached the
/// ends of their logs are printed.
#[derive(Debug)]
pub struct Cluster {
    options: ClusterOptions,
    dir: TempDir,
    members: Vec<Member>,
    running: Vec<Option<Process>>,
    ended: bool,
}

impl Cluster {
    /// A new cluster, every node of it ready.
    pub async fn start(turn: &Turn, options: ClusterOptions) -> Result<Cluster> {
        let mut cluster = Cluster::prepare(turn, options)?;
        cluster.start_all().await?;
        Ok(cluster)
    }

    /// A directory with a `cluster.toml` and no process yet. The turn is asked for so that no test forgets it.
    pub fn prepare(_turn: &Turn, options: ClusterOptions) -> Result<Cluster> {
        let dir = TempDir::with_prefix("holdfast-test-")?;
        let addresses = ports::free(3 * usize::try_from(options.nodes)?)?;
        let members: Vec<Member> = (1..)
            .zip(addresses.chunks_exact(3))
            .map(|(id, a)| Member { id, api: a[0], admin: a[1], peer: a[2], weight: options.weight(id) })
            .collect();
        std::fs::write(dir.path().join("cluster.toml"), options.cluster_file(&members))?;
        let running = members.iter().map(|_| None).collect();
        Ok(Cluster { options, dir, members, running, ended: false })
    }

    /// Starts every node that is down and waits until all are ready.
    pub async fn start_all(&mut self) -> Result<()> {
        for id in self.ids() {
            if self.running[index(id)].is_none() {
                self.spawn(id)?;
            }
        }
        for id in self.ids() {
            self.ready(id).await?;
        }
        Ok(())
    }

    /// Starts node `id` and does not wait.
    pub fn spawn(&mut self, id: u64) -> Result<()> {
        self.spawn_as(id, &Start::default())
    }

    /// Starts node `id` in another way than usually and does not wait.
    pub fn spawn_as(&mut self, id: u64, how: &Start) -> Result<()> {
        ensure!(self.running[index(id)].is_none(), "node {id} runs already");
        let mut command = self.serve_command(id);
        command.arg("--stop-on-stdin-close").args(&how.more);
        if let Some((program, args)) = how.under.split_first() {
            let node = command.as_std();
            let mut under = Command::new(program);
            under.args(args).arg(node.get_program()).args(node.get_args());
            command = under;
        }
        if self.options.disks_can_hang {
            command.env("HOLDFAST_TEST_DISK_HANGS", self.hang_file(id));
        }
        command.env(ABORT_FILE, self.abort_file(id));
        let process = Process::start(command, &self.log(id))?;
        self.running[index(id)] = Some(process);
        Ok(())
    }

    /// `serve` of node `id`. Always with `--bootstrap`, which does nothing where there is state; a test of a refused
    /// directory uses [`Cluster::serve_without_bootstrap`].
    pub fn serve_command(&self, id: u64) -> Command {
        let mut command = self.serve_without_bootstrap(id);
        command.arg("--bootstrap");
        command
    }

    /// `serve` of node `id` as an operator brings it back.
    pub fn serve_without_bootstrap(&self, id: u64) -> Command {
        let mut command = Command::new(&self.options.program);
        command.arg("serve").arg("--config").arg(self.config_of(id)).args(["--node", &id.to_string()]).arg("--data").arg(self.data(id));
        command
    }

    /// What is written there says at which point node `id` crashes, if it was built with such points.
    pub fn abort_file(&self, id: u64) -> PathBuf {
        self.dir.path().join(format!("abort-{id}"))
    }

    /// Waits until node `id` says that it can serve an order; fails at once if it leaves instead.
    pub async fn ready(&mut self, id: u64) -> Result<()> {
        let (api, log) = (self.api(id), self.log(id));
        let process = self.process(id)?;
        wait::until(&format!("node {id} ready"), READY_WITHIN, async || match process.left() {
            Ok(None) => http::call(api, &Call::get("/readyz")).await.is_ok_and(|a| a.status == 200).then_some(Ok(())),
            Ok(Some(status)) => Some(Err(anyhow!("node {id} left with {status}"))),
            Err(e) => Some(Err(e)),
        })
        .await?
        .with_context(|| tail(&log, LOG_TAIL_LINES))
    }

    /// SIGKILL; gone when this returns.
    pub async fn kill(&mut self, id: u64) -> Result<()> {
        let process = self.running[index(id)].take().with_context(|| format!("node {id} is down already"))?;
        process.kill().await
    }

    /// SIGKILL to every running node, one directly after the other.
    pub async fn kill_all(&mut self) -> Result<()> {
        for process in self.running.iter().flatten() {
            process.signal(Signal::Kill).await?;
        }
        for id in self.ids() {
            if self.running[index(id)].is_some() {
                self.kill(id).await?;
            }
        }
        Ok(())
    }

    /// SIGSTOP.
    pub async fn pause(&mut self, id: u64) -> Result<()> {
        self.process(id)?.signal(Signal::Stop).await
    }

    /// SIGCONT.
    pub async fn resume(&mut self, id: u64) -> Result<()> {
        self.process(id)?.signal(Signal::Cont).await
    }

    /// SIGTERM, and how it left.
    pub async fn stop(&mut self, id: u64) -> Result<ExitStatus> {
        let mut process = self.running[index(id)].take().with_context(|| format!("node {id} is down already"))?;
        process.signal(Signal::Term).await?;
        process.wait(STOPPED_WITHIN).await
    }

    /// From now on no sync of node `id` returns.
    pub fn hang_disk(&self, id: u64) -> Result<()> {
        ensure!(self.options.disks_can_hang, "the disks of this cluster cannot hang");
        Ok(std::fs::write(self.hang_file(id), b"")?)
    }

    /// The disk of node `id` works again, for its next start.
    pub fn mend_disk(&self, id: u64) -> Result<()> {
        Ok(std::fs::remove_file(self.hang_file(id))?)
    }

    /// Waits until node `id` leaves by itself, for at most `within`; its exit code.
    pub async fn left(&mut self, id: u64, within: Duration) -> Result<Option<i32>> {
        let code = self.process(id)?.wait(within).await?.code();
        self.running[index(id)] = None;
        Ok(code)
    }

    /// The exit status of node `id` if it left by itself; it counts as down from then on.
    pub fn has_left(&mut self, id: u64) -> Result<Option<ExitStatus>> {
        let Some(process) = self.running[index(id)].as_mut() else { return Ok(None) };
        let left = process.left()?;
        if left.is_some() {
            self.running[index(id)] = None;
        }
        Ok(left)
    }

    /// Whether the process of node `id` is there; one that left by itself stays to be asked after.
    pub fn is_running(&mut self, id: u64) -> Result<bool> {
        Ok(self.running[index(id)].as_mut().map(Process::left).transpose()?.is_some_and(|left| left.is_none()))
    }

    /// The process id of node `id`, if it runs.
    pub fn process_id(&self, id: u64) -> Option<u32> {
        self.running[index(id)].as_ref().map(Process::id)
    }

    /// Starts node `id` without `--bootstrap` on a directory that it must refuse; its exit code.
    pub async fn refused(&self, id: u64) -> Result<Option<i32>> {
        self.exit_code(id, self.serve_without_bootstrap(id)).await
    }

    /// The same with `--bootstrap`.
    pub async fn refused_bootstrap(&self, id: u64) -> Result<Option<i32>> {
        self.exit_code(id, self.serve_command(id)).await
    }

    async fn exit_code(&self, id: u64, command: Command) -> Result<Option<i32>> {
        let mut process = Process::start(command, &self.log(id))?;
        Ok(process.wait(REFUSED_WITHIN).await?.code())
    }

    /// SIGTERM to every running node, one directly after the other; fails unless all leave cleanly.
    pub async fn stop_all(&mut self) -> Result<()> {
        for process in self.running.iter().flatten() {
            process.signal(Signal::Term).await?;
        }
        for id in self.ids() {
            if let Some(mut process) = self.running[index(id)].take() {
                let status = process.wait(STOPPED_WITHIN).await?;
                ensure!(status.success(), "node {id} left with {status} after SIGTERM");
            }
        }
        Ok(())
    }

    /// The end of a test that went well: every node stops cleanly.
    pub async fn end(mut self) -> Result<()> {
        self.stop_all().await?;
        self.ended = true;
        Ok(())
    }

    /// The node that a majority follows, as the nodes that run tell it.
    pub async fn leader(&self) -> Result<u64> {
        let admins: Vec<SocketAddr> = self.up().iter().map(|&id| self.admin(id)).collect();
        wait::until("a leader", LEADER_WITHIN, async || {
            let mut named = Vec::new();
            for &admin in &admins {
                named.push(http::call(admin, &Call::get("/v1/cluster")).await.ok()?.json().ok()?["leader"].as_u64()?);
            }
            named.windows(2).all(|pair| pair[0] == pair[1]).then(|| named.first().copied()).flatten()
        })
        .await
    }

    /// The first running node that does not lead.
    pub async fn follower(&self) -> Result<u64> {
        let leader = self.leader().await?;
        self.up().into_iter().find(|&id| id != leader).context("no follower runs")
    }

    /// Ids of all nodes.
    pub fn ids(&self) -> Vec<u64> {
        self.members.iter().map(|m| m.id).collect()
    }

    /// Ids of the nodes that run.
    pub fn up(&self) -> Vec<u64> {
        self.ids().into_iter().filter(|&id| self.running[index(id)].is_some()).collect()
    }

    /// Where buyers call node `id`.
    pub fn api(&self, id: u64) -> SocketAddr {
        self.members[index(id)].api
    }

    /// Where operators call node `id`.
    pub fn admin(&self, id: u64) -> SocketAddr {
        self.members[index(id)].admin
    }

    /// Where buyers call, all nodes.
    pub fn apis(&self) -> Vec<SocketAddr> {
        self.members.iter().map(|m| m.api).collect()
    }

    /// The members as written into `cluster.toml`.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The options it was started with.
    pub fn options(&self) -> &ClusterOptions {
        &self.options
    }

    /// Its `cluster.toml`.
    pub fn config(&self) -> PathBuf {
        self.dir.path().join("cluster.toml")
    }

    /// From its next start on, node `id` knows the others by the addresses of `members`: how a proxy comes between.
    pub fn show_members(&self, id: u64, members: &[Member]) -> Result<()> {
        Ok(std::fs::write(self.own_config(id), self.options.cluster_file(members))?)
    }

    fn own_config(&self, id: u64) -> PathBuf {
        self.dir.path().join(format!("cluster-{id}.toml"))
    }

    fn config_of(&self, id: u64) -> PathBuf {
        Some(self.own_config(id)).filter(|own| own.exists()).unwrap_or_else(|| self.config())
    }

    /// Leaves its directory where it is, with the data and the logs of every node.
    pub fn keep(&mut self) {
        self.dir.disable_cleanup(true);
    }

    /// Its own directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Data directory of node `id`.
    pub fn data(&self, id: u64) -> PathBuf {
        let root = self.options.data_roots.get(index(id)).map_or_else(|| self.dir.path(), PathBuf::as_path);
        root.join(format!("node-{id}"))
    }

    /// File with the process id of node `id`, beside its data directory.
    pub fn pid_file(&self, id: u64) -> PathBuf {
        self.data(id).with_extension("pid")
    }

    /// Log of node `id`, all its starts.
    pub fn log(&self, id: u64) -> PathBuf {
        self.dir.path().join(format!("node-{id}.log"))
    }

    fn hang_file(&self, id: u64) -> PathBuf {
        self.dir.path().join(format!("node-{id}.hangs"))
    }

    fn process(&mut self, id: u64) -> Result<&mut Process> {
        self.running[index(id)].as_mut().with_context(|| format!("node {id} is down"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        for id in self.ids() {
            eprintln!("---- end of the log of node {id}\n{}", tail(&self.log(id), LOG_TAIL_LINES));
        }
    }
}

/// Copies a directory tree; a test of an older disk needs it.
pub fn copy_dir(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Ids count from 1.
fn index(id: u64) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX) - 1
}

/// Fails unless `status` is the exit code `code`.
pub fn left_with(status: Option<i32>, code: i32) -> Result<()> {
    match status {
        Some(left) if left == code => Ok(()),
        other => bail!("exit code {other:?} instead of {code}"),
    }
}
