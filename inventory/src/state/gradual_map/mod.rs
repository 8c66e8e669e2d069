//! A hash map that grows one small shard at a time and is cheap to clone.
//!
//! Linear hashing (W. Litwin, *Linear Hashing: A New Tool for File and Table Addressing*, 1980): when the map is too
//! full, the next shard in turn is split in two, so that no insertion ever moves more than one shard's records. One
//! big table would stop every replica at the same entry for its rehash. A shard holds tags and the numbers of records, the
//! records themselves stand in the order they came: so what is read and moved at random is small, and a new record costs
//! one wait for memory. Shards and pages of records are shared: a clone copies pointers, and a later write copies only
//! what it touches.
//!
//! The map keeps the sum of the keyed hashes of its records, so that two replicas compare contents in O(1).
//!
//! *Architecture invariant:* nothing but a snapshot sees the order in which records are held, and it keeps that order:
//! [`GradualMap::page`]. [`GradualMap::sorted_shard`] sorts.

mod restore;

use super::dense::Dense;
use super::hashing::{Domain, Keyed};
use super::limits::{FIRST_SHARDS, SHARD_RECORDS};
use super::shard::{Shard, Tagged};
use crate::Secret;

/// A key that is already a keyed hash: 32 of its bits choose the shard and the place in it.
pub(super) trait HashedKey: Copy + Eq + Ord {
    /// All bits of the hash.
    fn bits(self) -> u128;

    /// The bits that choose. Two keys may have them in common: equality rests on all bits.
    #[allow(clippy::cast_possible_truncation)] // The highest 32.
    fn tag(self) -> u32 {
        (self.bits() >> 96) as u32
    }
}

/// A value that can be told into a hash.
pub(super) trait Told {
    /// Writes everything that replicas must agree on.
    fn tell(&self, hash: &mut Keyed);
}

/// A map from keyed hashes, see the top of the file.
#[derive(Clone)]
pub(super) struct GradualMap<K, V> {
    shards: Vec<Shard>,
    records: Dense<(K, V)>,
    sum: u128,
    secret: Secret,
}

