//! Sessions: the latest of each node. A session that was closed is kept, closed, so that a repeated command hears the
//! same answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::hashing::Keyed;
use crate::{Attempt, BatchOutcomes, Incarnation, NodeId, Seq, SessionId, SkuId};

/// A node's right to propose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The session.
    pub id: SessionId,
    /// Whose.
    pub node: NodeId,
    /// The start of the process that asked for it.
    pub incarnation: Incarnation,
    /// Which session of that process.
    pub attempt: Attempt,
    /// Whether its batches are taken.
    pub open: bool,
    /// Number of its last batch; zero before the first.
    pub last_seq: Seq,
    /// What its last batch was answered: answered again when the batch is repeated.
    pub last_batch: Option<Arc<BatchOutcomes>>,
    /// SKUs of which it has a slice; follows from the SKUs and is not written.
    #[serde(skip)]
    pub(super) skus: Arc<BTreeSet<SkuId>>,
}

/// The latest session of each node that ever had one.
#[derive(Clone, Default)]
pub(super) struct Sessions(BTreeMap<NodeId, Session>);

impl Sessions {
    pub(super) fn of(&self, node: NodeId) -> Option<&Session> {
        self.0.get(&node)
    }

    pub(super) fn get(&self, id: SessionId) -> Option<&Session> {
        self.0.values().find(|session| session.id == id)
    }

    pub(super) fn get_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        self.0.values_mut().find(|session| session.id == id)
    }

    pub(super) fn is_open(&self, id: SessionId) -> bool {
        self.get(id).is_some_and(|session| session.open)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.0.values()
    }

    pub(super) fn insert(&mut self, session: Session) {
        self.0.insert(session.node, session);
    }

    /// Notes whether a session has a slice of a SKU.
    pub(super) fn note_slice(&mut self, id: SessionId, sku: SkuId, has: bool) {
        if let Some(session) = self.get_mut(id)
            && session.skus.contains(&sku) != has
        {
            let skus = Arc::make_mut(&mut session.skus);
            if has {
                skus.insert(sku)
            } else {
                skus.remove(&sku)
            };
        }
    }

    pub(super) fn tell(&self, hash: &mut Keyed) {
        hash.u64(self.0.len() as u64);
        for session in self.0.values() {
            hash.u64(session.id.0).u64(session.node.0).u64(session.incarnation.0).u64(session.attempt.0);
            hash.u64(u64::from(session.open)).u64(session.last_seq.0);
        }
    }
}
