//! `Batch`: a node's requests, taken once. The session must be open and the number the next one; a repeated number
//! changes nothing and answers what it answered, so a node may propose a batch as often as it likes.

use std::sync::Arc;

use super::Inventory;
use super::entry::EntryContext;
use super::limits::MAX_JUDGED;
use crate::{Batch, BatchApplied, BatchOutcomes, BatchResult, NodeId, Outcome, Refusal, Request, SessionId};

/// Who proposes a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proposer {
    pub(super) session: SessionId,
    pub(super) node: NodeId,
}

impl Inventory {
    pub(super) fn batch(&mut self, cx: &mut EntryContext, batch: &Batch<'_>) -> BatchApplied {
        let node = self.sessions.get(batch.session).map(|session| session.node);
        let result = match self.judge_batch(batch) {
            Ok(proposer) => BatchResult::Judged(self.take_batch(cx, proposer, batch)),
            Err(result) => result,
        };
        BatchApplied { session: batch.session, node, seq: batch.seq, result }
    }

    fn judge_batch(&self, batch: &Batch<'_>) -> Result<Proposer, BatchResult> {
        let session = self.sessions.get(batch.session).filter(|session| session.open).ok_or(BatchResult::Closed)?;
        match (batch.seq.0.checked_sub(session.last_seq.0), &session.last_batch) {
            (Some(1), _) => Ok(Proposer { session: session.id, node: session.node }),
            (Some(0), Some(last)) => Err(BatchResult::Repeated(Arc::clone(last))),
            (Some(0) | None, _) => Err(BatchResult::Outdated),
            (Some(_), _) => Err(BatchResult::Gap),
        }
    }

    fn take_batch(&mut self, cx: &mut EntryContext, proposer: Proposer, batch: &Batch<'_>) -> Arc<BatchOutcomes> {
        let most = MAX_JUDGED.min(self.params().max_batch_requests as usize);
        let judged = batch.requests.iter().take(most).map(|request| self.request(cx, proposer, request));
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(batch.requests.len());
        outcomes.extend(judged);
        // No Desk sends more; what one entry does not judge is refused, so that every request has an outcome.
        outcomes.resize(batch.requests.len(), Outcome::Refused(Refusal::Capacity { of_buyer: false }));
        let outcomes = Arc::new(BatchOutcomes { index: cx.index, stamp: cx.clock, outcomes });
        if let Some(session) = self.sessions.get_mut(proposer.session) {
            session.last_seq = batch.seq;
            session.last_batch = Some(Arc::clone(&outcomes));
        }
        outcomes
    }

    fn request(&mut self, cx: &mut EntryContext, proposer: Proposer, request: &Request<'_>) -> Outcome {
        match request {
            Request::Order(ask) => self.place_order(cx, proposer, ask),
            Request::Confirm(step) => self.confirm(cx, proposer, step),
            Request::Release(step) => self.release(cx, step),
            Request::Cancel(step) => self.cancel(cx, step),
            Request::Extend(step) => self.extend(cx, step),
            Request::Return { sku, units } => self.return_units(cx, proposer, *sku, *units),
        }
    }
}