impl<K: HashedKey, V: Clone + Told> GradualMap<K, V> {
    pub(super) fn new(secret: Secret) -> Self {
        Self { shards: vec![Shard::default(); FIRST_SHARDS], ..Self::unfilled(secret) }
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Sum of the keyed hashes of all records.
    pub(super) fn sum(&self) -> u128 {
        self.sum
    }

    pub(super) fn shards(&self) -> usize {
        self.shards.len()
    }

    pub(super) fn get(&self, key: K) -> Option<&V> {
        self.find(key).map(|number| &self.records.get(number).1)
    }

    /// See [`Shard::touch`].
    pub(super) fn touch(&self, key: K) -> u64 {
        self.shards[self.shard_of(key.tag())].touch(key.tag())
    }

    /// Puts a record in the place of the one under the same key, if there is one.
    pub(super) fn insert(&mut self, key: K, value: V) {
        self.sum = self.sum.wrapping_add(self.hash(key, &value));
        if let Some(number) = self.find(key) {
            let (_, before) = std::mem::replace(self.records.get_mut(number), (key, value));
            self.sum = self.sum.wrapping_sub(self.hash(key, &before));
        } else {
            self.place_new(key, value);
        }
    }

    /// Adds a record under a key that has none.
    pub(super) fn add(&mut self, key: K, value: V) {
        debug_assert!(self.find(key).is_none(), "the key has a record");
        self.sum = self.sum.wrapping_add(self.hash(key, &value));
        self.place_new(key, value);
    }

    /// Changes a record in its place; false if there is none.
    pub(super) fn update(&mut self, key: K, change: impl FnOnce(&mut V)) -> bool {
        let Some(number) = self.find(key) else { return false };
        let (_, value) = self.records.get_mut(number);
        let before = hash_record(&self.secret, key, value);
        change(value);
        self.sum = self.sum.wrapping_sub(before).wrapping_add(hash_record(&self.secret, key, value));
        true
    }

    pub(super) fn remove(&mut self, key: K) -> Option<V> {
        let number = self.find(key)?;
        let (_, value) = self.records.swap_remove(number);
        self.displace(Tagged { tag: key.tag(), number });
        // What was the last record has its number now.
        let last = Tagged { tag: 0, number: self.records.next_number() };
        if last.number != number {
            let tag = self.records.get(number).0.tag();
            self.displace(Tagged { tag, ..last });
            self.place(Tagged { tag, number });
        }
        self.sum = self.sum.wrapping_sub(self.hash(key, &value));
        Some(value)
    }

    /// The records of one shard in the order of their keys.
    pub(super) fn sorted_shard(&self, at: usize) -> Vec<(K, &V)> {
        let numbers = self.shards.get(at).into_iter().flat_map(Shard::iter).map(|entry| entry.number);
        let mut records: Vec<_> = numbers.map(|number| self.records.get(number)).map(|(key, value)| (*key, value)).collect();
        records.sort_unstable_by_key(|&(key, _)| key);
        records
    }

    /// How many pages of records there are.
    pub(super) fn pages(&self) -> usize {
        self.records.pages()
    }

    /// The records of one page, in the order of their numbers, which is part of the state; none behind the last.
    pub(super) fn page(&self, at: usize) -> &[(K, V)] {
        self.records.page(at)
    }

    /// Keeps the records alone, so that no write to a clone copies a shard; tells how many shards there were. The map finds nothing any
    /// more.
    pub(super) fn give_up_places(&mut self) -> usize {
        std::mem::take(&mut self.shards).len()
    }

    fn find(&self, key: K) -> Option<u32> {
        self.shards[self.shard_of(key.tag())].find(key.tag(), |number| self.records.get(number).0 == key)
    }

    fn place_new(&mut self, key: K, value: V) {
        let number = self.records.push((key, value));
        self.place(Tagged { tag: key.tag(), number });
        self.grow();
    }

    fn place(&mut self, entry: Tagged) {
        let at = self.shard_of(entry.tag);
        self.shards[at].insert(entry);
    }

    fn displace(&mut self, entry: Tagged) {
        let at = self.shard_of(entry.tag);
        self.shards[at].remove(entry);
    }

    fn hash(&self, key: K, value: &V) -> u128 {
        hash_record(&self.secret, key, value)
    }

    fn shard_of(&self, tag: u32) -> usize {
        shard_among(tag, self.shards.len())
    }

    fn grow(&mut self) {
        let count = self.shards.len();
        if self.len() <= count * SHARD_RECORDS {
            return;
        }
        let split = count - floor_power(count);
        let (stay, go) = self.shards[split].split(|tag| shard_among(tag, count + 1) == split);
        self.shards[split] = stay;
        self.shards.push(go);
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

/// The low bits of the tag choose the shard, the high ones the place in it.
fn shard_among(tag: u32, count: usize) -> usize {
    let half = floor_power(count);
    let wide = tag as usize & (2 * half - 1);
    if wide < count { wide } else { tag as usize & (half - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::limits::MOST_SHARDS;
    use proptest::prelude::*;
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
        let keys = (FIRST_SHARDS * SHARD_RECORDS) as u64 * 3;
        for n in 0..2 * keys {
            map.insert(key(n % keys), n);
            plain.insert(key(n % keys), n);
            if n.is_multiple_of(3) {
                assert_eq!(map.remove(key(n / 2)), plain.remove(&key(n / 2)));
            }
        }
        assert_eq!(map.len(), plain.len());
        assert!(map.shards() > FIRST_SHARDS);
        for n in 0..keys {
            assert_eq!(map.get(key(n)), plain.get(&key(n)));
        }
    }

    /// Half of all keys share their tag with others: only all bits tell them apart.
    fn crowded(n: u16) -> u128 {
        let tag = if n.is_multiple_of(2) { u128::from(n % 8) } else { key(u64::from(n)) >> 96 };
        tag << 96 | u128::from(n)
    }

    fn contents(map: &GradualMap<u128, u64>) -> BTreeMap<u128, u64> {
        (0..map.shards()).flat_map(|at| map.sorted_shard(at)).map(|(key, &value)| (key, value)).collect()
    }

    /// The map that a snapshot of this one gives.
    fn restored(map: &GradualMap<u128, u64>) -> GradualMap<u128, u64> {
        let mut read = GradualMap::unfilled(SECRET);
        assert!((0..map.pages()).all(|at| read.push_page(map.page(at).to_vec())) && read.place_all(map.shards()));
        read
    }

    proptest! {
        #[test]
        fn clones_and_what_a_snapshot_gives_back_hold_what_a_plain_map_holds(
            steps in prop::collection::vec((0_u16..300, any::<u64>(), 0..8_u8), 0..600),
        ) {
            let (mut map, mut plain) = (GradualMap::new(SECRET), BTreeMap::new());
            let mut kept = Vec::new();
            for (n, value, step) in steps {
                let key = crowded(n);
                match step {
                    0 => kept.push((map.clone(), plain.clone())),
                    1 => map = restored(&map),
                    2 | 3 => prop_assert_eq!(map.remove(key), plain.remove(&key)),
                    4 => {
                        let held = plain.get_mut(&key);
                        prop_assert_eq!(map.update(key, |held| *held ^= value), held.is_some());
                        if let Some(held) = held {
                            *held ^= value;
                        }
                    }
                    _ => {
                        map.insert(key, value);
                        plain.insert(key, value);
                    }
                }
                prop_assert_eq!(map.get(key), plain.get(&key));
            }
            kept.push((map, plain));
            for (map, plain) in kept {
                let read = restored(&map);
                prop_assert_eq!((map.len(), map.sum()), (plain.len(), read.sum()));
                prop_assert!((0..map.pages()).all(|at| map.page(at) == read.page(at)), "the order of records is state");
                prop_assert_eq!(&contents(&read), &plain);
                prop_assert_eq!(contents(&map), plain);
            }
        }
    }

    #[test]
    fn what_a_snapshot_gives_back_goes_on_like_the_map_itself() {
        let mut map = GradualMap::new(SECRET);
        let many = (FIRST_SHARDS * SHARD_RECORDS) as u64 * 3;
        let step = |map: &mut GradualMap<u128, u64>, n: u64| {
            map.insert(key(n), n);
            if n.is_multiple_of(3) {
                map.remove(key(n / 2));
            }
        };
        (0..many).for_each(|n| step(&mut map, n));
        let mut read = restored(&map);
        assert!(read.shards() > FIRST_SHARDS + 3 && read.shards() == map.shards(), "{} shards", read.shards());
        assert!((0..many).all(|n| read.get(key(n)) == map.get(key(n))));
        for n in many..2 * many {
            step(&mut map, n);
            step(&mut read, n);
        }
        assert!(read.shards() > 2 * FIRST_SHARDS && read.shards() == map.shards(), "{} shards", read.shards());
        assert!((0..2 * many).all(|n| read.get(key(n)) == map.get(key(n))));
        assert!((0..map.pages()).all(|at| map.page(at) == read.page(at)) && read.pages() == map.pages());
        assert!((0..map.shards()).all(|at| map.sorted_shard(at) == read.sorted_shard(at)));
    }

    #[test]
    fn records_of_a_key_twice_or_of_too_few_or_too_many_shards_are_not_taken() {
        let map = |records: Vec<(u128, u64)>| {
            let mut map = GradualMap::unfilled(SECRET);
            assert!(map.push_page(records));
            map
        };
        let same_tag = vec![(3, 1), (1, 1), (2, 1)];
        assert!(map(same_tag.clone()).place_all(FIRST_SHARDS));
        assert!(!map([same_tag, vec![(1, 2)]].concat()).place_all(FIRST_SHARDS));
        for shards in [0, FIRST_SHARDS - 1, MOST_SHARDS + 1, usize::MAX] {
            assert!(!map(vec![(1, 1)]).place_all(shards), "{shards} shards");
        }
        let crowd = (0..=(FIRST_SHARDS * SHARD_RECORDS) as u64).map(|n| (key(n), n)).collect::<Vec<_>>();
        assert!(!map(crowd.clone()).place_all(FIRST_SHARDS));
        assert!(map(crowd).place_all(FIRST_SHARDS + 1));
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
