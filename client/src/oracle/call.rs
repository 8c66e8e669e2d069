//! One call as its client saw it.

use std::hash::{DefaultHasher, Hash, Hasher};

use holdfast_api::{Order, OrderStatus, ProblemType};

use super::history::BodyId;
use super::names::Name;

/// One attempt at one node. Times are microseconds of one monotonic clock, the same for all calls of a history.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Before anything of it was sent.
    pub began_us: u64,
    /// After all of the answer was read, or when it was given up.
    pub ended_us: u64,
    /// Which node was asked, by its id.
    pub node: u64,
    /// What was asked.
    pub asked: Asked,
    /// What was heard.
    pub heard: Heard,
}

/// What a call asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// An order.
    Order {
        /// Its idempotency key; the client sees to it that keys of different buyers differ.
        key: Name,
        /// Buyer and lines.
        body: BodyId,
        /// The `Apply-Before` that was sent, ms of cluster time.
        apply_before: Option<u64>,
    },
    /// A step in an order's life.
    Step {
        /// Which order.
        order: Name,
        /// Which step.
        step: Step,
    },
    /// An order as it is now.
    Read {
        /// Which order.
        order: Name,
    },
    /// What a SKU has left, linearizable.
    Look {
        /// Which SKU.
        sku: Name,
    },
    /// An adjustment of stock.
    Adjust {
        /// Which SKU.
        sku: Name,
        /// Units.
        delta: i64,
        /// The operator's reference, different for every adjustment.
        reference: Name,
    },
}

/// A step in an order's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// `held → confirmed`, and `expired → confirmed` by a late confirm.
    Confirm,
    /// `held → released`.
    Release,
    /// `confirmed → cancelled`.
    Cancel,
    /// Held longer.
    Extend,
}

/// What an order is from its acceptance on, as a hash: buyer, lines, time and node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content(u64);

impl Content {
    /// Of an order as it was told.
    pub fn of(order: &Order) -> Self {
        let mut hasher = DefaultHasher::new();
        order.buyer.hash(&mut hasher);
        for line in &order.lines {
            (&line.sku, line.quantity).hash(&mut hasher);
        }
        (order.created_at.0, order.node).hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// What a call heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An order: the answer to [`Asked::Order`], [`Asked::Step`] and [`Asked::Read`].
    Order {
        /// Its id.
        id: Name,
        /// The answer's log index.
        index: u64,
        /// Its status.
        status: OrderStatus,
        /// Whether the key owned it before.
        replayed: bool,
        /// What it says the order is; none where the caller does not know it.
        content: Option<Content>,
    },
    /// The answer to [`Asked::Look`].
    Available {
        /// The answer's log index.
        index: u64,
        /// Units that can be sold.
        available: u64,
        /// Units held.
        held: u64,
    },
    /// The answer to [`Asked::Adjust`]: done, at this log index.
    Adjusted {
        /// The answer's log index.
        index: u64,
    },
    /// A problem.
    Refused {
        /// Which.
        problem: ProblemType,
        /// About which SKU.
        sku: Option<Name>,
        /// Log index that it is true at.
        index: Option<u64>,
        /// Units left, of `insufficient-stock`.
        available: Option<u64>,
        /// `sold-out`: whether nothing is held either.
        is_final: bool,
    },
    /// No answer, or one that cannot be read.
    Nothing,
}

impl Heard {
    /// The log index that it names.
    pub fn index(self) -> Option<u64> {
        match self {
            Self::Order { index, .. } | Self::Available { index, .. } | Self::Adjusted { index } => Some(index),
            Self::Refused { index, .. } => index,
            Self::Nothing => None,
        }
    }

    /// Whether the call may have had an effect that this answer does not tell.
    ///
    /// `key-in-progress` speaks of another attempt, which is in the history by itself.
    pub fn is_unknown(self) -> bool {
        match self {
            Self::Refused { problem, .. } => problem != ProblemType::KeyInProgress && !problem.certainly_no_effect(),
            Self::Nothing => true,
            _ => false,
        }
    }

    /// Whether the call may have had the effect that it asked for: it was told so, or its outcome is unknown.
    pub fn may_have_had_effect(self) -> bool {
        matches!(self, Self::Order { .. } | Self::Adjusted { .. }) || self.is_unknown()
    }

    /// Whether it is a no to the call itself: neither a yes nor "not now".
    pub fn is_final_no(self) -> bool {
        matches!(self, Self::Refused { problem, .. } if problem.certainly_no_effect() && !problem.retry_may_help())
    }
}
