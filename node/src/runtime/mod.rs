//! The node at work: carries the effects of the Desk, the clock and the leader's policy out over Raft.
//!
//! Promises: an order is acknowledged only from this node's own apply; every wait is bounded; no lock is held across an
//! await. Locks nest in one order only: Desk, then state.
//!
//! Map: `desk_side` the Desk and its effects · `leader_side` policy and reports on the leader · `group` the batches
//! that it logs together · `links` asking the leader · `answers` what other nodes ask · `session`, `probe`, `report` the
//! errands of a follower · `clock`, `steering` time · `port` what the HTTP handlers see · `standing` the cluster for
//! operators.

mod alarm;
mod answers;
mod clock;
mod desk_side;
mod errands;
mod group;
mod leader_side;
pub mod limits;
mod links;
mod message;
mod port;
mod standing;
mod steering;
mod views;
mod waiter;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, RwLock, RwLockReadGuard};

use bytes::Bytes;
use holdfast_inventory::desk::{Desk, DeskConfig};
use holdfast_inventory::reconcile::{ReconcileConfig, Reconciler};
use holdfast_inventory::{LogIndex, Millis, NodeId, OpenSession, SkuId};
use holdfast_raft::RaftNode;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metrics::Metrics;
use alarm::Alarm;
use group::{Batch, Group};
use leader_side::PeerReports;
use waiter::Waiter;

pub use answers::Answers;
pub(crate) use clock::Clock;
pub use desk_side::Proof;
pub use port::Serving;

/// What a runtime is made of.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// Which member this is.
    pub node: NodeId,
    /// The Desk's times and bounds; its incarnation is taken from the data directory.
    pub desk: DeskConfig,
    /// The policy's weights and times.
    pub reconcile: ReconcileConfig,
    /// How long after its admission a request may still be applied.
    pub request_ttl: Millis,
    /// It reports to the leader this often.
    pub report_every: std::time::Duration,
    /// As the leader it looks at the stock this often.
    pub reconcile_every: std::time::Duration,
    /// Where its files are, for the disk's numbers.
    pub data: std::path::PathBuf,
    /// Added to this node's wall clock: for clock faults in tests.
    pub wall_offset_ms: i64,
}

/// The node at work. One for each process; shared by all tasks and handlers.
pub struct Runtime {
    config: RuntimeConfig,
    clock: Arc<Clock>,
    metrics: Arc<Metrics>,
    core: OnceLock<Core>,
    alarm: Alarm,
    /// Batches for the proposer; the Desk has one in flight, so that few places are enough.
    proposals: mpsc::Sender<Bytes>,
    /// When the batch in flight was first proposed, in microseconds; zero while none is.
    proposed_at: AtomicU64,
    /// What the leader holds back to log it together.
    group: Mutex<Group<Batch>>,
    group_alarm: Alarm,
    /// Batches that this leader queued and consensus dropped.
    dropped: mpsc::Sender<Bytes>,
    session_wanted: watch::Sender<Option<OpenSession>>,
    probe_wanted: Notify,
    report_wanted: Notify,
    refills: Mutex<BTreeMap<SkuId, (u64, u64)>>,
    applied: watch::Sender<LogIndex>,
    proof: watch::Sender<Option<Proof>>,
    policy: Mutex<Reconciler>,
    policy_wanted: Notify,
    reports: Mutex<PeerReports>,
    leads: AtomicBool,
    /// Whether a majority answered when that was last looked at.
    had_majority: AtomicBool,
    /// Whether it answered, and this node did not come as far as that in time.
    is_behind: AtomicBool,
    /// Whether buyers asked anything since the last report.
    asked: AtomicBool,
    draining: AtomicBool,
    drained: Notify,
    stopping: CancellationToken,
    /// Cancelled when the node drains: event streams end, so that they do not hold its listeners open.
    leaving: CancellationToken,
    tasks: TaskTracker,
}

/// What exists once consensus runs: a Desk belongs to one incarnation of the data directory.
struct Core {
    raft: RaftNode,
    desk: Mutex<Desk<Waiter>>,
}

/// The receiving ends that [`Runtime::start`] needs.
pub struct Intake {
    proposals: mpsc::Receiver<Bytes>,
    dropped: mpsc::Receiver<Bytes>,
}

