//! What is said after the hello, per purpose of a connection.

use std::collections::BTreeMap;

use bytes::Bytes;
use openraft::raft::{AppendEntriesRequest, StreamAppendError, StreamAppendResult, TransferLeaderRequest, VoteRequest, VoteResponse};
use serde::{Deserialize, Serialize};

use super::frame::Message;
use crate::mirror::{EntryV1, LogIdV1, SnapshotMetaV1, VoteV1};
use crate::types::{LogEntry, TypeConfig};

/// Entries for a follower; none in a heartbeat.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Append {
    vote: VoteV1,
    prev: Option<LogIdV1>,
    entries: Vec<EntryV1>,
    commit: Option<LogIdV1>,
}

impl Message for Append {
    const KIND: u8 = 10;
}

impl From<&AppendEntriesRequest<TypeConfig>> for Append {
    fn from(request: &AppendEntriesRequest<TypeConfig>) -> Self {
        Self {
            vote: (&request.vote).into(),
            prev: request.prev_log_id.as_ref().map(LogIdV1::from),
            entries: request.entries.iter().map(EntryV1::from).collect(),
            commit: request.leader_commit.as_ref().map(LogIdV1::from),
        }
    }
}

impl From<Append> for AppendEntriesRequest<TypeConfig> {
    fn from(append: Append) -> Self {
        Self {
            vote: append.vote.into(),
            prev_log_id: append.prev.map(Into::into),
            entries: append.entries.into_iter().map(LogEntry::from).collect(),
            leader_commit: append.commit.map(Into::into),
        }
    }
}

/// What came of an [`Append`]; after anything but `Matched` the stream ends.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Appended {
    /// The follower holds the leader's log up to here, durably.
    Matched(Option<LogIdV1>),
    /// The follower does not have this entry.
    Conflict(LogIdV1),
    /// The follower has promised a later leader.
    HigherVote(VoteV1),
}

impl Message for Appended {
    const KIND: u8 = 11;
}

impl From<&StreamAppendResult<TypeConfig>> for Appended {
    fn from(result: &StreamAppendResult<TypeConfig>) -> Self {
        match result {
            Ok(matched) => Appended::Matched(matched.as_ref().map(LogIdV1::from)),
            Err(StreamAppendError::Conflict(at)) => Appended::Conflict(at.into()),
            Err(StreamAppendError::HigherVote(vote)) => Appended::HigherVote(vote.into()),
        }
    }
}

impl From<Appended> for StreamAppendResult<TypeConfig> {
    fn from(appended: Appended) -> Self {
        match appended {
            Appended::Matched(matched) => Ok(matched.map(Into::into)),
            Appended::Conflict(at) => Err(StreamAppendError::Conflict(at.into())),
            Appended::HigherVote(vote) => Err(StreamAppendError::HigherVote(vote.into())),
        }
    }
}

/// A candidate's question.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Candidacy {
    vote: VoteV1,
    last: Option<LogIdV1>,
    transfer: bool,
}

impl From<&VoteRequest<TypeConfig>> for Candidacy {
    fn from(request: &VoteRequest<TypeConfig>) -> Self {
        Self { vote: (&request.vote).into(), last: request.last_log_id.as_ref().map(LogIdV1::from), transfer: request.leadership_transfer }
    }
}

impl From<Candidacy> for VoteRequest<TypeConfig> {
    fn from(candidacy: Candidacy) -> Self {
        let mut request = VoteRequest::new(candidacy.vote.into(), candidacy.last.map(Into::into));
        request.leadership_transfer = candidacy.transfer;
        request
    }
}

/// The answer to a candidate.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ballot {
    vote: VoteV1,
    granted: bool,
    last: Option<LogIdV1>,
}

impl From<&VoteResponse<TypeConfig>> for Ballot {
    fn from(response: &VoteResponse<TypeConfig>) -> Self {
        Self { vote: (&response.vote).into(), granted: response.vote_granted, last: response.last_log_id.as_ref().map(LogIdV1::from) }
    }
}

