//! Keys that are being worked on at this node.

// Looked up only, never iterated: no order of it reaches an answer, let alone replicated state.
#![allow(clippy::disallowed_types)]

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use crate::KeyHash;

/// Keys of all requests that wait, form or are in flight.
#[derive(Default)]
pub(super) struct KeysInProgress(HashSet<KeyHash, BuildHasherDefault<PassThrough>>);

impl KeysInProgress {
    /// False if the key was there.
    pub(super) fn insert(&mut self, key: KeyHash) -> bool {
        self.0.insert(key)
    }

    pub(super) fn remove(&mut self, key: KeyHash) {
        self.0.remove(&key);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A [`KeyHash`] is a keyed hash already: hashing it again protects nothing.
#[derive(Default)]
pub(super) struct PassThrough(u64);

impl Hasher for PassThrough {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    // Folded on purpose: all its bits are equally random.
    #[allow(clippy::cast_possible_truncation)]
    fn write_u128(&mut self, value: u128) {
        self.0 = (value >> 64) as u64 ^ value as u64;
    }
}
