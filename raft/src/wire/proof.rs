//! The proof that a peer knows the cluster secret: HMAC-SHA-256 over the whole hello, both sides' challenges included,
//! so that a recorded proof opens nothing. It authenticates the hello, not the frames after it: a network where others
//! can alter packets needs TLS below.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The cluster secret, ready to prove with. Prints nothing of it.
#[derive(Clone)]
pub(crate) struct ClusterKey(Hmac<Sha256>);

impl std::fmt::Debug for ClusterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClusterKey(…)")
    }
}

impl ClusterKey {
    /// The key made of the configured name and secret: nodes of another name are strangers, too.
    #[allow(clippy::expect_used)]
    pub(crate) fn new(name: &str, secret: &str) -> Self {
        let key = Self(Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length"));
        let named = key.prove(b"name", &[name.as_bytes()]);
        Self(Hmac::new_from_slice(&named).expect("HMAC takes keys of any length"))
    }

    /// A proof over `parts` in the role `label`. Lengths go in, so that parts cannot be shifted against each other.
    pub(crate) fn prove(&self, label: &[u8], parts: &[&[u8]]) -> [u8; 32] {
        self.mac(label, parts).finalize().into_bytes().into()
    }

    /// Whether `proof` is that proof; takes the same time whatever differs.
    pub(crate) fn verify(&self, label: &[u8], parts: &[&[u8]], proof: &[u8; 32]) -> bool {
        self.mac(label, parts).verify_slice(proof).is_ok()
    }

    fn mac(&self, label: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in std::iter::once(&label).chain(parts) {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac
    }
}

/// The first half of SHA-256, for naming a cluster.
pub(crate) fn sha256_128(bytes: &[u8]) -> u128 {
    let mut half = [0; 16];
    half.copy_from_slice(&Sha256::digest(bytes)[..16]);
    u128::from_be_bytes(half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_holds_for_its_key_label_and_parts_only() {
        let key = ClusterKey::new("shop", "one");
        let proof = key.prove(b"client", &[b"ab", b"c"]);
        assert!(key.verify(b"client", &[b"ab", b"c"], &proof));
        assert!(!key.verify(b"server", &[b"ab", b"c"], &proof));
        assert!(!key.verify(b"client", &[b"a", b"bc"], &proof));
        assert!(!ClusterKey::new("shop", "two").verify(b"client", &[b"ab", b"c"], &proof));
        assert!(!ClusterKey::new("other", "one").verify(b"client", &[b"ab", b"c"], &proof));
    }
}
