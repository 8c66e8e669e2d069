//! One node, from its configuration to its clean end.
//!
//! Order of a start: data directory (so that a second process on it is refused before anything else), addresses,
//! consensus, runtime, HTTP. Order of an end: stop admitting, finish what was admitted, give slices and session back,
//! close the listeners, stop consensus. After a fault nothing is finished and nothing closed but the listeners: a disk that
//! fails may hold for ever whoever waits for it.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use holdfast_inventory::NodeId;
use holdfast_raft::{Fatal, PeerListener, RaftNode, StartError};
use holdfast_storage::{DataDir, Disk, OpenError, OpenMode};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, ConfigError, duration};
use crate::descriptors;
use crate::exit::Exit;
use crate::http::{App, FastOrders, Front};
use crate::limits::FAULT_LINGER;
use crate::listen::{self, BindError, ListenConfig, NoFastPath};
use crate::metrics::Metrics;
use crate::pid_file::PidFile;
use crate::runtime::{Answers, Runtime, Serving};
use crate::wiring;
use crate::{last_resort, log};

/// What one node is started with.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The validated configuration; `node` is one of its members.
    pub config: Config,
    /// Which member this process is.
    pub node: NodeId,
    /// Its data directory.
    pub data: PathBuf,
    /// What that lies on: a test's disk can fail or hang.
    pub disk: Disk,
    /// Whether an empty directory may begin a new cluster.
    pub bootstrap: bool,
    /// Added to this node's wall clock, in milliseconds: for clock faults in tests.
    pub clock_offset_ms: i64,
    /// Cancelled when the node is to stop cleanly.
    pub stop: CancellationToken,
}

/// Why a node did not start, or stopped unasked.
#[derive(Debug, Error)]
pub enum ServeError {
    /// An address could not be bound, or another fault that a restart may mend.
    #[error("{0}")]
    Failed(String),
    /// The disk failed or holds damaged data.
    #[error("{0}")]
    Disk(String),
    /// The data directory is not this node's, or not usable as it is.
    #[error("{0}")]
    DataDirectory(String),
}

impl ServeError {
    /// The exit code that tells a supervisor what happened.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Failed(_) => Exit::Failed,
            Self::Disk(_) => Exit::Disk,
            Self::DataDirectory(_) => Exit::DataDirectory,
        }
    }
}

impl From<OpenError> for ServeError {
    fn from(error: OpenError) -> Self {
        if error.refused() { Self::DataDirectory(error.to_string()) } else { Self::Disk(error.to_string()) }
    }
}

impl From<StartError> for ServeError {
    fn from(error: StartError) -> Self {
        if error.refused() { Self::DataDirectory(error.to_string()) } else { Self::Disk(error.to_string()) }
    }
}

