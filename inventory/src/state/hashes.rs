//! The keyed hashes of a cluster, without its state: who admits a request need not lock the state to hash it.

use super::hashing::{self, Domain, Keyed};
use crate::{BuyerHash, Fingerprint, KeyHash, Line, Secret};

/// Gives the same hashes as the [`Inventory`](super::Inventory) with the same secret, which never changes after bootstrap.
#[derive(Clone, Copy, Debug)]
pub struct Hashes(Secret);

impl Hashes {
    /// The hashes of the cluster with this secret.
    pub fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// See [`Inventory::key_hash`](super::Inventory::key_hash).
    pub fn key(&self, caller: &str, buyer: &str, key: &str) -> KeyHash {
        hashing::key_hash(&self.0, caller, buyer, key)
    }

    /// See [`Inventory::buyer_hash`](super::Inventory::buyer_hash).
    pub fn buyer(&self, buyer: &str) -> BuyerHash {
        BuyerHash(Keyed::new(&self.0, Domain::Buyer).bytes(buyer.as_bytes()).wide())
    }

    /// See [`Inventory::fingerprint`](super::Inventory::fingerprint).
    pub fn fingerprint(&self, buyer: &str, lines: &[Line], confirm: bool) -> Fingerprint {
        hashing::request_fingerprint(&self.0, buyer, lines, confirm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Inventory, SkuId};

    #[test]
    fn they_are_the_hashes_of_the_state() {
        let state = Inventory::new();
        let hashes = Hashes::new(*state.secret());
        let lines = [Line { sku: SkuId(3), units: 2 }];
        assert_eq!(hashes.key("c", "b", "k"), state.key_hash("c", "b", "k"));
        assert_eq!(hashes.buyer("b"), state.buyer_hash("b"));
        assert_eq!(hashes.fingerprint("b", &lines, true), state.fingerprint("b", &lines, true));
    }
}
