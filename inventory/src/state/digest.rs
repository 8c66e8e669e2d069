//! The rolling digest: what each entry did is chained into it, and every `state_hash_every` entries all that is held.
//! Two replicas that ever differ in an outcome, a SKU's numbers or a record differ in it.

use super::Inventory;
use super::entry::EntryContext;
use super::hashing::{Domain, Keyed};
use crate::{BatchResult, CommandOutcome, EventKind, SkuId, codec};

/// Bytes that a batch's outcomes usually take, beside each of them.
const BATCH_BYTES: usize = 32;

/// Bytes that an outcome usually takes at most.
const OUTCOME_BYTES: usize = 24;

impl Inventory {
    pub(super) fn chain_digest(&mut self, cx: &EntryContext, outcome: &CommandOutcome, touched: &[SkuId]) {
        let mut hash = Keyed::new(self.secret(), Domain::Entry);
        hash.u128(self.digest).u64(cx.index.0).u64(cx.clock.0).u64(cx.events.len() as u64);
        tell_outcome(&mut hash, outcome);
        for event in &cx.events {
            tell_event(&mut hash, &event.kind);
        }
        for &id in touched {
            if let Some(sku) = self.skus.get(id) {
                sku.tell(&mut hash);
                if matches!(outcome, CommandOutcome::Sku(_)) {
                    hash.bytes(&codec::encode(&*sku.settings));
                }
            }
        }
        self.digest = hash.wide();
        if cx.index.0.is_multiple_of(self.params().state_hash_every.max(1)) {
            self.digest = self.state_hash();
        }
    }

    /// Hash of the chain so far and of all that is held now.
    fn state_hash(&self) -> u128 {
        let mut hash = Keyed::new(self.secret(), Domain::State);
        hash.u128(self.digest).u128(self.keys.sum()).u128(self.orders.sum()).u128(self.held.sum());
        hash.u128(self.buyers.sum()).u128(self.adjustments.sum()).u64(self.keyless).u64(self.buyer_cursor as u64);
        self.sessions.tell(&mut hash);
        hash.u64(self.members.len() as u64);
        for member in self.members.iter() {
            hash.u64(member.0);
        }
        hash.bytes(&codec::encode(self.params()));
        hash.wide()
    }
}

fn tell_outcome(hash: &mut Keyed, outcome: &CommandOutcome) {
    match outcome {
        CommandOutcome::Done => hash.u64(0),
        CommandOutcome::MembersSet => hash.u64(1),
        CommandOutcome::SessionOpened(opened) => hash.u64(2).bytes(&codec::encode(opened)),
        CommandOutcome::SessionClosed { session, was_open, .. } => hash.u64(3).u64(session.0).u64(u64::from(*was_open)),
        CommandOutcome::Batch(batch) => {
            hash.u64(4).u64(batch.session.0).u64(batch.seq.0);
            match &batch.result {
                BatchResult::Judged(outcomes) => {
                    let mut bytes = Vec::with_capacity(BATCH_BYTES + OUTCOME_BYTES * outcomes.outcomes.len());
                    codec::encode_onto(outcomes, &mut bytes);
                    hash.u64(0).bytes(&bytes)
                }
                BatchResult::Repeated(_) => hash.u64(1),
                BatchResult::Outdated => hash.u64(2),
                BatchResult::Gap => hash.u64(3),
                BatchResult::Closed => hash.u64(4),
            }
        }
        CommandOutcome::Sku(result) => hash.u64(5).bytes(&codec::encode(result)),
    };
}

/// An accepted order's content is in the sum of records; here its place suffices.
fn tell_event(hash: &mut Keyed, kind: &EventKind) {
    match kind {
        EventKind::Accepted { order, .. } => hash.u64(0).u64(order.at.index.0).u64(u64::from(order.at.position)),
        EventKind::Changed { order, status, .. } => {
            hash.u64(1).u64(order.index.0).u64(u64::from(order.position)).bytes(status.word().as_bytes())
        }
        EventKind::Adjusted { sku, delta, .. } => hash.u64(2).u64(u64::from(sku.0)).u64(delta.cast_unsigned()),
        EventKind::SoldOut { sku } => hash.u64(3).u64(u64::from(sku.0)),
        EventKind::BackInStock { sku } => hash.u64(4).u64(u64::from(sku.0)),
        EventKind::BuyerForgotten { buyer, latest } => hash.u64(5).u128(buyer.0).u64(latest.index.0).u64(u64::from(latest.position)),
    };
}
