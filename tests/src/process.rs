//! One child process of the program under test.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::process::{Child, ChildStdin, Command};

use crate::limits::{POLL_EVERY, STOPPED_WITHIN};

/// What can be sent to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Stop cleanly.
    Term,
    /// What Ctrl-C sends.
    Int,
    /// Stand still.
    Stop,
    /// Go on.
    Cont,
    /// Be gone.
    Kill,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Signal::Term => "TERM",
            Signal::Int => "INT",
            Signal::Stop => "STOP",
            Signal::Cont => "CONT",
            Signal::Kill => "KILL",
        }
    }
}

/// Sends `signal` to the process `id`, through the shell's own `kill`: every machine has that one.
pub async fn send(signal: Signal, id: u32) -> Result<()> {
    let done = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", signal.name(), &id.to_string()]).status().await?;
    if !done.success() {
        bail!("cannot send SIG{} to process {id}", signal.name());
    }
    Ok(())
}

/// Whether a process with this id is there: it runs, or has not yet closed its files and given up its locks. One that only
/// waits to be noticed by its parent is gone.
pub fn is_there(id: u32) -> bool {
    let process = Path::new("/proc").join(id.to_string());
    let state = std::fs::read_to_string(process.join("stat")).ok();
    let dead = state.is_none_or(|stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X'])));
    // The first thread can be dead while others still close what all share.
    let threads = std::fs::read_dir(process.join("task")).map_or(0, Iterator::count);
    !dead || threads > 1
}

/// A child whose output goes to a log file. Dropped: killed, and waited for, with the children that it has of its own, so
/// that nobody writes into a directory that is removed next. These are not killed: they must end when it does, as nodes of
/// `dev` and processes of `PostgreSQL` do.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Open as long as this process lives: a child that watches it, and only such a one, does not outlive a test that was
    /// killed.
    input: Option<ChildStdin>,
    id: u32,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; what it prints is appended to `log`.
    pub fn start(mut command: Command, log: &Path) -> Result<Process> {
        let open = || File::options().create(true).append(true).open(log).with_context(|| format!("cannot open {}", log.display()));
        let mut child = command.stdin(Stdio::piped()).stdout(open()?).stderr(open()?).kill_on_drop(true).spawn().context("cannot start")?;
        let id = child.id().context("left before it was started")?;
        // Taken out of the child, where waiting for its end would close it.
        let input = child.stdin.take();
        Ok(Process { child, input, id, log: log.to_owned() })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Its exit status, if it has left.
    pub fn left(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Kills it and waits until it is gone.
    pub async fn kill(mut self) -> Result<()> {
        self.child.kill().await.context("cannot kill")
    }

    /// Sends `signal`.
    pub async fn signal(&self, signal: Signal) -> Result<()> {
        send(signal, self.id).await
    }

    /// Waits until it leaves by itself.
    pub async fn wait(&mut self, within: Duration) -> Result<ExitStatus> {
        match tokio::time::timeout(within, self.child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => bail!("process {} still runs after {within:?}; its log is {}", self.id, self.log.display()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // None of one that was waited for.
        let Some(id) = self.child.id() else { return };
        let all: Vec<u32> = children(id).into_iter().chain([id]).collect();
        self.input = None;
        _ = self.child.start_kill();
        let deadline = Instant::now() + STOPPED_WITHIN;
        while all.iter().any(|&id| is_there(id)) && Instant::now() < deadline {
            std::thread::sleep(POLL_EVERY);
        }
    }
}

/// Processes that any thread of the process `id` has started and that still run.
fn children(id: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<u32>>()).collect()
}

/// The last `lines` lines of a file; empty if there is none.
pub fn tail(path: &Path, lines: usize) -> String {
    let text = std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_child_hears_signals_and_its_exit_code_and_output_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("child.log");
        let mut command = Command::new("sh");
        command.args(["-c", "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done"]);
        let mut child = Process::start(command, &log).unwrap();
        crate::wait::until("the child to be up", Duration::from_secs(5), async || tail(&log, 1).contains("up").then_some(()))
            .await
            .unwrap();
        child.signal(Signal::Term).await.unwrap();
        assert_eq!(child.wait(Duration::from_secs(5)).await.unwrap().code(), Some(7));
        assert_eq!(tail(&log, 1), "bye");
    }

    #[tokio::test]
    async fn a_killed_child_is_gone_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new("sleep");
        command.arg("60");
        let child = Process::start(command, &dir.path().join("child.log")).unwrap();
        let id = child.id();
        assert!(is_there(id));
        child.kill().await.unwrap();
        assert!(!is_there(id));
    }

    #[tokio::test]
    async fn a_dropped_child_is_gone_and_so_are_those_that_end_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("child.log");
        let mut command = Command::new("sh");
        // The inner one ends some time after its input did.
        command.args(["-c", "exec 3<&0; (cat; sleep 0.3) <&3 & echo up; wait"]);
        let child = Process::start(command, &log).unwrap();
        crate::wait::until("the child to be up", Duration::from_secs(5), async || tail(&log, 1).contains("up").then_some(()))
            .await
            .unwrap();
        let (own, inner) = (child.id(), children(child.id()));
        assert_eq!(inner.len(), 1);
        drop(child);
        assert!(!is_there(own) && !is_there(inner[0]));
    }
}
