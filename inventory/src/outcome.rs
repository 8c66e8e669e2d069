//! What came of a command: past participles.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Attempt, Event, Incarnation, LogIndex, NodeId, OrderRef, Refusal, Seq, SessionId, SkuId, SkuRefusal, Stamp, Status, Version};

/// What one applied entry did.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Where.
    pub index: LogIndex,
    /// The cluster clock after it; never below an earlier one.
    pub stamp: Stamp,
    /// What came of its command.
    pub outcome: CommandOutcome,
    /// History for the order log and the change feed, positions ascending.
    pub events: Vec<Event>,
    /// SKUs whose numbers or settings changed, ascending, each once.
    pub touched: Vec<SkuId>,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandOutcome {
    /// Nothing to tell: a blank entry, a tick, a grant, a mode switch, a bootstrap.
    Done,
    /// The members are these now.
    MembersSet,
    /// Sessions that were closed and the one that is open now.
    SessionOpened(SessionOpened),
    /// The session is closed now; `was_open` is false if it had been closed before.
    SessionClosed {
        /// Which.
        session: SessionId,
        /// Whose; none if no such session was ever opened.
        node: Option<NodeId>,
        /// Whether this entry closed it.
        was_open: bool,
    },
    /// What came of a batch.
    Batch(BatchApplied),
    /// What came of a SKU command.
    Sku(Result<SkuDone, SkuRefusal>),
}

/// What came of [`OpenSession`](crate::OpenSession).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionOpened {
    /// This session is the node's now; earlier ones are closed.
    Opened {
        /// Whose.
        node: NodeId,
        /// Start that asked.
        incarnation: Incarnation,
        /// Which session of that start.
        attempt: Attempt,
        /// The session.
        session: SessionId,
        /// Whether this entry opened it; false for a repeated command.
        fresh: bool,
        /// Whether it is still open; a repeated command may answer a closed one.
        open: bool,
    },
    /// A lower (incarnation, attempt) than one seen: changed nothing.
    Outdated,
    /// The node is not a member: changed nothing.
    NotMember,
}

/// What came of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchApplied {
    /// Session that proposed it.
    pub session: SessionId,
    /// Node of that session, if the session is known.
    pub node: Option<NodeId>,
    /// Its number.
    pub seq: Seq,
    /// What happened.
    pub result: BatchResult,
}

/// How a batch was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchResult {
    /// Judged now; an outcome for each request, in order.
    Judged(Arc<BatchOutcomes>),
    /// The session's last batch once more: changed nothing, answers what it answered.
    Repeated(Arc<BatchOutcomes>),
    /// Older than the session's last batch: changed nothing.
    Outdated,
    /// Not the next number: changed nothing.
    Gap,
    /// The session is not open: changed nothing.
    Closed,
}

/// Outcomes of a batch with the entry they are true at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchOutcomes {
    /// Entry that judged the batch.
    pub index: LogIndex,
    /// Its stamp.
    pub stamp: Stamp,
    /// One for each request.
    pub outcomes: Vec<Outcome>,
}

/// What came of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// A new order.
    Accepted {
        /// Its identity; `order.index` is the entry that judged it.
        order: OrderRef,
        /// Held or confirmed.
        status: Status,
    },
    /// The key owned this order already: nothing changed.
    Replayed {
        /// The order of the first acceptance.
        order: OrderRef,
    },
    /// The order is in the asked-for status.
    Transitioned(Transitioned),
    /// Units went from the slice back to the pool; possibly fewer than asked, possibly none.
    Returned {
        /// Of which SKU.
        sku: SkuId,
        /// How many.
        units: u64,
    },
    /// No.
    Refused(Refusal),
}

/// What came of a step in an order's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transitioned {
    /// Which order.
    pub order: OrderRef,
    /// Its status now.
    pub status: Status,
    /// False if it had that status before: nothing changed.
    pub changed: bool,
}

/// What came of a SKU command that was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkuDone {
    /// Which SKU.
    pub sku: SkuId,
    /// Version of its settings now.
    pub version: Version,
    /// True if an idempotency key answered: nothing changed now.
    pub replayed: bool,
    /// The entry that did it; an earlier one if replayed.
    pub index: LogIndex,
}
