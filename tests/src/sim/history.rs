//! What buyers asked, and what each of their attempts was answered.

use std::borrow::Cow;
use std::collections::BTreeMap;

use holdfast_inventory::{
    Answer, Ask, BuyerHash, Content, Hashes, KeyHash, Lines, Millis, Moment, OrderRef, OrderRequest, Refusal, Request, Stamp, Transition,
};

use super::ledger::Sold;
use super::tally::Operation;

/// What a buyer wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// An order under a key.
    Order { key: String, buyer: String, lines: Lines, confirm: bool },
    /// A step in the life of an order that a buyer knows of.
    Step { step: Operation, order: OrderRef },
}

/// One call at one node.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) wish: Wish,
    pub(super) node: usize,
    /// Life of the node's process that was called.
    pub(super) life: u64,
    pub(super) invoked: Moment,
    /// By its node's reckoning it must be answered by then, unless it was proposed.
    pub(super) deadline: Moment,
    /// No two attempts have the same: so an entry of the log tells whose attempt it carries.
    pub(super) apply_before: Stamp,
    pub(super) answer: Option<(Moment, Answer)>,
    /// Its process died before it answered.
    pub(super) is_lost: bool,
}

impl Attempt {
    /// Whether the buyer was told that this attempt certainly has no effect.
    pub(super) fn is_without_effect(&self) -> bool {
        self.answer.is_some_and(|(_, answer)| match answer {
            Answer::Accepted { .. } | Answer::Replayed { .. } | Answer::Transitioned { .. } | Answer::OutcomeUnknown => false,
            Answer::Refused { .. } | Answer::KeyInProgress | Answer::Overloaded | Answer::Draining | Answer::Stale | Answer::NoLeader => {
                true
            }
        })
    }
}

/// All attempts of a run.
#[derive(Debug)]
pub(super) struct History {
    pub(super) attempts: Vec<Attempt>,
    by_apply_before: BTreeMap<Stamp, usize>,
    hashes: Hashes,
}

impl History {
    pub(super) fn new(hashes: Hashes) -> Self {
        Self { attempts: Vec::new(), by_apply_before: BTreeMap::new(), hashes }
    }

    /// Notes an attempt before it is made. `time` is what its node believes the cluster time to be; its deadline is counted as
    /// the Desk counts it, its `apply_before` is the wanted one or the next that is free.
    pub(super) fn begin(&mut self, wish: Wish, at: (usize, u64), now: Moment, time: Stamp, wanted: Stamp, ttl: Millis) -> usize {
        let attempt = self.attempts.len();
        let mut apply_before = wanted;
        while self.by_apply_before.contains_key(&apply_before) {
            apply_before.0 += 1;
        }
        self.by_apply_before.insert(apply_before, attempt);
        let deadline = now.after((apply_before - time).min(ttl));
        let (node, life) = at;
        self.attempts.push(Attempt { wish, node, life, invoked: now, deadline, apply_before, answer: None, is_lost: false });
        attempt
    }

    /// The attempt that a request in the log belongs to.
    pub(super) fn attempt_of(&self, request: &Request<'_>) -> Option<usize> {
        let apply_before = match request {
            Request::Order(order) => order.apply_before,
            Request::Confirm(step) | Request::Release(step) | Request::Cancel(step) | Request::Extend(step) => step.apply_before,
            Request::Return { .. } => return None,
        };
        self.by_apply_before.get(&apply_before).copied()
    }

    /// Attempts that nobody has answered at a process.
    pub(super) fn open_at(&self, node: usize, life: u64) -> Vec<usize> {
        let open = |attempt: &Attempt| attempt.node == node && attempt.life == life && attempt.answer.is_none() && !attempt.is_lost;
        (0..self.attempts.len()).filter(|&at| open(&self.attempts[at])).collect()
    }

    pub(super) fn key(&self, buyer: &str, key: &str) -> KeyHash {
        self.hashes.key("", buyer, key)
    }

    pub(super) fn buyer(&self, buyer: &str) -> BuyerHash {
        self.hashes.buyer(buyer)
    }

    /// What the Desk is handed. `sold` is the order that a step is about, as the node's order log has it.
    pub(super) fn ask(&self, attempt: usize, sold: Option<&Sold>) -> Ask {
        let Attempt { wish, apply_before, .. } = &self.attempts[attempt];
        match wish {
            Wish::Order { key, buyer, lines, confirm } => {
                let request = OrderRequest {
                    caller: Cow::Borrowed(""),
                    key: Cow::Owned(key.clone()),
                    buyer: Cow::Owned(buyer.clone()),
                    lines: lines.clone(),
                    confirm: *confirm,
                    apply_before: *apply_before,
                };
                Ask {
                    request: Request::Order(request),
                    key: Some(self.key(buyer, key)),
                    fingerprint: Some(self.hashes.fingerprint(buyer, lines, *confirm)),
                    buyer: Some(self.buyer(buyer)),
                }
            }
            Wish::Step { step, order } => {
                let content = sold.map(|sold| Content {
                    buyer: Cow::Owned(sold.buyer.clone()),
                    lines: sold.lines.clone(),
                    created: sold.created,
                    node: sold.node,
                });
                let transition = Transition { order: *order, content, apply_before: *apply_before };
                let request = match step {
                    Operation::Release => Request::Release(transition),
                    Operation::Cancel => Request::Cancel(transition),
                    Operation::Extend => Request::Extend(transition),
                    _ => Request::Confirm(transition),
                };
                Ask { request, key: None, fingerprint: None, buyer: None }
            }
        }
    }
}

/// Whether the same key may be tried again with hope.
pub(super) fn is_worth_repeating(answer: &Answer) -> bool {
    match answer {
        Answer::Accepted { .. } | Answer::Replayed { .. } | Answer::Transitioned { .. } => false,
        Answer::Refused { refusal, .. } => matches!(refusal, Refusal::TooLate | Refusal::Capacity { .. } | Refusal::Refilling { .. }),
        _ => true,
    }
}
