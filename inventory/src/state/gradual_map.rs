//! A hash map that grows one small shard at a time and is cheap to clone.
//!
//! Linear hashing (W. Litwin, *Linear Hashing: A New Tool for File and Table Addressing*, 1980): when the map is too
//! full, the next shard in turn is split in two, so that no insertion ever moves more than one shard's records. One
//! big table would stop every replica at the same entry for its rehash. Shards are shared: a clone copies pointers,
//! and a later write copies only the shard it touches.
//!
//! The map keeps the sum of the keyed hashes of its records, so that two replicas compare contents in O(1).
//!
//! *Architecture invariant:* nothing outside this file sees the order in which a shard holds its records;
//! [`GradualMap::sorted_shard`] sorts.

use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

use super::hashing::{Domain, Keyed};
use super::limits::{FIRST_SHARDS, SHARD_RECORDS};
use crate::Secret;

/// A key that is already a keyed hash: its bits choose the shard and the place in it.
pub(super) trait HashedKey: Copy + Eq + Ord + Hash {
    /// All bits of the hash.
    fn bits(self) -> u128;
}

/// A value that can be told into a hash.
pub(super) trait Told {
    /// Writes everything that replicas must agree on.
    fn tell(&self, hash: &mut Keyed);
}

/// Takes the place bits of a key as they are: they are a keyed hash already.
#[derive(Clone, Default)]
struct PassThrough(u64);

impl Hasher for PassThrough {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    #[allow(clippy::cast_possible_truncation)] // The low half; the high half has chosen the shard.
    fn write_u128(&mut self, value: u128) {
        self.0 = value as u64;
    }
}

// The iteration order of a shard never leaves this file, and its hasher is not random.
#[allow(clippy::disallowed_types)]
type Shard<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<PassThrough>>;

/// A map from keyed hashes, see the top of the file.
#[derive(Clone)]
pub(super) struct GradualMap<K, V> {
    shards: Vec<Arc<Shard<K, V>>>,
    len: usize,
    sum: u128,
    secret: Secret,
}

