//! Keyed hashes: everything that an outsider chooses is hashed under the replicated secret before it keys a map, so
//! that nobody can aim at a shard; and what a replica holds is hashed into its digest.
//!
//! SipHash-1-3 with 128 bits (Aumasson, Bernstein 2012). Numbers are written little-endian, texts with their length.

use std::hash::Hasher;

use siphasher::sip128::{Hash128, Hasher128, SipHasher13};

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

/// Bytes that are gathered before they are hashed: few hashes here are of more.
const GATHERED_BYTES: usize = 192;

/// A keyed hash in the making. Gathers what is told, since the hasher is several times slower by the number than by the
/// block, and quickest with all there is at once.
pub(super) struct Keyed {
    key: [u8; 16],
    /// What did not fit is hashed already.
    hashed: Option<SipHasher13>,
    gathered: [u8; GATHERED_BYTES],
    count: usize,
}

impl Keyed {
    #[inline]
    pub(super) fn new(secret: &Secret, domain: Domain) -> Self {
        let mut hash = Self { key: secret.0, hashed: None, gathered: [0; GATHERED_BYTES], count: 1 };
        hash.gathered[0] = domain as u8;
        hash
    }

    #[inline]
    pub(super) fn u64(&mut self, value: u64) -> &mut Self {
        self.gather(&value.to_le_bytes())
    }

    #[inline]
    pub(super) fn u128(&mut self, value: u128) -> &mut Self {
        self.gather(&value.to_le_bytes())
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.u64(bytes.len() as u64).gather(bytes)
    }

    pub(super) fn lines(&mut self, lines: &[Line]) -> &mut Self {
        self.u64(lines.len() as u64);
        for line in lines {
            self.u64(u64::from(line.sku.0) << 32 | u64::from(line.units));
        }
        self
    }

    #[inline]
    pub(super) fn wide(&self) -> u128 {
        self.finished().as_u128()
    }

    #[inline]
    pub(super) fn narrow(&self) -> u64 {
        self.finished().h1
    }

    #[inline]
    fn gather(&mut self, bytes: &[u8]) -> &mut Self {
        if let Some(free) = self.gathered[self.count..].get_mut(..bytes.len()) {
            free.copy_from_slice(bytes);
            self.count += bytes.len();
        } else {
            self.hash_gathered_and(bytes);
        }
        self
    }

    #[cold]
    fn hash_gathered_and(&mut self, bytes: &[u8]) {
        let hasher = self.hashed.get_or_insert_with(|| SipHasher13::new_with_key(&self.key));
        hasher.write(&self.gathered[..self.count]);
        hasher.write(bytes);
        self.count = 0;
    }

    fn finished(&self) -> Hash128 {
        let gathered = &self.gathered[..self.count];
        match self.hashed {
            None => SipHasher13::new_with_key(&self.key).hash(gathered),
            Some(mut hasher) => {
                hasher.write(gathered);
                hasher.finish128()
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_hashed_as_one_text_however_long() {
        let secret = Secret([7; 16]);
        let text: Vec<u8> = (0..=255).cycle().take(3 * GATHERED_BYTES).collect();
        for cut in [0, 1, GATHERED_BYTES - 10, GATHERED_BYTES - 9, GATHERED_BYTES - 8, GATHERED_BYTES + 1, text.len()] {
            let mut hash = Keyed::new(&secret, Domain::Key);
            hash.bytes(&text[..cut]).u64(9).bytes(b"end");
            let mut plain = vec![Domain::Key as u8];
            plain.extend((cut as u64).to_le_bytes());
            plain.extend(&text[..cut]);
            plain.extend(9_u64.to_le_bytes());
            plain.extend(3_u64.to_le_bytes());
            plain.extend(b"end");
            assert_eq!(hash.wide(), SipHasher13::new_with_key(&secret.0).hash(&plain).as_u128(), "cut at {cut}");
        }
    }
}
