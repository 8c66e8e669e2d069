//! Clusters in one process: real disks, real connections on ports that the system chose.

#![allow(clippy::unwrap_used)] // Helpers of tests, which may.
#![allow(dead_code, unreachable_pub)] // Each test file is a crate of its own and uses its part of this.

pub mod held_disk;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use holdfast_inventory::{Applied, Command, CommandOutcome, CreateSku, LogIndex, NodeId, Params, SettingsPatch, SkuName, Stamp, codec};
use holdfast_raft::{Observer, PeerNode, ProposeError, RaftConfig, RaftNode, Service, SnapshotPolicy, StampSource, StartError, Timing};
use holdfast_storage::{DataDir, Disk, OpenError, OpenMode};
use tempfile::TempDir;

/// Longest wait for anything.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// What an observer was told.
#[derive(Default)]
pub struct Told {
    pub applied: Mutex<Vec<LogIndex>>,
    pub installed: AtomicU64,
}

impl Observer for Told {
    fn applied(&self, batch: Vec<Applied>) {
        self.applied.lock().unwrap().extend(batch.iter().map(|applied| applied.index));
    }

    fn installed(&self) {
        self.installed.fetch_add(1, Ordering::SeqCst);
    }
}

/// Answers with the question reversed; never answers "sleep".
struct Mirror;

impl Service for Mirror {
    fn handle(&self, _from: NodeId, body: Bytes) -> BoxFuture<'static, Bytes> {
        Box::pin(async move {
            if &body[..] == b"sleep" {
                std::future::pending::<()>().await;
            }
            body.iter().rev().copied().collect::<Vec<_>>().into()
        })
    }
}

#[derive(Default)]
struct Counter(AtomicU64);

impl StampSource for Counter {
    fn stamp(&self) -> Stamp {
        Stamp(1_000_000 + self.0.fetch_add(1, Ordering::SeqCst))
    }
}

/// A running node and what its observer heard.
#[derive(Clone)]
pub struct Running {
    pub node: RaftNode,
    pub told: Arc<Told>,
}

/// Members with their directories, running or not.
pub struct Cluster {
    pub members: BTreeMap<NodeId, PeerNode>,
    pub dirs: BTreeMap<NodeId, TempDir>,
    pub running: BTreeMap<NodeId, Running>,
    pub secret: String,
    pub timing: Timing,
    pub snapshots: SnapshotPolicy,
    /// What the stores of every node are on.
    pub disk: Disk,
    listeners: BTreeMap<NodeId, TcpListener>,
}

/// Calm enough for a busy machine.
pub const CALM: Timing = Timing { heartbeat_ms: 100, election_min_ms: 500, election_max_ms: 1_000 };

impl Cluster {
    /// Nodes 1 to `size`, none of them started.
    pub fn new(size: u64) -> Self {
        let listeners: BTreeMap<_, _> = (1..=size).map(|id| (NodeId(id), TcpListener::bind("127.0.0.1:0").unwrap())).collect();
        let member =
            |listener: &TcpListener| PeerNode { peer: listener.local_addr().unwrap().to_string(), weight: 1, ..PeerNode::default() };
        Self {
            members: listeners.iter().map(|(id, listener)| (*id, member(listener))).collect(),
            dirs: (1..=size).map(|id| (NodeId(id), tempfile::tempdir().unwrap())).collect(),
            running: BTreeMap::new(),
            secret: "a secret for tests".into(),
            timing: CALM,
            snapshots: SnapshotPolicy::default(),
            disk: Disk::default(),
            listeners,
        }
    }

    /// A started cluster with a leader and parameters.
    pub async fn started(size: u64) -> Self {
        let mut cluster = Self::new(size);
        cluster.start_all(true).await;
        cluster.founded().await;
        cluster
    }

    pub fn config(&mut self, id: NodeId, bootstrap: bool) -> RaftConfig {
        let address = &self.members[&id].peer;
        let listener = self.listeners.remove(&id).unwrap_or_else(|| rebound(address));
        RaftConfig {
            node: id,
            members: self.members.clone(),
            listener: listener.into(),
            bootstrap,
            params: Params::default(),
            cluster_name: "test".into(),
            cluster_secret: self.secret.clone(),
            timing: self.timing,
            snapshots: self.snapshots,
        }
    }

