//! openraft's type parameters. Ids are bare numbers here, because openraft wants `From<u64>`; nothing outside sees them.

use std::fmt;

use bytes::Bytes;
use holdfast_inventory::{CommandOutcome, LogIndex, Stamp};
use openraft::impls::leader_id_adv::LeaderId;
use openraft::impls::{BoxedErrorSource, InlineBatch};
use openraft::raft::responder::Responder;
use openraft::vote::RaftLeaderId;
use openraft::{EntryPayload, OptionalSend, RaftTypeConfig};

use crate::PeerNode;
use crate::chance::Runtime;
use crate::machine::Machine;

/// What an entry carries: version, stamp, encoded command. Cloning shares the bytes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Payload(pub(crate) Bytes);

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Payload {
    /// The length only: an entry holds buyers' names, and once the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// What the proposer of an entry is told.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    /// Where it was applied.
    pub(crate) index: LogIndex,
    /// The cluster clock after it.
    pub(crate) stamp: Stamp,
    /// What it did.
    pub(crate) outcome: CommandOutcome,
}

/// Hears what became of a proposal, on a thread of consensus.
pub(crate) struct Hearer<T>(pub(crate) Box<dyn FnOnce(T) + Send>);

impl<T: OptionalSend + 'static> Responder<TypeConfig, T> for Hearer<T> {
    fn on_complete(self, result: T) {
        (self.0)(result);
    }
}

/// Written out, for openraft's macro takes no responder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TypeConfig;

impl RaftTypeConfig for TypeConfig {
    type D = Payload;
    type R = Response;
    type NodeId = u64;
    type Node = PeerNode;
    type Term = u64;
    type LeaderId = LeaderId<u64, u64>;
    type Vote = openraft::impls::Vote<Self::LeaderId>;
    type Payload = EntryPayload<Payload, u64, PeerNode>;
    type Entry = openraft::Entry<<Self::LeaderId as RaftLeaderId>::Committed, Self::Payload>;
    type AsyncRuntime = Runtime;
    type Responder<T: OptionalSend + 'static> = Hearer<T>;
    type Batch<T: OptionalSend + 'static> = InlineBatch<T>;
    type ErrorSource = BoxedErrorSource;
}

pub(crate) type Consensus = openraft::Raft<TypeConfig, Machine>;
pub(crate) type LogId = openraft::alias::LogIdOf<TypeConfig>;
pub(crate) type Vote = openraft::alias::VoteOf<TypeConfig>;
pub(crate) type LogEntry = openraft::alias::EntryOf<TypeConfig>;
pub(crate) type Membership = openraft::Membership<u64, PeerNode>;
pub(crate) type StoredMembership = openraft::alias::StoredMembershipOf<TypeConfig>;
pub(crate) type SnapshotMeta = openraft::alias::SnapshotMetaOf<TypeConfig>;

/// Where an entry stands for everyone above: openraft counts from 0, Holdfast from 1, so that 0 is "nothing yet".
pub(crate) fn log_index(id: &LogId) -> LogIndex {
    LogIndex(id.index() + 1)
}