impl From<BindError> for ServeError {
    fn from(error: BindError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<ConfigError> for ServeError {
    fn from(error: ConfigError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<Fatal> for ServeError {
    fn from(fatal: Fatal) -> Self {
        match fatal {
            Fatal::Fault(reason) => Self::Disk(reason),
            Fatal::Refused(reason) => Self::DataDirectory(reason),
        }
    }
}

struct Listeners {
    api: TcpListener,
    admin: TcpListener,
    peer: std::net::TcpListener,
}

/// Runs one node until `options.stop` is cancelled or an essential part ends. After an error the process is to exit without
/// another wait, and is ended if it does not: a disk may hold threads for ever.
pub async fn serve(options: ServeOptions) -> Result<(), ServeError> {
    log_panics();
    let share = descriptors::share_out(&options.config.http);
    let data = DataDir::open(&options.data, OpenMode::Create)?.on_disk(options.disk.clone());
    let listeners = bind(&options).await?;
    // After the lock: a second process that is refused must not overwrite the running node's file. After the listeners: who finds
    // this process's id there knows that whatever answers at its addresses is this process.
    let pid = PidFile::create(&options.data).inspect_err(|error| tracing::warn!(%error, "the process id file could not be written"));
    let drain_limit = duration(options.config.http.drain_timeout_ms);
    let Node { runtime, raft, app, metrics } = tokio::select! {
        biased;
        () = options.stop.cancelled() => return Ok(()),
        started = start(&options, data, listeners.peer.into()) => started?,
    };
    let mut fatal = raft.fatal();
    last_resort::watch(fatal.clone()).map_err(|error| ServeError::Failed(format!("a thread could not be started: {error}")))?;

    let http_stop = CancellationToken::new();
    let upkeep = tokio::spawn(metrics.run_upkeep(http_stop.clone()));
    let http = &options.config.http;
    let bounds = ListenConfig { max_connections: share.api, max_refusals: share.refusals, ..ListenConfig::api(http) };
    let api = listen::serve(listeners.api, Front::api(&app), FastOrders::new(&app), bounds, http_stop.clone());
    let bounds = ListenConfig { max_connections: share.admin, max_refusals: share.refusals, ..ListenConfig::admin(http) };
    let admin = listen::serve(listeners.admin, Front::admin(&app), NoFastPath, bounds, http_stop.clone());
    let serving = tokio::spawn(async move { tokio::join!(api, admin) });
    tracing::info!(node = %options.node, "serving");

    tokio::select! {
        biased;
        () = options.stop.cancelled() => {}
        why = wait_fatal(&mut fatal) => {
            http_stop.cancel();
            drop(tokio::time::timeout(FAULT_LINGER, serving).await);
            #[allow(clippy::mem_forget, reason = "dropping waits for the stores' writers and removes a file, and the disk may hang")]
            std::mem::forget((runtime, pid));
            return Err(ServeError::from(why));
        }
    }
    tracing::info!("stopping: finishing what was admitted, giving slices back");
    runtime.drain(drain_limit).await;
    http_stop.cancel();
    drop(tokio::time::timeout(drain_limit + Duration::from_secs(1), serving).await);
    upkeep.abort();
    drop(tokio::time::timeout(drain_limit, runtime.stop()).await);
    Ok(())
}

/// A node at work, without its listeners.
pub(crate) struct Node {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) raft: RaftNode,
    pub(crate) app: Arc<App<Serving>>,
    pub(crate) metrics: Arc<Metrics>,
}

/// Starts consensus and runtime. With `bootstrap` that may wait for the other members, however long it takes.
pub(crate) async fn start(options: &ServeOptions, data: DataDir, peers: PeerListener) -> Result<Node, ServeError> {
    let metrics = Metrics::new();
    let (runtime, intake) = Runtime::new(wiring::runtime_config(options), Arc::clone(&metrics));
    let service = Arc::new(Answers(Arc::clone(&runtime)));
    let raft_config = wiring::raft_config(options, peers);
    let raft = RaftNode::start(raft_config, data, Arc::clone(&runtime) as _, service, runtime.clock()).await?;
    runtime.start(raft.clone(), intake);
    let Some(port) = Serving::new(&runtime) else {
        return Err(ServeError::Failed("the runtime did not take its Raft node".into()));
    };
    let app = App::new(port, Arc::clone(&metrics), wiring::http_limits(&options.config));
    Ok(Node { runtime, raft, app, metrics })
}

async fn bind(options: &ServeOptions) -> Result<Listeners, ServeError> {
    let Some(me) = options.config.member(options.node) else {
        return Err(ServeError::Failed(format!("node {} is not a member in the configuration", options.node)));
    };
    let host = options.config.cluster.bind_host;
    let api = listen::bind("api", &me.api, host).await?;
    let admin = listen::bind("admin", &me.admin, host).await?;
    let peer = listen::bind("peer", &me.peer, host).await?.into_std().map_err(|error| ServeError::Failed(error.to_string()))?;
    Ok(Listeners { api, admin, peer })
}

async fn wait_fatal(fatal: &mut tokio::sync::watch::Receiver<Option<Fatal>>) -> Fatal {
    loop {
        if let Some(why) = fatal.borrow_and_update().clone() {
            return why;
        }
        if fatal.changed().await.is_err() {
            return Fatal::Fault("consensus ended unasked".into());
        }
    }
}

/// Panics reach the log, and standard error by it: a thread that panics with the state in its hands does not wait for a stream. One that
/// broke shared state is found at its lock, and the node leaves rather than serve from it; one of a handler ends that request.
fn log_panics() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !log::is_started() {
            before(info);
        }
        let trace = Backtrace::capture();
        if trace.status() == BacktraceStatus::Captured {
            tracing::error!(%info, %trace, "panic");
        } else {
            tracing::error!(%info, "panic");
        }
    }));
}
