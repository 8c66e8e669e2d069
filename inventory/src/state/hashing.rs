//! Keyed hashes: everything that an outsider chooses is hashed under the replicated secret before it keys a map, so
//! that nobody can aim at a shard; and what a replica holds is hashed into its digest.
//!
//! SipHash-1-3 with 128 bits (Aumasson, Bernstein 2012). Numbers are written little-endian, texts with their length.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::{Content, Fingerprint, KeyHash, Line, Order, Secret};

/// What a hash is about: the same bytes in two domains hash differently.
#[derive(Clone, Copy, Debug)]
pub(super) enum Domain {
    Buyer = 1,
    Key = 2,
    Request = 3,
    Content = 4,
    SkuName = 5,
    AdjustmentKey = 6,
    Adjustment = 7,
    Record = 8,
    Entry = 9,
    State = 10,
}

/// A keyed hash in the making.
pub(super) struct Keyed(SipHasher13);

impl Keyed {
    pub(super) fn new(secret: &Secret, domain: Domain) -> Self {
        let mut hasher = SipHasher13::new_with_key(&secret.0);
        hasher.write(&[domain as u8]);
        Self(hasher)
    }

    pub(super) fn u64(&mut self, value: u64) -> &mut Self {
        self.0.write(&value.to_le_bytes());
        self
    }

    pub(super) fn u128(&mut self, value: u128) -> &mut Self {
        self.0.write(&value.to_le_bytes());
        self
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.u64(bytes.len() as u64);
        self.0.write(bytes);
        self
    }

    pub(super) fn lines(&mut self, lines: &[Line]) -> &mut Self {
        self.u64(lines.len() as u64);
        for line in lines {
            self.u64(u64::from(line.sku.0) << 32 | u64::from(line.units));
        }
        self
    }

    pub(super) fn wide(&self) -> u128 {
        self.0.finish128().as_u128()
    }

    pub(super) fn narrow(&self) -> u64 {
        self.0.finish128().h1
    }
}

/// What an order request says. Lines count in the buyer's order: a retry sends the same body.
pub(super) fn request_fingerprint(secret: &Secret, buyer: &str, lines: &[Line], confirm: bool) -> Fingerprint {
    Fingerprint(Keyed::new(secret, Domain::Request).bytes(buyer.as_bytes()).lines(lines).u64(u64::from(confirm)).narrow())
}

/// What an accepted order says: its content can later be brought back from an order log and checked against this.
pub(super) fn order_fingerprint(secret: &Secret, order: &Order) -> u64 {
    content_hash(secret, &order.buyer, &order.lines, order.created.0, order.node.0)
}

/// The same of a content that a command carries.
pub(super) fn content_fingerprint(secret: &Secret, content: &Content<'_>) -> u64 {
    content_hash(secret, &content.buyer, &content.lines, content.created.0, content.node.0)
}

fn content_hash(secret: &Secret, buyer: &str, lines: &[Line], created: u64, node: u64) -> u64 {
    Keyed::new(secret, Domain::Content).bytes(buyer.as_bytes()).lines(lines).u64(created).u64(node).narrow()
}

/// Scope of an idempotency key: caller and buyer.
pub(super) fn key_hash(secret: &Secret, caller: &str, buyer: &str, key: &str) -> KeyHash {
    KeyHash(Keyed::new(secret, Domain::Key).bytes(caller.as_bytes()).bytes(buyer.as_bytes()).bytes(key.as_bytes()).wide())
}