impl From<Ballot> for VoteResponse<TypeConfig> {
    fn from(ballot: Ballot) -> Self {
        VoteResponse::new(crate::types::Vote::from(ballot.vote), ballot.last.map(Into::into), ballot.granted)
    }
}

/// A leader's wish to be followed by `to`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Transfer {
    from: VoteV1,
    to: u64,
    last: Option<LogIdV1>,
}

impl From<&TransferLeaderRequest<TypeConfig>> for Transfer {
    fn from(request: &TransferLeaderRequest<TypeConfig>) -> Self {
        Self { from: request.from_leader().into(), to: *request.to_node_id(), last: request.last_log_id().map(LogIdV1::from) }
    }
}

impl From<Transfer> for TransferLeaderRequest<TypeConfig> {
    fn from(transfer: Transfer) -> Self {
        TransferLeaderRequest::new(transfer.from.into(), transfer.to, transfer.last.map(Into::into))
    }
}

/// A question on a control connection; one at a time.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ControlAsk {
    /// A heartbeat, or a single append.
    Append(Append),
    /// A vote, please.
    Vote(Candidacy),
    /// Would you vote?
    PreVote(Candidacy),
    /// Leadership goes to another.
    Transfer(Transfer),
}

impl Message for ControlAsk {
    const KIND: u8 = 12;
}

/// The answer to a [`ControlAsk`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ControlAnswer {
    /// To an append.
    Appended(Appended),
    /// To a candidate.
    Ballot(Ballot),
    /// To a transfer: the vote has changed.
    VoteChanged {
        /// What the leader assumed.
        expected: VoteV1,
        /// What it is.
        actual: VoteV1,
    },
    /// To a transfer: the log is not as far.
    LogNotFlushed {
        /// How far it should be.
        expected: Option<LogIdV1>,
        /// How far it is.
        actual: Option<LogIdV1>,
    },
    /// To a transfer: done.
    Transferred,
    /// This node has stopped.
    Stopped,
}

impl Message for ControlAnswer {
    const KIND: u8 = 13;
}

/// A snapshot in parts.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum SnapshotPart {
    /// What comes, and by whose right.
    Begin {
        /// The leader's vote.
        vote: VoteV1,
        /// What the snapshot stands for.
        meta: SnapshotMetaV1,
    },
    /// More of it, in order.
    Chunks(Vec<Bytes>),
    /// All of it was sent.
    End {
        /// How many chunks.
        chunks: u64,
        /// CRC-32 over all of them.
        sum: u32,
    },
}

impl Message for SnapshotPart {
    const KIND: u8 = 14;
}

/// What came of a snapshot.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SnapshotDone {
    /// Why it was not taken.
    pub(crate) refused: Option<String>,
    /// The receiver's vote, when it was taken or the leader is outdated.
    pub(crate) vote: Option<VoteV1>,
}

impl Message for SnapshotDone {
    const KIND: u8 = 15;
}

/// A call on the forward connection; answers may overtake each other.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ForwardAsk {
    /// Given by the caller, new for each.
    pub(crate) id: u64,
    /// The question.
    pub(crate) body: ForwardBody,
}

impl Message for ForwardAsk {
    const KIND: u8 = 16;
}

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ForwardBody {
    /// For the node above.
    Service(Bytes),
    /// Pages of the order log, from a place through an index, of at most so many bytes.
    Pages {
        /// First place: index and position.
        from: (u64, u16),
        /// Last index.
        through: u64,
        /// Bound on the answer.
        max_bytes: u32,
    },
}

/// The answer to a [`ForwardAsk`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ForwardAnswer {
    /// The question's.
    pub(crate) id: u64,
    /// The answer; none if it cannot be answered here.
    pub(crate) body: Option<Bytes>,
}

impl Message for ForwardAnswer {
    const KIND: u8 = 17;
}

/// What a node says about the cluster it is in, or will make; its disk is in the hello.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BootstrapWord {
    /// The members it is configured with.
    pub(crate) members: Vec<u64>,
    /// The roster, once it has one: cluster id, disk of each member.
    pub(crate) roster: Option<(u128, BTreeMap<u64, u128>)>,
}

impl Message for BootstrapWord {
    const KIND: u8 = 18;
}
