//! The node-local protocol: admits from the slice in memory, batches, resends, survives fencing. Sans-IO.
//!
//! Promises: every waiter is answered exactly once, at the latest [`outcome_grace`](DeskConfig::outcome_grace) after
//! its deadline; what is answered as accepted was applied here; a request is answered "without effect" only if none
//! of its proposals can take effect any more. Sold out is said only with a fresh proof of freshness, or because
//! `apply` said it about this very request.
//!
//! *Architecture invariant:* the Desk never decides about stock. Its numbers are a guess that saves the log from
//! requests that would be refused; `apply` judges each one again. Only this node's own apply ends a batch or a
//! session: nothing that is heard over the network does.
//!
//! Map:
//!
//! | file | holds |
//! |---|---|
//! | `ask`, `records`, `config` | what goes in, what comes out, what it reads |
//! | `admit` | a new request: early refusals, bounds |
//! | `place` | where a request goes: batch, queue of a SKU, lobby, or refused |
//! | `batch` | when a batch leaves, and when it is proposed again |
//! | `outcomes` | what an applied entry does to the requests in flight |
//! | `session` | opening, losing, jumping over by snapshot |
//! | `refill` | asking the leader for units, giving them back, drain |
//! | `wake` | the timers |
//! | `shelf`, `rate`, `proofs`, `keys`, `pending`, `flight` | its parts |

// `shelf` beside `self`: the word for one SKU at one node is worth it.
#![allow(clippy::similar_names)]

mod admit;
mod ask;
mod batch;
mod config;
mod demand;
mod flight;
mod keys;
pub mod limits;
mod outcomes;
mod pending;
mod place;
mod proofs;
mod rate;
mod records;
mod refill;
mod session;
mod shelf;
mod wake;

pub use ask::*;
pub use config::*;
pub use demand::*;
pub use records::*;

use std::collections::{BTreeSet, VecDeque};

use crate::planted::{self, Planted};
use crate::{Attempt, LogIndex, Moment, NodeId, SessionId, SkuId, Stamp};
use batch::LaunchRule;
use flight::Flight;
use keys::KeysInProgress;
use pending::Pending;
use proofs::Proofs;
use refill::Drain;
use session::Standing;
use shelf::Shelves;

/// One node's Desk; `W` is whoever waits for an answer.
///
/// Call [`wake`](Self::wake) once it is made, and whenever [`wake_at`](Self::wake_at) has come; tell it every applied
/// entry, in order; carry out the effects in order.
pub struct Desk<W> {
    config: DeskConfig,
    /// The leader as far as this node knows: nothing is proposed without one.
    leader: Option<NodeId>,
    /// The last entry that this Desk was told.
    applied: (LogIndex, Stamp),
    standing: Standing,
    keys: KeysInProgress,
    shelves: Shelves<W>,
    /// Life of the mirror: it ends with a session and at a snapshot.
    generation: u64,
    /// SKUs that somebody waits for.
    hungry: BTreeSet<SkuId>,
    /// SKUs that sold something since they were last found idle.
    active: BTreeSet<SkuId>,
    /// Requests that wait for a session.
    lobby: VecDeque<Pending<W>>,
    /// Requests that leave with the next batch.
    forming: VecDeque<Pending<W>>,
    flight: Option<Flight<W>>,
    launch_rule: LaunchRule,
    proofs: Proofs,
    /// How many requests wait for units, a proof or a session.
    waiting: usize,
    /// No request is due before this.
    next_expiry: Moment,
    /// When those who wait are looked at again though nothing happened.
    next_pump: Moment,
    drain: Drain,
}

impl<W> Desk<W> {
    /// A Desk without a session.
    pub fn new(config: DeskConfig) -> Self {
        Self {
            config,
            leader: None,
            applied: (LogIndex(0), Stamp(0)),
            standing: Standing::new(),
            keys: KeysInProgress::default(),
            shelves: Shelves::new(),
            generation: 0,
            hungry: BTreeSet::new(),
            active: BTreeSet::new(),
            lobby: VecDeque::new(),
            forming: VecDeque::new(),
            flight: None,
            launch_rule: LaunchRule::default(),
            proofs: Proofs::default(),
            waiting: 0,
            next_expiry: Moment(u64::MAX),
            next_pump: Moment(0),
            drain: Drain::No,
        }
    }

    /// Reads where the state stands before anything is mirrored of it; entries applied before are not told.
    fn begin(&mut self, records: &impl Records) {
        if self.applied.0 == LogIndex(0) {
            self.applied = records.applied();
        }
    }

    /// The session under which this Desk proposes.
    pub fn session(&self) -> Option<SessionId> {
        self.standing.session()
    }

    /// Which session of this process it has or asks for.
    pub fn attempt(&self) -> Attempt {
        self.standing.attempt()
    }

    /// Requests that were admitted or wait, not counting those in flight.
    pub fn queued(&self) -> usize {
        self.waiting + self.forming.len()
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> usize {
        self.flight.as_ref().map_or(0, |flight| flight.items.len())
    }

    /// Units of a SKU that are admitted or on their way back, without an outcome.
    pub fn provisional(&self, sku: SkuId) -> u64 {
        self.shelves.get(sku).map_or(0, |shelf| shelf.provisional)
    }

    /// Keys of requests that are not settled.
    pub fn keys_in_progress(&self) -> usize {
        self.keys.len()
    }

    /// Whether a proof shows that the state is not older than the bound.
    pub fn is_fresh(&self, now: Moment) -> bool {
        self.proofs.is_fresh(now, self.config.fresh_for) || planted::is(Planted::SoldOutWhileCutOff)
    }

    /// What sold since it was last found idle, for the report to the leader.
    pub fn demand(&mut self, now: Moment) -> Vec<SkuDemand> {
        let mut demands = Vec::new();
        let mut idle = Vec::new();
        for &sku in &self.active {
            let Some(shelf) = self.shelves.get_mut(sku) else { continue };
            let per_second = shelf.rate.per_second(now);
            let wanted = shelf.waiting_units(sku);
            if per_second == 0 && wanted == 0 && shelf.provisional == 0 {
                shelf.active = false;
                idle.push(sku);
            }
            demands.push(SkuDemand { sku, per_second, provisional: shelf.provisional, wanted });
        }
        for sku in idle {
            self.active.remove(&sku);
        }
        demands
    }
}
