//! The peer network as openraft wants it.

use std::future::Future;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use holdfast_storage::Snapshots;
use openraft::OptionalSend;
use openraft::alias::SnapshotOf;
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{Backoff, RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendError, StreamAppendResult, TransferLeaderError,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};

use super::append;
use super::control::ControlLine;
use super::dial::Dialer;
use super::snapshot::{self, SendError, Sending, Target};
use crate::PeerNode;
use crate::alarm::Alarm;
use crate::limits;
use crate::mirror::SnapshotMetaV1;
use crate::snapshot::SnapshotFile;
use crate::types::{TypeConfig, Vote};
use crate::wire::{ControlAnswer, ControlAsk, Purpose};

type Rpc<T> = Result<T, RPCError<TypeConfig>>;

/// Gives a client for each peer and use; connects nothing by itself.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) dialer: Dialer,
    pub(crate) snapshots: Snapshots,
    pub(crate) sending: Sending,
    pub(crate) alarm: Alarm,
}

/// Sends to one peer, for one use.
pub(crate) struct PeerClient {
    network: Network,
    to: u64,
    address: String,
    /// Whether `stream_append` is one heartbeat on the control connection rather than a stream of its own.
    heartbeat: bool,
    control: ControlLine,
}

impl Network {
    fn client(&self, to: u64, node: &PeerNode, heartbeat: bool) -> PeerClient {
        let control = ControlLine::new(self.dialer.clone(), to, node.peer.clone());
        PeerClient { network: self.clone(), to, address: node.peer.clone(), heartbeat, control }
    }
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = PeerClient;

    async fn new_client(&mut self, target: u64, node: &PeerNode) -> PeerClient {
        self.client(target, node, false)
    }

    async fn new_heartbeat_client(&mut self, target: u64, node: &PeerNode) -> PeerClient {
        self.client(target, node, true)
    }

    async fn new_snapshot_client(&mut self, target: u64, node: &PeerNode) -> PeerClient {
        self.client(target, node, false)
    }
}

impl PeerClient {
    async fn ask(&mut self, ask: ControlAsk, option: &RPCOption) -> Rpc<ControlAnswer> {
        self.control.ask(&ask, option.hard_ttl()).await.map_err(|error| append::unreachable(&error))
    }

    async fn append_once(&mut self, request: &AppendEntriesRequest<TypeConfig>, option: &RPCOption) -> Rpc<StreamAppendResult<TypeConfig>> {
        match self.ask(ControlAsk::Append(request.into()), option).await? {
            ControlAnswer::Appended(appended) => Ok(appended.into()),
            other => Err(unexpected(&other)),
        }
    }
}

fn unexpected(answer: &ControlAnswer) -> RPCError<TypeConfig> {
    let what = match answer {
        ControlAnswer::Stopped => "the node has stopped",
        _ => "the answer belongs to another question",
    };
    Unreachable::new(&std::io::Error::other(what)).into()
}

impl RaftNetworkV2<TypeConfig> for PeerClient {
    type SnapshotData = SnapshotFile;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Rpc<AppendEntriesResponse<TypeConfig>> {
        Ok(match self.append_once(&request, &option).await? {
            Ok(matched) => AppendEntriesResponse::PartialSuccess(matched),
            Err(StreamAppendError::Conflict(_)) => AppendEntriesResponse::Conflict,
            Err(StreamAppendError::HigherVote(vote)) => AppendEntriesResponse::HigherVote(vote),
        })
    }

    fn stream_append<'s, S>(
        &'s mut self,
        mut input: S,
        option: RPCOption,
    ) -> BoxFuture<'s, Rpc<BoxStream<'s, Rpc<StreamAppendResult<TypeConfig>>>>>
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        Box::pin(async move {
            if self.heartbeat {
                // openraft polls for the end of the stream right after the one answer.
                let answer = match input.next().await {
                    Some(request) => Some(Ok(self.append_once(&request, &option).await?)),
                    None => None,
                };
                return Ok(Box::pin(futures_util::stream::iter(answer)) as BoxStream<'s, _>);
            }
            // openraft waits out its backoff before it gives a request: who dials before asking for one dials without pause.
            let Some(first) = input.next().await else {
                return Ok(Box::pin(futures_util::stream::empty()) as BoxStream<'s, _>);
            };
            let dialled = self.network.dialer.dial(self.to, &self.address, Purpose::Append).await;
            let (connection, _) = dialled.map_err(|error| append::unreachable(&error))?;
            Ok(append::stream(connection, futures_util::stream::iter([first]).chain(input)))
        })
    }

    fn backoff(&self) -> Option<Backoff> {
        Some(Backoff::new(std::iter::repeat(Duration::from_millis(limits::REDIAL_MS))))
    }

    async fn vote(&mut self, request: VoteRequest<TypeConfig>, option: RPCOption) -> Rpc<VoteResponse<TypeConfig>> {
        match self.ask(ControlAsk::Vote((&request).into()), &option).await? {
            ControlAnswer::Ballot(ballot) => Ok(ballot.into()),
            other => Err(unexpected(&other)),
        }
    }

    /// An unreachable peer is an error here, never a grant: a node cut off from all would otherwise elect itself into
    /// ever higher terms.
    async fn pre_vote(&mut self, request: VoteRequest<TypeConfig>, option: RPCOption) -> Rpc<VoteResponse<TypeConfig>> {
        match self.ask(ControlAsk::PreVote((&request).into()), &option).await? {
            ControlAnswer::Ballot(ballot) => Ok(ballot.into()),
            other => Err(unexpected(&other)),
        }
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: SnapshotOf<TypeConfig, SnapshotFile>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let SnapshotFile::Stored(info) = snapshot.snapshot else {
            return Err(Unreachable::new(&std::io::Error::other("an unfinished snapshot is not sent")).into());
        };
        let target = Target { dialer: &self.network.dialer, to: self.to, address: &self.address };
        let meta = SnapshotMetaV1::from(&snapshot.meta);
        let _counted = self.network.sending.begin();
        let sending = snapshot::send(target, &vote, meta, info, self.network.snapshots.clone());
        let result = tokio::select! {
            biased;
            closed = cancel => return Err(StreamingError::Closed(closed)),
            result = sending => result,
        };
        result.map_err(|error| {
            if let SendError::Damaged(error) = &error {
                self.network.alarm.fault(format!("own snapshot: {error}"));
            }
            if matches!(error, SendError::NotReached(_)) {
                tracing::debug!(peer = self.to, %error, "snapshot not sent");
            } else {
                tracing::warn!(peer = self.to, %error, "snapshot not sent");
            }
            Unreachable::new(&error).into()
        })
    }

    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Rpc<TransferLeaderResponse<TypeConfig>> {
        match self.ask(ControlAsk::Transfer((&request).into()), &option).await? {
            ControlAnswer::Transferred => Ok(Ok(())),
            ControlAnswer::VoteChanged { expected, actual } => {
                Ok(Err(TransferLeaderError::VoteChanged { expected: expected.into(), actual: actual.into() }))
            }
            ControlAnswer::LogNotFlushed { expected, actual } => {
                let (expected, actual) = (expected.map(Into::into), actual.map(Into::into));
                Ok(Err(TransferLeaderError::LogNotFlushed { expected, actual }))
            }
            other => Err(unexpected(&other)),
        }
    }
}
