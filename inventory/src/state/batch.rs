//! `Batch`: a node's requests, taken once. The session must be open and the number the next one; a repeated number
//! changes nothing and answers what it answered, so a node may propose a batch as often as it likes.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Inventory;
use super::entry::EntryContext;
use super::limits::{MAX_JUDGED, READ_AHEAD};
use crate::planted::{self, Planted};
use crate::{Batch, BatchApplied, BatchOutcomes, BatchResult, BuyerHash, KeyHash, NodeId, Outcome, Refusal, Request, SessionId};

/// Who proposes a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proposer {
    pub(super) session: SessionId,
    pub(super) node: NodeId,
}

/// What an order is looked up by.
#[derive(Clone, Copy, Debug)]
pub(super) struct AskHashes {
    pub(super) key: KeyHash,
    pub(super) buyer: BuyerHash,
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
        let session = self
            .sessions
            .get(batch.session)
            .filter(|session| session.open || planted::is(Planted::SkipSessionCheck))
            .ok_or(BatchResult::Closed)?;
        let proposer = Proposer { session: session.id, node: session.node };
        match (batch.seq.0.checked_sub(session.last_seq.0), &session.last_batch) {
            (Some(1), _) => Ok(proposer),
            (Some(0), Some(last)) if planted::is(Planted::JudgeRepeatedAgain) && !has_order(last) => Ok(proposer),
            (Some(0), Some(last)) => Err(BatchResult::Repeated(Arc::clone(last))),
            (Some(0) | None, _) => Err(BatchResult::Outdated),
            (Some(_), _) if planted::is(Planted::AcceptGap) => Ok(proposer),
            (Some(_), _) => Err(BatchResult::Gap),
        }
    }

    fn take_batch(&mut self, cx: &mut EntryContext, proposer: Proposer, batch: &Batch<'_>) -> Arc<BatchOutcomes> {
        let most = MAX_JUDGED.min(self.params().max_batch_requests as usize).min(batch.requests.len());
        let mut outcomes: Vec<Outcome> = Vec::with_capacity(batch.requests.len());
        cx.events.reserve(most);
        for requests in batch.requests[..most].chunks(READ_AHEAD) {
            let hashes = self.read_ahead(requests);
            outcomes.extend(requests.iter().zip(hashes).map(|(request, hashes)| self.request(cx, proposer, request, hashes)));
        }
        // No Desk sends more; what one entry does not judge is refused, so that every request has an outcome.
        outcomes.resize(batch.requests.len(), Outcome::Refused(Refusal::Capacity { of_buyer: false }));
        let outcomes = Arc::new(BatchOutcomes { index: cx.index, stamp: cx.clock, outcomes });
        if let Some(session) = self.sessions.get_mut(proposer.session) {
            session.last_seq = batch.seq;
            session.last_batch = Some(Arc::clone(&outcomes));
        }
        outcomes
    }

    /// Reads the memory that judging these requests will read, so that they wait for it together and not in turn.
    fn read_ahead(&self, requests: &[Request<'_>]) -> SmallVec<[Option<AskHashes>; READ_AHEAD]> {
        let hashes: SmallVec<_> = requests.iter().map(|request| self.ask_hashes(request)).collect();
        let touched = hashes.iter().flatten().fold(0, |sum, ask: &AskHashes| sum ^ self.keys.touch(ask.key) ^ self.buyers.touch(ask.buyer));
        // Reads whose result nobody asks for are left out by the compiler.
        std::hint::black_box(touched);
        hashes
    }

    fn ask_hashes(&self, request: &Request<'_>) -> Option<AskHashes> {
        let Request::Order(ask) = request else { return None };
        Some(AskHashes { key: self.key_hash(&ask.caller, &ask.buyer, &ask.key), buyer: self.buyer_hash(&ask.buyer) })
    }

    fn request(&mut self, cx: &mut EntryContext, proposer: Proposer, request: &Request<'_>, hashes: Option<AskHashes>) -> Outcome {
        match (request, hashes) {
            (Request::Order(ask), Some(hashes)) => self.place_order(cx, proposer, ask, hashes),
            (Request::Order(_), None) => unreachable!("every order is hashed"),
            (Request::Confirm(step), _) => self.confirm(cx, proposer, step),
            (Request::Release(step), _) => self.release(cx, step),
            (Request::Cancel(step), _) => self.cancel(cx, step),
            (Request::Extend(step), _) => self.extend(cx, step),
            (Request::Return { sku, units }, _) => self.return_units(cx, proposer, *sku, *units),
        }
    }
}

fn has_order(batch: &BatchOutcomes) -> bool {
    batch.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Accepted { .. }))
}
