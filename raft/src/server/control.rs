//! Heartbeats, votes and leader transfer: a question, an answer, the next question.

use futures_util::StreamExt;
use openraft::raft::TransferLeaderError;
use tokio_util::sync::CancellationToken;

use crate::mirror::LogIdV1;
use crate::types::Consensus;
use crate::wire::{self, Appended, Connection, ControlAnswer, ControlAsk, WireError};

/// Answers until the peer closes or the node stops.
pub(crate) async fn serve(mut connection: Connection, consensus: &Consensus, stopping: &CancellationToken) -> Result<(), WireError> {
    loop {
        let ask = match stopping.run_until_cancelled(connection.next()).await {
            Some(Some(frame)) => wire::unpack(&frame?)?,
            Some(None) | None => return Ok(()),
        };
        let answer = answer(ask, consensus).await.unwrap_or(ControlAnswer::Stopped);
        wire::send(&mut connection, &answer).await?;
    }
}

/// None if consensus has stopped.
async fn answer(ask: ControlAsk, consensus: &Consensus) -> Option<ControlAnswer> {
    match ask {
        ControlAsk::Append(append) => {
            let request = append.into();
            let mut answers = std::pin::pin!(consensus.stream_append(futures_util::stream::iter([request])));
            let result = answers.next().await?.ok()?;
            Some(ControlAnswer::Appended(Appended::from(&result)))
        }
        ControlAsk::Vote(candidacy) => {
            let response = consensus.vote(candidacy.into()).await.ok()?;
            Some(ControlAnswer::Ballot((&response).into()))
        }
        ControlAsk::PreVote(candidacy) => {
            let response = consensus.pre_vote(candidacy.into()).await.ok()?;
            Some(ControlAnswer::Ballot((&response).into()))
        }
        ControlAsk::Transfer(transfer) => Some(match consensus.handle_transfer_leader(transfer.into()).await.ok()? {
            Ok(()) => ControlAnswer::Transferred,
            Err(TransferLeaderError::VoteChanged { expected, actual }) => {
                ControlAnswer::VoteChanged { expected: (&expected).into(), actual: (&actual).into() }
            }
            Err(TransferLeaderError::LogNotFlushed { expected, actual }) => {
                ControlAnswer::LogNotFlushed { expected: expected.as_ref().map(LogIdV1::from), actual: actual.as_ref().map(LogIdV1::from) }
            }
        }),
    }
}