impl Runtime {
    /// A runtime without a Raft node: it is the observer and the service that the Raft node is started with.
    pub fn new(config: RuntimeConfig, metrics: Arc<Metrics>) -> (Arc<Self>, Intake) {
        let (proposals, to_propose) = mpsc::channel(limits::PROPOSALS_QUEUED);
        let (dropped, to_repeat) = mpsc::channel(limits::PROPOSALS_QUEUED);
        let runtime = Self {
            clock: Arc::new(Clock::start(config.wall_offset_ms)),
            metrics,
            core: OnceLock::new(),
            alarm: Alarm::default(),
            proposals,
            proposed_at: AtomicU64::new(0),
            group: Mutex::default(),
            group_alarm: Alarm::default(),
            dropped,
            session_wanted: watch::Sender::new(None),
            probe_wanted: Notify::new(),
            report_wanted: Notify::new(),
            refills: Mutex::new(BTreeMap::new()),
            applied: watch::Sender::new(LogIndex(0)),
            proof: watch::Sender::new(None),
            policy: Mutex::new(Reconciler::new(config.reconcile.clone())),
            policy_wanted: Notify::new(),
            reports: Mutex::new(PeerReports::default()),
            leads: AtomicBool::new(false),
            had_majority: AtomicBool::new(false),
            is_behind: AtomicBool::new(false),
            asked: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            drained: Notify::new(),
            stopping: CancellationToken::new(),
            leaving: CancellationToken::new(),
            tasks: TaskTracker::new(),
            config,
        };
        (Arc::new(runtime), Intake { proposals: to_propose, dropped: to_repeat })
    }

    /// The clock that stamps entries while this node leads.
    pub(crate) fn clock(&self) -> Arc<Clock> {
        Arc::clone(&self.clock)
    }

    /// Takes the Raft node up and begins to work.
    pub fn start(self: &Arc<Self>, raft: RaftNode, intake: Intake) {
        let desk = DeskConfig { incarnation: raft.identity().incarnation, ..self.config.desk };
        if self.core.set(Core { raft, desk: Mutex::new(Desk::new(desk)) }).is_err() {
            return;
        }
        // What was applied during the start was not told to the Desk: it begins from the state as it is.
        self.desk_reloaded();
        self.spawn(Self::run_alarm(Arc::clone(self)));
        self.spawn(Self::run_proposer(Arc::clone(self), intake.proposals));
        self.spawn(Self::run_group(Arc::clone(self)));
        self.spawn(Self::run_dropped(Arc::clone(self), intake.dropped));
        self.spawn(Self::run_sessions(Arc::clone(self)));
        self.spawn(Self::run_probes(Arc::clone(self)));
        self.spawn(Self::run_reports(Arc::clone(self)));
        self.spawn(Self::run_leadership(Arc::clone(self)));
        self.spawn(Self::run_policy(Arc::clone(self)));
        self.with_desk(|desk, records, now, out| desk.wake(now, records, out));
    }

    /// Runs a task until it ends or the node stops.
    fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let stopping = self.stopping.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = stopping.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Stops admitting, finishes what was admitted, gives slices and session back. Bounded by `limit`; what is left then
    /// is settled by the other nodes: they reclaim the slices.
    pub async fn drain(self: &Arc<Self>, limit: std::time::Duration) {
        self.draining.store(true, std::sync::atomic::Ordering::Release);
        self.leaving.cancel();
        self.with_desk(|desk, records, now, out| desk.drain(now, records, out));
        let done = async {
            self.wait_drained().await;
            self.close_session().await;
        };
        if tokio::time::timeout(limit, done).await.is_err() {
            tracing::warn!("stopping before every slice was returned: the other nodes will reclaim them");
        }
    }

    /// Ends every task, then consensus.
    pub async fn stop(&self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        if let Some(core) = self.core.get() {
            core.raft.shutdown().await;
        }
    }

    fn consensus(&self) -> Option<&RaftNode> {
        self.core.get().map(|core| &core.raft)
    }

    fn state(&self) -> Option<RwLockReadGuard<'_, holdfast_inventory::Inventory>> {
        self.core.get().map(|core| read(core.raft.inventory()))
    }
}

/// Locks; a lock poisoned by a panic means that something broke in the middle of a change, and the node must not go on.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|_| broken())
}

/// Locks for reading; as [`locked`].
pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(|_| broken())
}

/// Leaves at once: what this process holds in memory can no longer be trusted.
fn broken() -> ! {
    tracing::error!("a task panicked while it changed shared state: the node leaves rather than serve from it");
    crate::log::written_out();
    std::process::exit(crate::exit::Exit::Disk as i32)
}
