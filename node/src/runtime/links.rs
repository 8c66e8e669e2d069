//! Asking the leader, wherever it is.

use std::time::Duration;

use bytes::Bytes;
use holdfast_inventory::{Command, CommandOutcome, LogIndex, NodeId, Stamp, codec};
use holdfast_raft::{CallError, RaftNode};
use tokio::time::{Instant, sleep, timeout};

use super::message::{self, Message, Reply};
use super::{Runtime, limits};
use crate::http::port::Unavailable;

/// Why one question to the leader has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoReply {
    /// Nobody leads, or it was not sent: certainly without effect.
    NotSent,
    /// It was sent: nobody knows.
    Unknown,
}

impl Runtime {
    pub(crate) fn raft(&self) -> Result<&RaftNode, Unavailable> {
        self.consensus().ok_or(Unavailable::NoLeader)
    }

    /// Asks the leader once.
    pub(crate) async fn ask_leader(&self, message: &Message, limit: Duration) -> Result<Reply, NoReply> {
        let raft = self.consensus().ok_or(NoReply::NotSent)?;
        let view = *raft.leader().borrow();
        let leader = view.leader.ok_or(NoReply::NotSent)?;
        if leader == self.config.node {
            let reply = timeout(limit, self.answer(leader, message::encode(message))).await;
            return reply.map_err(|_| NoReply::Unknown);
        }
        self.ask_node(raft, leader, message, limit).await
    }

    async fn ask_node(&self, raft: &RaftNode, node: NodeId, message: &Message, limit: Duration) -> Result<Reply, NoReply> {
        let body = raft.call(node, message::encode(message), limit).await.map_err(|error| match error {
            CallError::Unreachable | CallError::Overloaded | CallError::TooLong(_) => NoReply::NotSent,
            CallError::Timeout | CallError::Broken => NoReply::Unknown,
        })?;
        message::decode(&body).map_err(|_| NoReply::Unknown)
    }

    /// Has the leader log a command and waits until it is applied here. Tries again, for a bounded time, only while it
    /// certainly had no effect.
    pub(crate) async fn command(&self, command: &Command<'_>) -> Result<(LogIndex, Stamp, CommandOutcome), Unavailable> {
        let bytes: Bytes = codec::encode(command).into();
        let until = Instant::now() + limits::COMMAND_TIMEOUT;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.ask_leader(&Message::Command(bytes.clone()), left).await {
                Ok(Reply::Applied { index, stamp, outcome }) => {
                    let here = self.raft()?.await_applied(index, limits::AWAIT_APPLIED).await;
                    return if here { Ok((index, stamp, outcome.into())) } else { Err(Unavailable::Unknown) };
                }
                Ok(Reply::NotLeader(_)) | Err(NoReply::NotSent) if !left.is_zero() => sleep(limits::LEADER_PAUSE).await,
                Ok(Reply::NotLeader(_)) | Err(NoReply::NotSent) => return Err(Unavailable::NoLeader),
                Ok(Reply::Refused(_)) => return Err(Unavailable::Overloaded),
                Ok(_) | Err(NoReply::Unknown) => return Err(Unavailable::Unknown),
            }
        }
    }

    /// An index that holds everything acknowledged before the call. Tries again over an election, for a bounded time.
    pub(crate) async fn read_index(&self) -> Result<LogIndex, Unavailable> {
        let until = Instant::now() + limits::READ_TIMEOUT;
        loop {
            if let Ok(Reply::ReadIndex(index)) = self.ask_leader(&Message::ReadIndex, limits::READ_TRY_TIMEOUT).await {
                return Ok(index);
            }
            if Instant::now() >= until {
                return Err(Unavailable::NoLeader);
            }
            sleep(limits::LEADER_PAUSE).await;
        }
    }
}
