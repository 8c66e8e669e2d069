//! The handle of a running node.

use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use holdfast_inventory::{CommandOutcome, Inventory, LogIndex, NodeId, Params, Stamp, codec};
use holdfast_storage::{DataDir, Identity, OrderLog};
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{ClientWriteError, ForwardToLeader, LinearizableReadError, RaftError};
use openraft::raft::ClientWriteResult;
use openraft::{ReadPolicy, ServerState};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::alarm::Alarm;
use crate::network::Calls;
use crate::start::{self, Given};
use crate::types::{Consensus, Hearer, Payload, TypeConfig, log_index};
use crate::wire::ForwardBody;
use crate::{
    CallError, Fatal, LeaderView, Observer, ProposeError, RaftConfig, RaftRole, RaftStatus, Service, StampSource, StartError, limits,
    membership, watcher,
};

/// A running node; clones are handles of the same one. It stops when the last is dropped, and in order by
/// [`shutdown`](Self::shutdown).
#[derive(Clone)]
pub struct RaftNode(Arc<Handle>);

/// A handle that keeps nothing running.
pub(crate) struct WeakNode(Weak<Handle>);

impl WeakNode {
    pub(crate) fn upgrade(&self) -> Option<RaftNode> {
        self.0.upgrade().map(RaftNode)
    }
}

pub(crate) struct Handle {
    pub(crate) own: NodeId,
    pub(crate) identity: Identity,
    pub(crate) consensus: Consensus,
    pub(crate) inventory: Arc<RwLock<Inventory>>,
    pub(crate) orders: OrderLog,
    pub(crate) calls: Arc<Calls>,
    pub(crate) service: Arc<dyn Service>,
    pub(crate) stamps: Arc<dyn StampSource>,
    pub(crate) progress: watch::Receiver<LogIndex>,
    pub(crate) leader: watch::Receiver<LeaderView>,
    /// A leader that no quorum answered for so long takes no proposals.
    pub(crate) lease_ms: u64,
    pub(crate) alarm: Alarm,
    /// Cancelled when no peer is answered any more.
    pub(crate) stopping: CancellationToken,
    pub(crate) serving: Mutex<Option<AbortOnDropHandle<()>>>,
    pub(crate) tasks: Mutex<Vec<AbortOnDropHandle<()>>>,
}

impl std::fmt::Debug for RaftNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RaftNode").field("node", &self.0.own).finish_non_exhaustive()
    }
}

