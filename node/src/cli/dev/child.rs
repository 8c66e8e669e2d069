//! The node processes of a `dev` cluster.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::future::pending;
use std::io;
use std::num::NonZero;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use holdfast_inventory::NodeId;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::layout::Layout;
use crate::cli::failure::Failure;
use crate::exit::Exit;
use crate::limits::{DEV_RESTART_PAUSE, DEV_STOP_TIMEOUT};
use crate::pid_file::PidFile;

/// How many worker threads the runtime of a process has, in its environment; as many as cores if it is not set.
const WORKER_THREADS: &str = "TOKIO_WORKER_THREADS";

/// What the C library's allocator is told, in the environment of a process; nothing is told to another library's.
const ALLOCATOR: &str = "GLIBC_TUNABLES";

/// Memory in huge pages, where the system gives them to who asks: a state of millions of orders is read all over, and where its small
/// pages lie is more than a core remembers. What an arena takes bit by bit is not asked for so: it takes 64 MiB at once, the most that
/// a thread's arena can. With that set, the size from which a block is mapped by itself no longer grows by use: it is given, so that no
/// buffer of a large call is mapped anew each time.
const HUGE_PAGES: &str = "glibc.malloc.hugetlb=1:glibc.malloc.top_pad=67108864:glibc.malloc.mmap_threshold=33554432";

/// How a node process ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// Which node.
    pub(super) node: NodeId,
    /// In words.
    pub(super) how: String,
    /// Killed, not ended by itself.
    pub(super) by_signal: bool,
    /// What its exit code means; a signal is a failure.
    pub(super) exit: Exit,
}

/// The process ids of the nodes, as last started.
#[derive(Clone, Debug, Default)]
pub(super) struct Started(Arc<Mutex<BTreeMap<NodeId, u32>>>);

impl Started {
    fn note(&self, node: NodeId, child: &Child) {
        if let Some(pid) = child.id() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(node, pid);
        }
    }

    /// Whether the process that was started for `node` has taken the node's addresses.
    pub(super) fn has_bound(&self, layout: &Layout, node: NodeId) -> bool {
        let started = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&node).copied();
        started.is_some() && PidFile::read(&layout.data(node)) == started
    }
}

/// The running node processes; each is owned by a task that ends with it.
#[derive(Debug)]
pub(super) struct Children<'a> {
    layout: &'a Layout,
    program: PathBuf,
    running: JoinSet<Ended>,
    started: Started,
    stop: CancellationToken,
}

impl<'a> Children<'a> {
    /// Starts all nodes. `--bootstrap` goes with each start: without effect where there is state.
    pub(super) fn new(layout: &'a Layout) -> io::Result<Self> {
        let (running, started, stop) = (JoinSet::new(), Started::default(), CancellationToken::new());
        let mut children = Self { layout, program: std::env::current_exe()?, running, started, stop };
        for member in &layout.config().members {
            let child = children.command(member.id)?.spawn()?;
            children.started.note(member.id, &child);
            children.running.spawn(own(member.id, child, children.stop.clone()));
        }
        Ok(children)
    }

