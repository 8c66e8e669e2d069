//! The public id of an order: where it stands in history, sealed with a truncated MAC.
//!
//! Sixteen bytes, big-endian: epoch (2), log index (6), position (2), the first six of
//! SipHash-2-4-128 under the replicated secret; printed as 26 characters of Crockford's base 32 (lower case).
//! So an order is found by one look-up, and a mistyped or guessed id is malformed, not somebody else's order.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher24};

use crate::{Epoch, LogIndex, OrderRef, Secret};

/// Characters of a token.
pub const TOKEN_CHARS: usize = 26;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const MAX_INDEX: u64 = (1 << 48) - 1;

/// Prints the id of `order` in `epoch`.
pub fn seal(secret: &Secret, epoch: Epoch, order: OrderRef) -> String {
    debug_assert!(order.index.0 <= MAX_INDEX, "a log index fits 48 bits");
    let plain = (u128::from(epoch.0) << 112) | (u128::from(order.index.0) << 64) | (u128::from(order.position) << 48);
    let mut value = plain | u128::from(mac(secret, plain));
    let mut text = [0_u8; TOKEN_CHARS];
    for slot in text.iter_mut().rev() {
        *slot = ALPHABET[(value & 31) as usize];
        value >>= 5;
    }
    text.iter().map(|&b| char::from(b)).collect()
}

/// Reads an id; `None` if it is not one that [`seal`] made under this secret.
#[allow(clippy::cast_possible_truncation)] // Each part is cut out of the wide number on purpose.
pub fn unseal(secret: &Secret, token: &str) -> Option<(Epoch, OrderRef)> {
    if token.len() != TOKEN_CHARS {
        return None;
    }
    let mut value = 0_u128;
    for (at, byte) in token.bytes().enumerate() {
        let digit = ALPHABET.iter().position(|&a| a == byte)?;
        // 26 characters hold 130 bits: the first may use only three of its five.
        if at == 0 && digit > 7 {
            return None;
        }
        value = (value << 5) | digit as u128;
    }
    let plain = value >> 48 << 48;
    if u128::from(mac(secret, plain)) != value & u128::from(MAX_INDEX) {
        return None;
    }
    let epoch = Epoch((value >> 112) as u16);
    let index = LogIndex((value >> 64) as u64 & MAX_INDEX);
    Some((epoch, OrderRef { index, position: (value >> 48) as u16 }))
}

fn mac(secret: &Secret, plain: u128) -> u64 {
    let mut hasher = SipHasher24::new_with_key(&secret.0);
    hasher.write(b"order");
    hasher.write(&plain.to_be_bytes());
    hasher.finish128().h1 & MAX_INDEX
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: Secret = Secret([7; 16]);

    #[test]
    fn a_token_reads_back() {
        let order = OrderRef { index: LogIndex(123_456_789), position: 4_242 };
        let token = seal(&SECRET, Epoch(3), order);
        assert_eq!(token.len(), TOKEN_CHARS);
        assert_eq!(unseal(&SECRET, &token), Some((Epoch(3), order)));
    }

    #[test]
    fn every_single_character_change_is_malformed() {
        let token = seal(&SECRET, Epoch(1), OrderRef { index: LogIndex(99), position: 1 });
        for at in 0..TOKEN_CHARS {
            for other in ALPHABET {
                let mut bytes = token.clone().into_bytes();
                if bytes[at] == *other {
                    continue;
                }
                bytes[at] = *other;
                let changed = String::from_utf8(bytes).expect("ascii");
                assert_eq!(unseal(&SECRET, &changed), None, "{changed}");
            }
        }
    }

    #[test]
    fn another_secret_reads_nothing() {
        let token = seal(&SECRET, Epoch(1), OrderRef { index: LogIndex(99), position: 1 });
        assert_eq!(unseal(&Secret([8; 16]), &token), None);
        assert_eq!(unseal(&SECRET, ""), None);
        assert_eq!(unseal(&SECRET, &token.to_uppercase()), None);
    }
}