impl RaftNode {
    /// Resumes from the data directory, or makes a new cluster with the other members. Returns when consensus runs: with
    /// `bootstrap`, that is after every configured member answered, however long it takes. The observer hears of replayed
    /// entries and of a restored snapshot before that. Dropping the future stops what was started.
    // Boxed, so that all of openraft is compiled here, and not once more in every crate and test that waits for it.
    pub fn start(
        config: RaftConfig,
        data: DataDir,
        observer: Arc<dyn Observer>,
        service: Arc<dyn Service>,
        stamps: Arc<dyn StampSource>,
    ) -> BoxFuture<'static, Result<RaftNode, StartError>> {
        Box::pin(start::start(config, data, Given { observer, service, stamps }))
    }

    /// Who this disk is in this start: its incarnation, its cluster.
    pub fn identity(&self) -> &Identity {
        &self.0.identity
    }

    pub(crate) fn new(handle: Handle) -> Self {
        Self(Arc::new(handle))
    }

    /// Has the cluster founded once this node leads it; a founded one needs no watching.
    pub(crate) fn watch_founding(&self, params: Params) {
        if !self.0.inventory.read().unwrap_or_else(PoisonError::into_inner).is_bootstrapped() {
            let founding = AbortOnDropHandle::new(tokio::spawn(watcher::found(WeakNode(Arc::downgrade(&self.0)), self.leader(), params)));
            self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(founding);
        }
    }

    /// On the leader: stamps an encoded command, appends it and waits until it was applied here. Dropping the future
    /// leaves the outcome unknown.
    pub async fn propose(&self, command: Bytes) -> Result<(LogIndex, Stamp, CommandOutcome), ProposeError> {
        let payload = self.stamped(&command)?;
        match self.0.consensus.client_write(payload).await {
            Ok(written) => Ok((written.data.index, written.data.stamp, written.data.outcome)),
            Err(RaftError::Fatal(_)) => Err(ProposeError::Stopped),
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(to))) => Err(not_leader(&to)),
            Err(RaftError::APIError(_)) => Err(ProposeError::Unknown),
        }
    }

    /// On the leader: stamps an encoded command and returns when it is queued. It may still be dropped before it is logged: `dropped` is
    /// given the command then, unless the node stops. What was logged and is lost with the lead nobody hears of.
    pub async fn propose_unwatched(&self, command: Bytes, dropped: impl FnOnce(Bytes) + Send + 'static) -> Result<(), ProposeError> {
        let view = *self.0.leader.borrow();
        if !view.is_self {
            return Err(ProposeError::NotLeader { leader: view.leader });
        }
        if !self.has_quorum() {
            return Err(ProposeError::NotLeader { leader: None });
        }
        let payload = self.stamped(&command)?;
        let command = codec::command_of(&payload.0);
        // Consensus comes to it later, and drops it if no quorum has answered by then.
        let heard = Hearer(Box::new(|written: ClientWriteResult<TypeConfig>| {
            if let Err(ClientWriteError::ForwardToLeader(_)) = written {
                dropped(command);
            }
        }));
        self.0.consensus.client_write_ff(payload, Some(heard)).await.map_err(|_| ProposeError::Stopped)
    }

    /// Whether a quorum answered this leader within its lease, as far as was told.
    fn has_quorum(&self) -> bool {
        let is_alone = self.0.identity.cluster.as_ref().is_some_and(|roster| roster.members.len() == 1);
        let metrics = self.0.consensus.metrics();
        let acked = metrics.borrow_watched().last_quorum_acked;
        is_alone || acked.is_some_and(|at| membership::elapsed_ms(&*at) < self.0.lease_ms)
    }

    fn stamped(&self, command: &[u8]) -> Result<Payload, ProposeError> {
        let entry = codec::stamp_entry(self.0.stamps.stamp(), command);
        if entry.len() > limits::MAX_ENTRY_BYTES {
            return Err(ProposeError::TooLong(entry.len()));
        }
        Ok(Payload(entry))
    }

    /// On the leader: an index that holds everything acknowledged before this call, after a quorum confirmed the
    /// leader since. It may not be applied here yet.
    pub async fn read_index(&self) -> Result<LogIndex, ProposeError> {
        match self.0.consensus.get_read_log_id(ReadPolicy::ReadIndex).await {
            Ok((read, _)) => Ok(log_index(read.log_id())),
            Err(RaftError::Fatal(_)) => Err(ProposeError::Stopped),
            Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(to))) => Err(not_leader(&to)),
            Err(RaftError::APIError(_)) => Err(ProposeError::NotLeader { leader: None }),
        }
    }

    /// Waits until `index` is in the state; false when `limit` passed first.
    pub async fn await_applied(&self, index: LogIndex, limit: Duration) -> bool {
        let mut progress = self.0.progress.clone();
        let reached = progress.wait_for(|applied| *applied >= index);
        matches!(tokio::time::timeout(limit, reached).await, Ok(Ok(_)))
    }

    /// The replicated state. Never hold the lock across an await.
    pub fn inventory(&self) -> &Arc<RwLock<Inventory>> {
        &self.0.inventory
    }

    /// The order log. Its calls block.
    pub fn orders(&self) -> &OrderLog {
        &self.0.orders
    }

    /// Who leads, as it changes.
    pub fn leader(&self) -> watch::Receiver<LeaderView> {
        self.0.leader.clone()
    }

    /// Where the node stands.
    pub fn status(&self) -> RaftStatus {
        // Copied at once: holding the value would stall consensus.
        let now = self.0.consensus.metrics().borrow_watched().clone();
        let at = |id: &Option<crate::types::LogId>| id.as_ref().map_or(LogIndex(0), log_index);
        RaftStatus {
            state: match now.state {
                _ if now.running_state.is_err() => RaftRole::Stopped,
                ServerState::Learner => RaftRole::Learner,
                ServerState::Follower => RaftRole::Follower,
                ServerState::Candidate => RaftRole::Candidate,
                ServerState::Leader => RaftRole::Leader,
                ServerState::Shutdown => RaftRole::Stopped,
            },
            term: now.current_term,
            leader: now.current_leader.map(NodeId),
            last_log: LogIndex(now.last_log_index.map_or(0, |index| index + 1)),
            committed: at(&now.cluster_committed),
            applied: *self.0.progress.borrow(),
            snapshot_index: at(&now.snapshot),
            purged: at(&now.purged),
            members: membership::status(&now),
            last_quorum_ack_ms: now.last_quorum_acked.map(|at| membership::elapsed_ms(&*at)),
        }
    }

    /// Asks another node's [`Service`], or this one's own. Calls of one peer share a connection and may overtake each
    /// other. Dropping the future leaves open whether it was handled.
    pub async fn call(&self, peer: NodeId, body: Bytes, timeout: Duration) -> Result<Bytes, CallError> {
        if body.len() > limits::MAX_CALL_BYTES {
            return Err(CallError::TooLong(body.len()));
        }
        if peer == self.0.own {
            let handled = tokio::time::timeout(timeout, self.0.service.handle(peer, body));
            return handled.await.map_err(|_| CallError::Timeout);
        }
        self.0.calls.call(peer.0, ForwardBody::Service(body), timeout).await?.ok_or(CallError::Broken)
    }

    /// Becomes `Some` when the node must leave.
    pub fn fatal(&self) -> watch::Receiver<Option<Fatal>> {
        self.0.alarm.watch()
    }

    /// Stops answering peers, then every task of the node, then consensus, which nobody asks any more by then and which
    /// therefore ends without complaint. What was acknowledged is durable already; the order log writes out
    /// the rest when the last handle is dropped.
    pub async fn shutdown(&self) {
        self.0.stopping.cancel();
        let serving = self.0.serving.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(serving) = serving {
            // Its end is all that matters.
            drop(serving.await);
        }
        let tasks = std::mem::take(&mut *self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            task.abort();
            // Cancelled, as just asked.
            drop(task.await);
        }
        if let Err(error) = self.0.consensus.shutdown().await {
            tracing::warn!(%error, "consensus did not stop in order");
        }
    }
}

fn not_leader(to: &ForwardToLeader<TypeConfig>) -> ProposeError {
    ProposeError::NotLeader { leader: to.leader_id.map(NodeId) }
}
