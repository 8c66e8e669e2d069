//! A map from the records of a snapshot: they come in their order, and get their places in the end.

use super::{GradualMap, HashedKey, Told, shard_among};
use crate::Secret;
use crate::state::dense::Dense;
use crate::state::limits::{FIRST_SHARDS, MOST_SHARDS, SHARD_RECORDS};
use crate::state::shard::{Shard, Tagged};

impl<K: HashedKey, V: Clone + Told> GradualMap<K, V> {
    /// A map to be filled by [`GradualMap::push_page`]; it finds nothing before [`GradualMap::place_all`].
    pub(in crate::state) fn unfilled(secret: Secret) -> Self {
        Self { shards: Vec::new(), records: Dense::new(), sum: 0, secret }
    }

    /// Appends records as a snapshot tells them; false if there can't be so many.
    pub(in crate::state) fn push_page(&mut self, records: Vec<(K, V)>) -> bool {
        if self.len() + records.len() >= MOST_SHARDS * SHARD_RECORDS {
            return false;
        }
        let sum = records.iter().fold(self.sum, |sum, (key, value)| sum.wrapping_add(self.hash(*key, value)));
        self.sum = sum;
        self.records.push_all(records);
        true
    }

    /// Puts all records into so many shards. False if there can't be so many or so few, or a key stands twice; the map is then of no
    /// use. Takes eight bytes a record for as long as it works.
    pub(in crate::state) fn place_all(&mut self, shards: usize) -> bool {
        if !(FIRST_SHARDS..=MOST_SHARDS).contains(&shards) || self.len() > shards * SHARD_RECORDS {
            return false;
        }
        let shard_of = |(key, _): &(K, V)| shard_among(key.tag(), shards);
        // How many each shard has; where its first entry comes; where its next one does.
        let mut next = vec![0_usize; shards];
        self.records.iter().for_each(|record| next[shard_of(record)] += 1);
        let mut before = 0;
        for place in &mut next {
            before += std::mem::replace(place, before);
        }
        let mut entries = vec![Tagged { tag: 0, number: 0 }; self.len()];
        for (number, record) in (0..).zip(self.records.iter()) {
            let place = &mut next[shard_of(record)];
            entries[*place] = Tagged { tag: record.0.tag(), number };
            *place += 1;
        }
        let begins = std::iter::once(0).chain(next.iter().copied());
        let empty = Shard::default();
        let filled = |(begin, &end): (usize, &usize)| match &entries[begin..end] {
            [] => empty.clone(),
            entries => entries.iter().copied().collect(),
        };
        self.shards = begins.zip(&next).map(filled).collect();
        self.shards.iter().all(|shard| self.has_no_key_twice(shard))
    }

    fn has_no_key_twice(&self, shard: &Shard) -> bool {
        let entries: Vec<Tagged> = shard.iter().collect();
        let mut alike = entries.chunk_by(|one, next| one.tag == next.tag).filter(|run| run.len() > 1);
        alike.all(|run| {
            let mut keys: Vec<K> = run.iter().map(|entry| self.records.get(entry.number).0).collect();
            keys.sort_unstable();
            keys.windows(2).all(|pair| pair[0] != pair[1])
        })
    }
}