    pub async fn try_start(&mut self, id: NodeId, bootstrap: bool) -> Result<Running, StartError> {
        let config = self.config(id, bootstrap);
        let running = start_on(config, self.dirs[&id].path(), self.disk.clone()).await?;
        self.running.insert(id, running.clone());
        Ok(running)
    }

    pub async fn start_all(&mut self, bootstrap: bool) {
        let ids: Vec<_> = self.members.keys().copied().filter(|id| !self.running.contains_key(id)).collect();
        let configs: Vec<_> = ids.iter().map(|id| (*id, self.config(*id, bootstrap))).collect();
        let starts = configs.into_iter().map(|(id, config)| {
            let (path, disk) = (self.dirs[&id].path().to_owned(), self.disk.clone());
            async move { (id, start_on(config, &path, disk).await.unwrap()) }
        });
        let started = futures_util::future::join_all(starts).await;
        self.running.extend(started);
    }

    pub async fn stop(&mut self, id: NodeId) {
        let running = self.running.remove(&id).unwrap();
        running.node.shutdown().await;
    }

    pub fn node(&self, id: u64) -> &RaftNode {
        &self.running[&NodeId(id)].node
    }

    /// The leader, once all running nodes agree on it.
    pub async fn leader(&self) -> NodeId {
        eventually("one leader", || {
            let mut views = self.running.values().map(|running| *running.node.leader().borrow());
            let first = views.next()?.leader?;
            (views.all(|view| view.leader == Some(first)) && self.running.contains_key(&first)).then_some(first)
        })
        .await
    }

    pub async fn founded(&self) {
        eventually("parameters everywhere", || {
            let founded = |running: &Running| running.node.inventory().read().unwrap().is_bootstrapped();
            self.running.values().all(founded).then_some(())
        })
        .await;
    }

    /// Puts a SKU into the state through whoever leads.
    pub async fn create_sku(&self, name: &str) -> LogIndex {
        let deadline = Instant::now() + DEADLINE;
        loop {
            assert!(Instant::now() < deadline, "no leader took {name}");
            let leader = self.leader().await;
            match self.running[&leader].node.propose(sku(name)).await {
                Ok((index, _, CommandOutcome::Sku(Ok(_)))) => return index,
                Ok((_, _, other)) => panic!("{other:?}"),
                Err(ProposeError::NotLeader { .. }) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    }

    pub async fn everyone_has(&self, index: LogIndex) {
        for (id, running) in &self.running {
            assert!(running.node.await_applied(index, DEADLINE).await, "node {id} never applied {index}");
        }
    }
}

pub async fn start(config: RaftConfig, path: &Path) -> Result<Running, StartError> {
    start_on(config, path, Disk::default()).await
}

async fn start_on(config: RaftConfig, path: &Path, disk: Disk) -> Result<Running, StartError> {
    let told = Arc::new(Told::default());
    let data = opened(path).await.on_disk(disk);
    let node = RaftNode::start(config, data, Arc::clone(&told) as _, Arc::new(Mirror), Arc::new(Counter::default())).await?;
    Ok(Running { node, told })
}

/// A stopped node lets go of its directory when its last thread ends.
pub async fn opened(path: &Path) -> DataDir {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match DataDir::open(path, OpenMode::Create) {
            Ok(data) => return data,
            Err(OpenError::InUse(_)) if Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A stopped node lets go of its port when its accepting task is gone.
pub fn rebound(address: &str) -> TcpListener {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match TcpListener::bind(address) {
            Ok(listener) => return listener,
            Err(error) => assert!(Instant::now() < deadline, "{address}: {error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// An encoded command that creates a SKU.
pub fn sku(name: &str) -> Bytes {
    let create = CreateSku { name: SkuName::new(name).unwrap(), stock: 1_000_000, settings: SettingsPatch::default() };
    codec::encode(&Command::CreateSku(create)).into()
}

/// Waits until `probe` gives something.
pub async fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The snapshot with the highest index, which its name begins with.
pub fn newest_snapshot(dir: &Path) -> Option<PathBuf> {
    let index = |path: &PathBuf| path.file_stem()?.to_str()?.split('-').next()?.parse::<u64>().ok();
    let files = std::fs::read_dir(dir).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    files.filter(|path| path.extension().is_some_and(|kind| kind == "snap")).max_by_key(index)
}
