//! What is due when: buckets of time, each a list. Nothing is ever taken from the middle: what is swept is looked at
//! again, and what changed meanwhile has another entry.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::limits::DEADLINE_CHUNK;
use crate::{Millis, Stamp};

/// Chunks of one bucket; all but the last are full until they are swept.
pub(super) type Bucket<T> = Vec<Arc<Vec<T>>>;

/// Entries by the time they are due, in granules.
#[derive(Clone)]
pub(super) struct Deadlines<T> {
    granule: u64,
    len: u64,
    buckets: BTreeMap<u64, Bucket<T>>,
}

impl<T: Copy> Deadlines<T> {
    pub(super) fn new(granule: Millis) -> Self {
        Self { granule: granule.0, len: 0, buckets: BTreeMap::new() }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn push(&mut self, due: Stamp, entry: T) {
        self.len += 1;
        let bucket = self.buckets.entry(due.0 / self.granule).or_default();
        match bucket.last_mut() {
            Some(chunk) if chunk.len() < DEADLINE_CHUNK => Arc::make_mut(chunk).push(entry),
            _ => bucket.push(Arc::new(vec![entry])),
        }
    }

    /// Whether the granule of a deadline is past, so that it should have been taken.
    pub(super) fn is_due(&self, due: Stamp, clock: Stamp) -> bool {
        due.0 / self.granule < clock.0 / self.granule
    }

    /// Takes one entry whose whole granule is past; the last that was put into the oldest bucket.
    pub(super) fn pop_due(&mut self, clock: Stamp) -> Option<T> {
        let mut oldest = self.buckets.first_entry()?;
        if *oldest.key() >= clock.0 / self.granule {
            return None;
        }
        let bucket = oldest.get_mut();
        let chunk = Arc::make_mut(bucket.last_mut()?);
        let entry = chunk.pop();
        self.len -= u64::from(entry.is_some());
        if chunk.is_empty() {
            bucket.pop();
        }
        if bucket.is_empty() {
            oldest.remove();
        }
        entry
    }

    /// First stamp at which [`Deadlines::pop_due`] gives something.
    pub(super) fn next(&self) -> Option<Stamp> {
        let (&bucket, _) = self.buckets.first_key_value()?;
        Some(Stamp(bucket.saturating_add(1).saturating_mul(self.granule)))
    }

    /// How long the oldest entry that should have been swept has been due, at most.
    pub(super) fn lag(&self, clock: Stamp) -> Millis {
        match self.buckets.first_key_value() {
            Some((&bucket, _)) if bucket < clock.0 / self.granule => clock - Stamp(bucket * self.granule),
            _ => Millis(0),
        }
    }

    pub(super) fn bucket_keys(&self) -> impl Iterator<Item = (u64, usize)> {
        self.buckets.iter().map(|(&bucket, chunks)| (bucket, chunks.len()))
    }

    pub(super) fn chunk(&self, bucket: u64, at: usize) -> Option<&Arc<Vec<T>>> {
        self.buckets.get(&bucket)?.get(at)
    }

    /// Appends a chunk as a snapshot tells it; false if it is empty.
    pub(super) fn push_chunk(&mut self, bucket: u64, entries: Vec<T>) -> bool {
        if entries.is_empty() {
            return false;
        }
        self.len += entries.len() as u64;
        self.buckets.entry(bucket).or_default().push(Arc::new(entries));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_out_once_their_granule_is_past_and_not_before() {
        let mut due = Deadlines::new(Millis(50));
        (0..1_200_u64).for_each(|n| due.push(Stamp(1_000 + n % 50), n));
        due.push(Stamp(1_050), 9_999);
        assert_eq!((due.next(), due.pop_due(Stamp(1_049))), (Some(Stamp(1_050)), None));
        assert_eq!(due.lag(Stamp(1_060)), Millis(60));
        let mut swept = Vec::new();
        while let Some(n) = due.pop_due(Stamp(1_050)) {
            swept.push(n);
        }
        swept.sort_unstable();
        assert_eq!(swept, (0..1_200).collect::<Vec<_>>());
        assert_eq!((due.next(), due.lag(Stamp(1_060))), (Some(Stamp(1_100)), Millis(0)));
    }

    #[test]
    fn a_deadline_at_the_end_of_time_is_never_due() {
        let mut due = Deadlines::new(Millis(50));
        due.push(Stamp(u64::MAX), 1);
        assert_eq!(due.pop_due(Stamp(u64::MAX)), None);
    }
}