    /// Starts a node again, after a pause so that one that can't run does not take the machine.
    pub(super) fn start_again(&mut self, node: NodeId) -> io::Result<()> {
        let (mut command, started, stop) = (self.command(node)?, self.started.clone(), self.stop.clone());
        self.running.spawn(async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ended { node, how: "not started again".into(), by_signal: false, exit: Exit::Done },
                () = sleep(DEV_RESTART_PAUSE) => {}
            }
            match command.spawn() {
                Ok(child) => {
                    started.note(node, &child);
                    own(node, child, stop).await
                }
                Err(error) => Ended { node, how: error.to_string(), by_signal: false, exit: Exit::Failed },
            }
        });
        Ok(())
    }

    /// Who runs now, also of nodes that are started later.
    pub(super) fn started(&self) -> Started {
        self.started.clone()
    }

    /// Whether every node has ended.
    pub(super) fn none_runs(&self) -> bool {
        self.running.is_empty()
    }

    /// The next node that ends; waits for ever if none runs. Cancel safe.
    pub(super) async fn next_end(&mut self) -> Ended {
        loop {
            match self.running.join_next().await {
                Some(Ok(ended)) => return ended,
                Some(Err(error)) => tracing::error!(%error, "the watch over a node failed"),
                None => pending().await,
            }
        }
    }

    /// Tells all nodes to stop and waits for them; kills those that do not within the time they have.
    pub(super) async fn stop(mut self) -> Result<(), Failure> {
        self.stop.cancel();
        let mut unclean = Vec::new();
        while let Some(ended) = self.running.join_next().await {
            match ended {
                Ok(ended) if ended.exit == Exit::Done => {}
                Ok(ended) => unclean.push(format!("node {} ({})", ended.node, ended.how)),
                Err(error) => unclean.push(error.to_string()),
            }
        }
        if unclean.is_empty() { Ok(()) } else { Err(Failure::Failed(format!("did not stop cleanly: {}", unclean.join(", ")))) }
    }

    fn command(&self, node: NodeId) -> io::Result<Command> {
        let log = log_file(self.layout, node)?;
        let mut command = Command::new(&self.program);
        command.arg("serve").arg("--config").arg(self.layout.config_file()).arg("--node").arg(node.to_string());
        command.arg("--data").arg(self.layout.data(node)).arg("--bootstrap").arg("--stop-on-stdin-close");
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        let threads = share_of(cores, self.layout.config().members.len()).to_string();
        for (name, value) in [(WORKER_THREADS, threads.as_str()), (ALLOCATOR, HUGE_PAGES)] {
            if std::env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        // A group of its own: Ctrl-C in the terminal reaches this process alone, which then stops the nodes in its own way.
        command.process_group(0).kill_on_drop(true);
        Ok(command)
    }
}

/// The threads of one of several nodes on one machine. More than its share of the cores would be woken only to look for work
/// that another node's threads hold up.
fn share_of(cores: usize, nodes: usize) -> usize {
    (cores / nodes.max(1)).max(1)
}

fn log_file(layout: &Layout, node: NodeId) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(layout.log(node))
}

/// Owns a node process until it ends, by itself or because `stop` asks for it.
async fn own(node: NodeId, mut child: Child, stop: CancellationToken) -> Ended {
    // Taken out, because waiting closes it, and its end tells the node to stop.
    let input = child.stdin.take();
    let ended = tokio::select! {
        biased;
        ended = child.wait() => Some(ended),
        () = stop.cancelled() => None,
    };
    drop(input);
    let ended = match ended {
        Some(ended) => ended,
        None => finish(&mut child).await,
    };
    describe(node, ended)
}

async fn finish(child: &mut Child) -> io::Result<ExitStatus> {
    if let Ok(ended) = timeout(DEV_STOP_TIMEOUT, child.wait()).await {
        return ended;
    }
    child.start_kill()?;
    child.wait().await
}

fn describe(node: NodeId, ended: io::Result<ExitStatus>) -> Ended {
    match ended {
        Ok(status) => {
            let signal = status.signal();
            let code = || status.code().map_or_else(|| "unknown".to_owned(), |code| format!("exit code {code}"));
            Ended {
                node,
                how: signal.map_or_else(code, |signal| format!("signal {signal}")),
                by_signal: signal.is_some(),
                exit: status.code().map_or(Exit::Failed, Exit::from_code),
            }
        }
        Err(error) => Ended { node, how: error.to_string(), by_signal: false, exit: Exit::Failed },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Child {
        Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
    }

    #[tokio::test]
    async fn a_child_that_ends_is_described_by_code_or_signal() {
        let by_code = own(NodeId(1), shell("exit 4"), CancellationToken::new()).await;
        assert_eq!((by_code.how.as_str(), by_code.by_signal, by_code.exit), ("exit code 4", false, Exit::DataDirectory));
        let by_signal = own(NodeId(1), shell("kill -9 $$"), CancellationToken::new()).await;
        assert_eq!((by_signal.how.as_str(), by_signal.by_signal), ("signal 9", true));
    }

    #[test]
    fn the_nodes_share_the_cores_and_each_has_a_thread() {
        for (cores, nodes, threads) in [(2, 3, 1), (3, 3, 1), (8, 3, 2), (16, 1, 16), (1, 7, 1), (4, 0, 4)] {
            assert_eq!(share_of(cores, nodes), threads, "{nodes} nodes on {cores} cores");
        }
    }

    #[tokio::test]
    async fn a_child_stops_when_its_input_ends() {
        let stop = CancellationToken::new();
        stop.cancel();
        let ended = own(NodeId(1), shell("cat > /dev/null; exit 0"), stop).await;
        assert_eq!(ended.exit, Exit::Done, "{ended:?}");
    }
}
