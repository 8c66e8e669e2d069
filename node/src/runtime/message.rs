//! What nodes say to each other beside Raft: proposals for the leader, read indices, reports. Encoded by the core's codec;
//! the variant order is the format: append only.

use bytes::Bytes;
use holdfast_inventory::codec::{self, CodecError};
use holdfast_inventory::reconcile::Report;
use holdfast_inventory::{BatchApplied, CommandOutcome, LogIndex, NodeId, SessionOpened, SkuDone, SkuId, SkuRefusal, Stamp};
use serde::{Deserialize, Serialize};

/// One node asks, another answers with a [`Reply`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// An encoded command to stamp and log; nobody waits for what comes of it.
    Propose(Bytes),
    /// An encoded command to stamp and log; the outcome is wanted.
    Command(Bytes),
    /// The commit index, confirmed by a quorum since the message arrived.
    ReadIndex,
    /// How the sender stands.
    Report(NodeReport),
    /// How the members stand, for `GET /v1/cluster`.
    Standing,
}

/// What a node tells the leader of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct NodeReport {
    /// Its sales, its session, what it has applied.
    pub report: Report,
    /// Units it needs.
    pub refills: Vec<Refill>,
    /// Its wall clock.
    pub wall: Stamp,
    /// Whether buyers asked it anything since its last report.
    pub asked: bool,
    /// Its build.
    pub version: String,
}

/// Units that a node needs.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Refill {
    /// Of which SKU.
    pub sku: SkuId,
    /// What would serve the node for a while.
    pub units: u64,
    /// What waiting buyers ask for.
    pub needed: u64,
}

/// The leader's answer to a report.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ReportReply {
    /// The cluster clock when the answer was made.
    pub now: Stamp,
    /// Slices to give back from.
    pub returns: Vec<(SkuId, u64)>,
}

/// A member as the leader knows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// Who.
    pub node: NodeId,
    /// Whether it reported lately.
    pub is_alive: bool,
    /// Entries it has still to apply.
    pub lag: Option<u64>,
    /// Its wall clock against the cluster clock.
    pub clock_offset_ms: Option<i64>,
    /// Its build.
    pub version: Option<String>,
}

/// Answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// Queued in the leader's log; what comes of it shows in the asker's own apply.
    Queued,
    /// Applied by the leader.
    Applied {
        /// Where.
        index: LogIndex,
        /// When.
        stamp: Stamp,
        /// What came of it.
        outcome: WireOutcome,
    },
    /// Confirmed by a quorum.
    ReadIndex(LogIndex),
    /// To a report.
    Report(ReportReply),
    /// To [`Message::Standing`].
    Standing(Vec<Standing>),
    /// The receiver does not lead; certainly without effect.
    NotLeader(Option<NodeId>),
    /// The receiver led and can't tell what came of it.
    Unknown,
    /// Too long for the log, or not a message of this version; certainly without effect.
    Refused(String),
}

/// The outcomes that are asked for across nodes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum WireOutcome {
    Done,
    Sku(Result<SkuDone, SkuRefusal>),
}

impl From<CommandOutcome> for WireOutcome {
    fn from(outcome: CommandOutcome) -> Self {
        match outcome {
            CommandOutcome::Sku(done) => WireOutcome::Sku(done),
            // A node learns of its session and batches from its own apply, never from here.
            CommandOutcome::Done
            | CommandOutcome::MembersSet
            | CommandOutcome::SessionOpened(SessionOpened::Opened { .. } | SessionOpened::Outdated | SessionOpened::NotMember)
            | CommandOutcome::SessionClosed { .. }
            | CommandOutcome::Batch(BatchApplied { .. }) => WireOutcome::Done,
        }
    }
}

impl From<WireOutcome> for CommandOutcome {
    fn from(outcome: WireOutcome) -> Self {
        match outcome {
            WireOutcome::Done => CommandOutcome::Done,
            WireOutcome::Sku(done) => CommandOutcome::Sku(done),
        }
    }
}

/// Bytes of a message or a reply.
pub(crate) fn encode<T: Serialize>(value: &T) -> Bytes {
    codec::encode(value).into()
}

/// A message or a reply of these bytes.
pub(crate) fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    codec::decode(bytes)
}
