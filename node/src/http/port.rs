//! What the handlers need of the node, and nothing else of it.
//!
//! The runtime implements [`Port`]; tests put a fake in its place. Handlers turn HTTP into calls of this trait and its
//! answers into HTTP: they hold no stock, no session, no Raft, and spawn nothing that outlives their request.
//!
//! *Contract for every waiting call:* it ends by itself within a bound, also when nobody leads; dropping its future
//! (the buyer hung up) changes nothing about what was submitted.

use std::future::Future;
use std::sync::{Arc, RwLockReadGuard};

use holdfast_inventory::desk::{Answer, Ask, ClusterTime};
use holdfast_inventory::{Command, CommandOutcome, Inventory, LogIndex, Millis, NodeId, SessionId, Stamp};
use holdfast_storage::OrderLog;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// The node behind the handlers.
pub trait Port: Send + Sync + 'static {
    /// Hands one request to the Desk and waits for its answer.
    fn submit(&self, ask: Ask) -> impl Future<Output = Answer> + Send;

    /// Hands many requests over at once: one lock, one message back. Answers stand in the order of `asks`, one for each.
    fn submit_many(&self, asks: Vec<Ask>) -> impl Future<Output = Vec<Answer>> + Send;

    /// Has the leader log a SKU command, wherever it is; when this returns, this node has applied it.
    fn sku_command(&self, command: Command<'static>)
    -> impl Future<Output = Result<(LogIndex, Stamp, CommandOutcome), Unavailable>> + Send;

    /// Waits until this node has applied everything that was acknowledged anywhere before the call.
    fn linearize(&self) -> impl Future<Output = Result<LogIndex, Unavailable>> + Send;

    /// Waits, for a bounded time, until this node has applied `index`; false if it has not.
    fn await_applied(&self, index: LogIndex) -> impl Future<Output = bool> + Send;

    /// Waits, for a bounded time, for a proof that this node's state is fresh; false if none came.
    fn ask_freshness(&self) -> impl Future<Output = bool> + Send;

    /// The replicated state. Never held across an await, never for longer than a handful of look-ups.
    fn inventory(&self) -> RwLockReadGuard<'_, Inventory>;

    /// The order log. Its reads may touch the disk: handlers call it on a blocking thread.
    fn orders(&self) -> &OrderLog;

    /// This node's estimate of cluster time.
    fn time(&self) -> ClusterTime;

    /// Which member this is.
    fn node(&self) -> NodeId;

    /// Whether "sold out" may be said now: a freshness proof no older than the staleness bound, and applied.
    fn is_fresh(&self) -> bool;

    /// Cluster time at which the last freshness proof was asked for, not later than it truly was: what was acknowledged by
    /// then, this node knows. None before the first.
    fn fresh_as_of(&self) -> Option<Stamp>;

    /// Whether this node can serve an order now, and if not, why, in one sentence.
    fn readiness(&self) -> Result<(), String>;

    /// Members, leader and progress as this node sees them.
    fn cluster(&self) -> impl Future<Output = ClusterView> + Send;

    /// How long after its admission a request may still be applied.
    fn request_ttl(&self) -> Millis;

    /// The applied index as it moves: wakes the event streams.
    fn applied(&self) -> watch::Receiver<LogIndex>;

    /// Cancelled when the node drains: streams end, new ones are refused.
    fn stopping(&self) -> CancellationToken;
}

/// A shared node is a node.
impl<P: Port> Port for Arc<P> {
    fn submit(&self, ask: Ask) -> impl Future<Output = Answer> + Send {
        (**self).submit(ask)
    }

    fn submit_many(&self, asks: Vec<Ask>) -> impl Future<Output = Vec<Answer>> + Send {
        (**self).submit_many(asks)
    }

    fn sku_command(
        &self,
        command: Command<'static>,
    ) -> impl Future<Output = Result<(LogIndex, Stamp, CommandOutcome), Unavailable>> + Send {
        (**self).sku_command(command)
    }

    fn linearize(&self) -> impl Future<Output = Result<LogIndex, Unavailable>> + Send {
        (**self).linearize()
    }

    fn await_applied(&self, index: LogIndex) -> impl Future<Output = bool> + Send {
        (**self).await_applied(index)
    }

    fn ask_freshness(&self) -> impl Future<Output = bool> + Send {
        (**self).ask_freshness()
    }

    fn inventory(&self) -> RwLockReadGuard<'_, Inventory> {
        (**self).inventory()
    }

    fn orders(&self) -> &OrderLog {
        (**self).orders()
    }

    fn time(&self) -> ClusterTime {
        (**self).time()
    }

    fn node(&self) -> NodeId {
        (**self).node()
    }

    fn is_fresh(&self) -> bool {
        (**self).is_fresh()
    }

    fn fresh_as_of(&self) -> Option<Stamp> {
        (**self).fresh_as_of()
    }

    fn readiness(&self) -> Result<(), String> {
        (**self).readiness()
    }

    fn cluster(&self) -> impl Future<Output = ClusterView> + Send {
        (**self).cluster()
    }

    fn request_ttl(&self) -> Millis {
        (**self).request_ttl()
    }

    fn applied(&self) -> watch::Receiver<LogIndex> {
        (**self).applied()
    }

    fn stopping(&self) -> CancellationToken {
        (**self).stopping()
    }
}

/// Why a call that needs the cluster got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// Nobody leads, or no quorum answers; certainly no effect.
    NoLeader,
    /// It was sent and no answer came in time: it may have been applied, or may be yet.
    Unknown,
    /// A bound is reached; certainly no effect.
    Overloaded,
    /// The node is stopping; certainly no effect.
    Draining,
    /// This node's state is not known to be fresh.
    Stale,
}

/// The cluster as one node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterView {
    /// Hash of the roster: the same on all members, different in every cluster.
    pub cluster_id: u128,
    /// Who leads: a node that answered just now, with a majority behind it as far as this node knows.
    pub leader: Option<NodeId>,
    /// Raft's term.
    pub term: u64,
    /// Highest index known to be committed.
    pub committed: LogIndex,
    /// Highest index applied here.
    pub applied: LogIndex,
    /// Every member, by id.
    pub members: Vec<MemberView>,
    /// Bytes that the data directory uses.
    pub used_bytes: u64,
    /// Bytes free on its file system.
    pub free_bytes: u64,
}

/// One member as one node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberView {
    /// Which member.
    pub node: NodeId,
    /// Whether it votes.
    pub is_voter: bool,
    /// Address of its api listener.
    pub api: String,
    /// Address of its admin listener.
    pub admin: String,
    /// Address of its peer listener.
    pub peer: String,
    /// Id of its data directory; none before it was met.
    pub disk: Option<u128>,
    /// Whether it was heard lately; none if this node cannot say.
    pub is_alive: Option<bool>,
    /// Entries it is behind; none if this node cannot say.
    pub lag: Option<u64>,
    /// Its open session.
    pub session: Option<SessionId>,
    /// Its clock against the cluster clock; none until measured.
    pub clock_offset_ms: Option<i64>,
    /// Version of its program; none if not known here.
    pub version: Option<String>,
}
