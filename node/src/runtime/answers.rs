//! What other nodes ask of this one, most of it as the leader.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use holdfast_inventory::reconcile::AdjustmentWait;
use holdfast_inventory::{AdjustStock, Command, NodeId, SkuId, codec};
use holdfast_raft::{ProposeError, RaftNode, Service};
use tokio::time::{Instant, sleep};

use super::message::{self, Message, Reply};
use super::{Runtime, limits, locked, read};

/// Lets the Raft layer hold the runtime as the service of its forward connections.
pub struct Answers(pub Arc<Runtime>);

impl Service for Answers {
    fn handle(&self, from: NodeId, body: Bytes) -> BoxFuture<'static, Bytes> {
        let runtime = Arc::clone(&self.0);
        async move { message::encode(&runtime.answer(from, body).await) }.boxed()
    }
}

impl Runtime {
    /// Answers a message of `from`, possibly this node itself.
    pub(crate) async fn answer(&self, from: NodeId, body: Bytes) -> Reply {
        let Some(raft) = self.consensus() else { return Reply::NotLeader(None) };
        match message::decode::<Message>(&body) {
            Ok(Message::Propose(command)) => self.log_unwatched(raft, command).await,
            Ok(Message::Command(command)) => self.log_watched(raft, command).await,
            Ok(Message::ReadIndex) => raft.read_index().await.map_or_else(refused, Reply::ReadIndex),
            Ok(Message::Report(report)) if report.report.node == from => self.take_report(raft, report),
            Ok(Message::Report(_)) => Reply::Refused("a node reports for itself only".into()),
            Ok(Message::Standing) => self.standings(raft),
            Err(error) => Reply::Refused(error.to_string()),
        }
    }

    async fn log_unwatched(&self, raft: &RaftNode, command: Bytes) -> Reply {
        match self.too_long(&command).or_else(|| no_batch(&command)) {
            Some(reply) => reply,
            None => self.log_batch(raft, command).await.map_or_else(refused, |()| Reply::Queued),
        }
    }

    async fn log_watched(&self, raft: &RaftNode, command: Bytes) -> Reply {
        if let Some(reply) = self.too_long(&command) {
            return reply;
        }
        let waits = match codec::decode_borrowed(&command) {
            Ok(Command::AdjustStock(AdjustStock { sku, delta, .. })) if delta < 0 => Some((sku, delta.unsigned_abs())),
            Ok(_) => None,
            Err(error) => return Reply::Refused(error.to_string()),
        };
        if let Some((sku, units)) = waits {
            self.collect_for(raft, sku, units).await;
        }
        match raft.propose(command).await {
            Ok((index, stamp, outcome)) => Reply::Applied { index, stamp, outcome: outcome.into() },
            Err(error) => refused(error),
        }
    }

    /// An entry that the leader can log but nobody can decode would stop the cluster for good.
    fn too_long(&self, command: &Bytes) -> Option<Reply> {
        let most = self.state().map_or(0, |state| state.params().max_entry_bytes as usize);
        let refuse = || Reply::Refused(format!("a command of {} bytes is longer than an entry may be ({most})", command.len()));
        (command.len() > most).then(refuse)
    }

    /// Has slices return units until the pool holds `units`, or all that are free, or a bounded time passed: an adjustment
    /// takes from the pool only, and its refusal names what that holds.
    async fn collect_for(&self, raft: &RaftNode, sku: SkuId, units: u64) {
        if !raft.leader().borrow().is_self {
            return;
        }
        let _waiting = Waiting::begin(self, sku, units);
        let until = Instant::now() + limits::ADJUSTMENT_WAIT;
        while Instant::now() < until {
            let view = read(raft.inventory()).view(sku, None);
            let waits = view.is_some_and(|view| view.pool < units.min(view.available()));
            if !waits {
                break;
            }
            sleep(limits::ADJUSTMENT_LOOK).await;
        }
    }
}

/// An entry that does not decode stops every node that comes to it: what another node sends is read before it is logged. That
/// costs a tenth of a microsecond an order; this node's own batches go another way.
fn no_batch(command: &[u8]) -> Option<Reply> {
    match codec::read_command(command) {
        Ok(Command::Batch(_)) => None,
        Ok(_) => Some(Reply::Refused("only a batch is logged without being watched".into())),
        Err(error) => Some(Reply::Refused(error.to_string())),
    }
}

/// An adjustment that waits for returns; also one whose caller went away ends, or the SKU would never be granted again.
struct Waiting<'a> {
    runtime: &'a Runtime,
    sku: SkuId,
    wait: AdjustmentWait,
}

impl<'a> Waiting<'a> {
    fn begin(runtime: &'a Runtime, sku: SkuId, units: u64) -> Self {
        let wait = locked(&runtime.policy).adjustment_waits(sku, units);
        runtime.policy_wanted.notify_one();
        Self { runtime, sku, wait }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        locked(&self.runtime.policy).adjustment_done(self.sku, self.wait);
    }
}

// By value, as the argument of `map_or_else`.
#[allow(clippy::needless_pass_by_value)]
fn refused(error: ProposeError) -> Reply {
    match error {
        ProposeError::NotLeader { leader } => Reply::NotLeader(leader),
        ProposeError::TooLong(_) => Reply::Refused(error.to_string()),
        ProposeError::Unknown | ProposeError::Stopped => Reply::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use holdfast_inventory::{Batch, Request, Seq, SessionId};

    use super::*;

    #[test]
    fn only_a_batch_that_this_build_reads_is_logged_for_another_node() {
        let requests = vec![Request::Return { sku: SkuId(1), units: 2 }];
        let batch = codec::encode(&Command::Batch(Batch { session: SessionId(4), seq: Seq(1), requests }));
        assert!(no_batch(&batch).is_none());
        // A request of a kind that a newer build may have.
        let mut newer = batch.clone();
        newer[4] = 6;
        let longer = [&batch[..], &[0]].concat();
        for bad in [&newer[..], &longer, &batch[..batch.len() - 1], b"", b"rubbish", &codec::encode(&Command::Tick)] {
            assert!(matches!(no_batch(bad), Some(Reply::Refused(_))), "{bad:?}");
        }
    }
}
