//! What the HTTP handlers see of the runtime.

use std::sync::RwLockReadGuard;
use std::sync::atomic::Ordering;

use holdfast_inventory::desk::{Answer, Ask, ClusterTime};
use holdfast_inventory::{Command, CommandOutcome, Inventory, LogIndex, Millis, NodeId, Stamp};
use holdfast_storage::OrderLog;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::waiter::{Many, Waiter};
use super::{Runtime, limits, read};
use crate::http::port::{ClusterView, Port, Unavailable};

/// The runtime with its Raft node: what is served. Handlers exist only once consensus runs.
#[derive(Clone)]
pub struct Serving {
    runtime: std::sync::Arc<Runtime>,
    raft: holdfast_raft::RaftNode,
}

impl Serving {
    /// The started runtime; `None` before [`Runtime::start`].
    pub fn new(runtime: &std::sync::Arc<Runtime>) -> Option<Self> {
        Some(Self { runtime: std::sync::Arc::clone(runtime), raft: runtime.consensus()?.clone() })
    }
}

impl Port for Serving {
    async fn submit(&self, ask: Ask) -> Answer {
        let (sender, receiver) = oneshot::channel();
        self.runtime.admit(ask, Waiter::One(sender));
        // The Desk answers everyone; a lost sender means that the node is leaving.
        receiver.await.unwrap_or(Answer::OutcomeUnknown)
    }

    async fn submit_many(&self, asks: Vec<Ask>) -> Vec<Answer> {
        let count = asks.len();
        if count == 0 {
            return Vec::new();
        }
        let (many, receiver) = Many::new(count);
        self.runtime.admit_many(asks, &many);
        drop(many);
        receiver.await.unwrap_or_else(|_| vec![Answer::OutcomeUnknown; count])
    }

    async fn sku_command(&self, command: Command<'static>) -> Result<(LogIndex, Stamp, CommandOutcome), Unavailable> {
        if self.runtime.draining.load(Ordering::Acquire) {
            return Err(Unavailable::Draining);
        }
        self.runtime.command(&command).await
    }

    async fn linearize(&self) -> Result<LogIndex, Unavailable> {
        let index = self.runtime.read_index().await?;
        if self.raft.await_applied(index, limits::AWAIT_APPLIED).await { Ok(index) } else { Err(Unavailable::Stale) }
    }

    async fn await_applied(&self, index: LogIndex) -> bool {
        self.raft.await_applied(index, limits::AWAIT_APPLIED).await
    }

    async fn ask_freshness(&self) -> bool {
        let asked = self.runtime.clock.moment();
        let mut proofs = self.runtime.proof.subscribe();
        let proved = async {
            loop {
                self.runtime.probe_wanted.notify_one();
                drop(timeout(limits::READ_TRY_TIMEOUT, proofs.changed()).await);
                if proofs.borrow_and_update().is_some_and(|proof| proof.sent >= asked) {
                    return;
                }
            }
        };
        timeout(limits::READ_TIMEOUT, proved).await.is_ok()
    }

    fn inventory(&self) -> RwLockReadGuard<'_, Inventory> {
        read(self.raft.inventory())
    }

    fn orders(&self) -> &OrderLog {
        self.raft.orders()
    }

    fn time(&self) -> ClusterTime {
        self.runtime.clock.cluster()
    }

    fn node(&self) -> NodeId {
        self.runtime.config.node
    }

    fn is_fresh(&self) -> bool {
        let now = self.runtime.clock.moment();
        self.runtime.proof.borrow().is_some_and(|proof| now.since(proof.sent) <= self.runtime.config.desk.fresh_for)
    }

    fn fresh_as_of(&self) -> Option<Stamp> {
        self.runtime.proof.borrow().map(|proof| proof.as_of)
    }

    fn readiness(&self) -> Result<(), String> {
        if self.runtime.draining.load(Ordering::Acquire) {
            return Err("the node is stopping".into());
        }
        if self.raft.leader().borrow().leader.is_none() {
            return Err("no leader is known: a majority of the members must be up and reach each other".into());
        }
        if self.runtime.clock.is_settling() {
            return Err("the cluster clock is being set after a pause of the whole cluster".into());
        }
        if !self.runtime.is_proven() {
            return Err("no majority of the members confirmed this node's state lately: they must be up and reach each other".into());
        }
        let state = self.inventory();
        if !state.is_bootstrapped() {
            return Err("the cluster has not been set up yet".into());
        }
        let session = state.session_of(self.node()).is_some_and(|s| s.open && s.incarnation == self.raft.identity().incarnation);
        if session { Ok(()) } else { Err("the node has no session yet: it is catching up with the log".into()) }
    }

    async fn cluster(&self) -> ClusterView {
        self.runtime.cluster(&self.raft).await
    }

    fn request_ttl(&self) -> Millis {
        self.runtime.config.request_ttl
    }

    fn applied(&self) -> watch::Receiver<LogIndex> {
        self.runtime.applied.subscribe()
    }

    fn stopping(&self) -> CancellationToken {
        self.runtime.leaving.clone()
    }
}
