//! The book of what was asked and answered, and what must be true of it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use holdfast_inventory::{Answer, Applied, Ask, Inventory, Line, LogIndex, Millis, Moment, OrderRequest, Refusal, Request, SkuId, Stamp};

/// What a buyer asks for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub key: String,
    pub buyer: String,
    pub lines: Vec<Line>,
}

impl Asked {
    pub fn one(key: &str, sku: u32, units: u32) -> Self {
        Self { key: key.into(), buyer: format!("buyer-of-{key}"), lines: vec![Line { sku: SkuId(sku), units }] }
    }

    pub fn ask(&self, state: &Inventory, apply_before: Stamp) -> Ask {
        let request = OrderRequest {
            caller: Cow::Borrowed(""),
            key: Cow::Owned(self.key.clone()),
            buyer: Cow::Owned(self.buyer.clone()),
            lines: self.lines.iter().copied().collect(),
            confirm: true,
            apply_before,
        };
        Ask {
            request: Request::Order(request),
            key: Some(state.key_hash("", &self.buyer, &self.key)),
            fingerprint: Some(state.fingerprint(&self.buyer, &self.lines, true)),
            buyer: Some(state.buyer_hash(&self.buyer)),
        }
    }
}

#[derive(Default)]
pub struct Book {
    asked: BTreeMap<u64, (Moment, Asked)>,
    answered: BTreeMap<u64, Answer>,
    /// Units left of each SKU after each entry.
    available: BTreeMap<(LogIndex, SkuId), u64>,
}

impl Book {
    pub fn begin(&mut self, now: Moment, asked: Asked) -> u64 {
        let waiter = self.asked.len() as u64;
        self.asked.insert(waiter, (now, asked));
        waiter
    }

    pub fn open(&self) -> usize {
        self.asked.len() - self.answered.len()
    }

    pub fn answers(&self) -> impl Iterator<Item = (&Asked, &Answer)> {
        self.answered.iter().map(|(waiter, answer)| (&self.asked[waiter].1, answer))
    }

    pub fn answer_of(&self, waiter: u64) -> Option<&Answer> {
        self.answered.get(&waiter)
    }

    pub fn note(&mut self, head: &Inventory, applied: &Applied) {
        for sku in head.skus() {
            assert!(sku.is_conserved(), "conservation at {}", applied.index);
            self.available.insert((applied.index, sku.id), sku.available());
        }
    }

    /// Exactly one answer each, in time; a refusal for want of units is true at its index, and that index is fresh.
    pub fn answer(&mut self, now: Moment, waiter: u64, answer: Answer, committed_at: &[Moment]) {
        let (since, asked) = &self.asked[&waiter];
        assert!(self.answered.insert(waiter, answer).is_none(), "{asked:?} is answered twice: {answer:?}");
        let Answer::Refused { refusal, index, .. } = answer else { return };
        let sku = match refusal {
            Refusal::SoldOut { sku, .. } => {
                assert_eq!(self.available[&(index, sku)], 0, "sold out at {index} is not true");
                sku
            }
            Refusal::InsufficientStock { sku, available } => {
                // Apply may have said it in the middle of the entry, between the orders of one batch.
                let before = self.available[&(LogIndex(index.0 - 1), sku)];
                let after = self.available[&(index, sku)];
                assert!((after..=before.max(after)).contains(&available), "insufficient at {index} is not true");
                sku
            }
            _ => return,
        };
        // The first entry that the answer does not know of.
        if let Some(next) = committed_at.get(index.0 as usize) {
            let age = now.since(*next);
            // Said by apply about this very request, the answer may be older, but not older than the request.
            assert!(age <= Millis(1_000) || *next >= *since, "{refusal:?} of {sku} at {index} is {age} old");
        }
    }

    /// What must be true once everything is settled and applied.
    pub fn check_final(&self, head: &Inventory) {
        let mut owners: BTreeMap<&str, _> = BTreeMap::new();
        let mut attempts: BTreeMap<&str, u32> = BTreeMap::new();
        for (_, asked) in self.asked.values() {
            *attempts.entry(&asked.key).or_default() += 1;
        }
        for (asked, answer) in self.answers() {
            let key = head.key_hash("", &asked.buyer, &asked.key);
            let owned = head.find_key(key).map(|record| record.order);
            match *answer {
                Answer::Accepted { order, .. } | Answer::Replayed { order } => {
                    assert_eq!(owned, Some(order), "{asked:?} was acknowledged");
                    assert_eq!(*owners.entry(&asked.key).or_insert(order), order, "one key, one order");
                }
                Answer::OutcomeUnknown | Answer::KeyInProgress => {}
                // Certainly without effect; other attempts with the same key may have had one.
                _ => assert!(owned.is_none() || attempts[&*asked.key] > 1, "{asked:?} was answered {answer:?} and owns an order"),
            }
        }
    }
}