impl<K: HashedKey, V: Clone + Told> GradualMap<K, V> {
    pub(super) fn new(secret: Secret) -> Self {
        Self { shards: (0..FIRST_SHARDS).map(|_| Arc::default()).collect(), len: 0, sum: 0, secret }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Sum of the keyed hashes of all records.
    pub(super) fn sum(&self) -> u128 {
        self.sum
    }

    pub(super) fn shards(&self) -> usize {
        self.shards.len()
    }

    pub(super) fn get(&self, key: K) -> Option<&V> {
        self.shards[self.shard_of(key)].get(&key)
    }

    /// Puts a record in the place of the one under the same key, if there is one.
    pub(super) fn insert(&mut self, key: K, value: V) {
        let told = self.hash(key, &value);
        let at = self.shard_of(key);
        let before = Arc::make_mut(&mut self.shards[at]).insert(key, value);
        self.sum = self.sum.wrapping_add(told);
        if let Some(before) = before {
            self.sum = self.sum.wrapping_sub(self.hash(key, &before));
        } else {
            self.len += 1;
            self.grow();
        }
    }

    /// Changes a record in its place; false if there is none.
    pub(super) fn update(&mut self, key: K, change: impl FnOnce(&mut V)) -> bool {
        let at = self.shard_of(key);
        let Some(value) = Arc::make_mut(&mut self.shards[at]).get_mut(&key) else { return false };
        let before = hash_record(&self.secret, key, value);
        change(value);
        self.sum = self.sum.wrapping_sub(before).wrapping_add(hash_record(&self.secret, key, value));
        true
    }

    pub(super) fn remove(&mut self, key: K) -> Option<V> {
        let at = self.shard_of(key);
        if !self.shards[at].contains_key(&key) {
            // Looked up first: a needless write would copy a shared shard.
            return None;
        }
        let value = Arc::make_mut(&mut self.shards[at]).remove(&key)?;
        self.sum = self.sum.wrapping_sub(self.hash(key, &value));
        self.len -= 1;
        Some(value)
    }

    /// The records of one shard in the order of their keys.
    pub(super) fn sorted_shard(&self, at: usize) -> Vec<(K, &V)> {
        let mut records: Vec<_> =
            self.shards.get(at).into_iter().flat_map(|shard| shard.iter()).map(|(&key, value)| (key, value)).collect();
        records.sort_unstable_by_key(|&(key, _)| key);
        records
    }

    /// Appends a shard as a snapshot tells it. False if a key stands twice or the shards are not all filled in turn;
    /// whether each key is in its place shows only at the end: [`GradualMap::is_well_placed`].
    pub(super) fn push_shard(&mut self, records: Vec<(K, V)>) -> bool {
        let count = records.len();
        for (key, value) in &records {
            self.sum = self.sum.wrapping_add(self.hash(*key, value));
        }
        let shard: Shard<K, V> = records.into_iter().collect();
        let whole = shard.len() == count;
        self.len += count;
        self.shards.push(Arc::new(shard));
        whole
    }

    /// A map without shards, to be filled by [`GradualMap::push_shard`].
    pub(super) fn unfilled(secret: Secret) -> Self {
        Self { shards: Vec::new(), len: 0, sum: 0, secret }
    }

    pub(super) fn is_well_placed(&self) -> bool {
        self.shards.len() >= FIRST_SHARDS
            && self.shards.iter().enumerate().all(|(at, shard)| shard.keys().all(|&key| self.shard_of(key) == at))
    }

    fn hash(&self, key: K, value: &V) -> u128 {
        hash_record(&self.secret, key, value)
    }

    fn shard_of(&self, key: K) -> usize {
        shard_among(key.bits(), self.shards.len())
    }

    fn grow(&mut self) {
        if self.len <= self.shards.len() * SHARD_RECORDS {
            return;
        }
        let count = self.shards.len();
        let split = count - floor_power(count);
        self.shards.push(Arc::default());
        let records = Arc::unwrap_or_clone(std::mem::take(&mut self.shards[split]));
        let (mut stay, mut go) = (Shard::default(), Shard::default());
        for (key, value) in records {
            let side = if shard_among(key.bits(), count + 1) == split { &mut stay } else { &mut go };
            side.insert(key, value);
        }
        self.shards[split] = Arc::new(stay);
        self.shards[count] = Arc::new(go);
    }
}

fn hash_record<K: HashedKey, V: Told>(secret: &Secret, key: K, value: &V) -> u128 {
    let mut hash = Keyed::new(secret, Domain::Record);
    hash.u128(key.bits());
    value.tell(&mut hash);
    hash.wide()
}

fn floor_power(count: usize) -> usize {
    1 << count.ilog2()
}

/// The high half chooses the shard, the low half the place in it: the same bits for both would crowd the shards.
fn shard_among(bits: u128, count: usize) -> usize {
    let half = floor_power(count);
    let high = usize::try_from(bits >> 96).unwrap_or_default();
    let wide = high & (2 * half - 1);
    if wide < count { wide } else { high & (half - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    impl HashedKey for u128 {
        fn bits(self) -> u128 {
            self
        }
    }

    impl Told for u64 {
        fn tell(&self, hash: &mut Keyed) {
            hash.u64(*self);
        }
    }

    const SECRET: Secret = Secret([1; 16]);

    fn key(n: u64) -> u128 {
        Keyed::new(&SECRET, Domain::Key).u64(n).wide()
    }

    #[test]
    fn it_answers_like_a_plain_map_while_it_grows_and_shrinks() {
        let (mut map, mut plain) = (GradualMap::new(SECRET), BTreeMap::new());
        for n in 0..20_000_u64 {
            map.insert(key(n % 9_000), n);
            plain.insert(key(n % 9_000), n);
            if n % 3 == 0 {
                assert_eq!(map.remove(key(n / 2)), plain.remove(&key(n / 2)));
            }
        }
        assert_eq!(map.len(), plain.len());
        assert!(map.shards() > FIRST_SHARDS);
        assert!(map.is_well_placed());
        for n in 0..9_000 {
            assert_eq!(map.get(key(n)), plain.get(&key(n)));
        }
    }

    #[test]
    fn its_sum_depends_on_the_records_only_and_not_on_their_history() {
        let (mut one, mut other) = (GradualMap::new(SECRET), GradualMap::new(SECRET));
        for n in 0..500_u64 {
            one.insert(key(n), n);
            other.insert(key(499 - n), 7);
        }
        for n in 0..500_u64 {
            other.insert(key(n), n);
        }
        other.insert(key(1_000), 1);
        assert_ne!(one.sum(), other.sum());
        other.remove(key(1_000));
        assert_eq!(one.sum(), other.sum());
    }

    #[test]
    fn a_clone_keeps_what_it_had() {
        let mut map = GradualMap::new(SECRET);
        map.insert(key(1), 1_u64);
        let clone = map.clone();
        map.insert(key(1), 2);
        map.remove(key(1));
        assert_eq!((clone.get(key(1)), map.get(key(1))), (Some(&1), None));
    }

    #[test]
    fn no_shard_outgrows_the_others_by_much() {
        let mut map = GradualMap::new(SECRET);
        for n in 0..100_000_u64 {
            map.insert(key(n), n);
        }
        let longest = (0..map.shards()).map(|at| map.sorted_shard(at).len()).max();
        assert!(longest < Some(SHARD_RECORDS * 3), "{longest:?}");
    }
}
