//! A small hash table in one block of memory: finds numbers by tags, eight bytes each, and is cheap to clone.
//!
//! Entries stand in rising order, each at its home or as near behind it as there is room (O. Amble, D. E. Knuth, *Ordered
//! hash tables*, 1974). So a look-up reads one or two neighbouring cache lines whether or not it finds something, nothing is
//! marked as removed, and a table is built anew, larger or in two, by one pass in order. A clone shares the block; the
//! first write to either copies it.

use std::sync::Arc;

use super::limits::SPILL_SLOTS;

/// A tag, which need not be the only one of its value, and the number that stands under it. In a slot the tag is the high
/// half, and the low half is one more than the number: zero is a free slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tagged {
    pub(super) tag: u32,
    /// Below `u32::MAX`.
    pub(super) number: u32,
}

const FREE: u64 = 0;

impl Tagged {
    fn slot(self) -> u64 {
        u64::from(self.tag) << 32 | (u64::from(self.number) + 1)
    }

    #[allow(clippy::cast_possible_truncation)] // The two halves.
    fn read(slot: u64) -> Self {
        Self { tag: (slot >> 32) as u32, number: (slot - 1) as u32 }
    }
}

/// See the top of the file.
#[derive(Clone)]
pub(super) struct Shard {
    /// At least [`SPILL_SLOTS`] more than homes, and the last one free: a look-up from any home ends within.
    slots: Arc<[u64]>,
    homes: usize,
    len: usize,
}

impl Default for Shard {
    fn default() -> Self {
        Self::of_rising(&[])
    }
}

impl FromIterator<Tagged> for Shard {
    fn from_iter<I: IntoIterator<Item = Tagged>>(entries: I) -> Self {
        let mut slots: Vec<u64> = entries.into_iter().map(Tagged::slot).collect();
        slots.sort_unstable();
        Self::of_rising(&slots)
    }
}

impl Shard {
    /// All entries, rising.
    pub(super) fn iter(&self) -> impl Iterator<Item = Tagged> {
        self.slots.iter().filter(|&&slot| slot != FREE).map(|&slot| Tagged::read(slot))
    }

    /// The number under `tag` that is the wanted one.
    pub(super) fn find(&self, tag: u32, is_wanted: impl Fn(u32) -> bool) -> Option<u32> {
        let from_home = self.slots[self.home(tag)..].iter().take_while(|&&slot| slot != FREE).map(|&slot| Tagged::read(slot));
        from_home.take_while(|entry| entry.tag <= tag).find(|entry| entry.tag == tag && is_wanted(entry.number)).map(|entry| entry.number)
    }

    /// Reads the memory that a look-up or an insertion of `tag` will read, without a branch that depends on it: a loop of
    /// these has many reads under way at once. The result means nothing.
    pub(super) fn touch(&self, tag: u32) -> u64 {
        let home = self.home(tag);
        self.slots[home] ^ self.slots[home + SPILL_SLOTS - 1] ^ Arc::strong_count(&self.slots) as u64
    }

    /// Adds an entry, which must not be there.
    pub(super) fn insert(&mut self, entry: Tagged) {
        if self.is_crowded() {
            *self = Self::of_rising(&self.taken());
        }
        let at = self.place(entry);
        let slots = Arc::make_mut(&mut self.slots);
        let run = slots[at..].iter().take_while(|&&slot| slot != FREE).count();
        slots.copy_within(at..at + run, at + 1);
        slots[at] = entry.slot();
        self.len += 1;
        if at + run + 1 == slots.len() {
            *self = Self::of_rising(&self.taken());
        }
    }

    /// Takes an entry out, which must be there.
    pub(super) fn remove(&mut self, entry: Tagged) {
        let at = self.place(entry);
        // Those behind it that are not at home move up.
        let strays = |(home, &slot): (usize, &u64)| slot != FREE && self.home(Tagged::read(slot).tag) <= home;
        let run = (at..).zip(&self.slots[at + 1..]).take_while(|&place| strays(place)).count();
        let slots = Arc::make_mut(&mut self.slots);
        slots[at] = FREE;
        slots[at..=at + run].rotate_left(1);
        self.len -= 1;
        if self.is_deserted() {
            *self = Self::of_rising(&self.taken());
        }
    }

    /// Two tables: of the entries whose tag stays, and of the others.
    pub(super) fn split(&self, stays: impl Fn(u32) -> bool) -> (Self, Self) {
        let (stay, go): (Vec<u64>, Vec<u64>) = self.taken().into_iter().partition(|&slot| stays(Tagged::read(slot).tag));
        (Self::of_rising(&stay), Self::of_rising(&go))
    }

    fn taken(&self) -> Vec<u64> {
        let mut taken = Vec::with_capacity(self.len);
        taken.extend(self.slots.iter().copied().filter(|&slot| slot != FREE));
        taken
    }

    /// A table of taken slots, with room for some more.
    fn of_rising(taken: &[u64]) -> Self {
        let len = taken.len();
        let homes = len + len / 3 + 1;
        let mut slots = vec![FREE; homes + SPILL_SLOTS];
        let mut next = 0;
        for &slot in taken {
            let at = home_among(Tagged::read(slot).tag, homes).max(next);
            next = at + 1;
            if next + SPILL_SLOTS > slots.len() {
                slots.resize(next + SPILL_SLOTS, FREE);
            }
            slots[at] = slot;
        }
        Self { slots: slots.into(), homes, len }
    }

    /// More than seven of eight homes taken: from there on runs of taken slots grow long.
    fn is_crowded(&self) -> bool {
        self.len * 8 >= self.homes * 7
    }

    fn is_deserted(&self) -> bool {
        self.len * 3 + 2 * SPILL_SLOTS < self.homes
    }

    /// Where the entry stands, or would stand.
    fn place(&self, entry: Tagged) -> usize {
        let (home, wanted) = (self.home(entry.tag), entry.slot());
        home + self.slots[home..].iter().take_while(|&&slot| slot != FREE && slot < wanted).count()
    }

    fn home(&self, tag: u32) -> usize {
        home_among(tag, self.homes)
    }
}

/// Rises with the tag.
#[allow(clippy::cast_possible_truncation)] // Below `homes`.
fn home_among(tag: u32, homes: usize) -> usize {
    ((u64::from(tag) * homes as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// Tags that crowd together as well as such that do not.
    fn tag() -> impl Strategy<Value = u32> {
        prop_oneof![any::<u32>(), 0_u32..4, (u32::MAX - 3)..=u32::MAX, any::<u32>().prop_map(|tag| tag & 0xf000_0001)]
    }

    fn contents(shard: &Shard) -> BTreeSet<(u32, u32)> {
        shard.iter().map(|entry| (entry.tag, entry.number)).collect()
    }

    proptest! {
        #[test]
        fn it_holds_what_a_plain_set_holds(steps in prop::collection::vec((tag(), 0_u32..5, 0..3_u8), 0..400), bit in 0..32_u32) {
            let (mut shard, mut plain) = (Shard::default(), BTreeSet::new());
            for (tag, number, step) in steps {
                let (before, clone) = (plain.clone(), shard.clone());
                if step == 0 && plain.remove(&(tag, number)) {
                    shard.remove(Tagged { tag, number });
                } else if plain.insert((tag, number)) {
                    shard.insert(Tagged { tag, number });
                }
                prop_assert_eq!(contents(&clone), before);
                prop_assert_eq!(shard.find(tag, |found| found == number).is_some(), plain.contains(&(tag, number)));
                prop_assert_eq!(shard.slots.last(), Some(&FREE));
                shard.touch(tag);
            }
            prop_assert_eq!((shard.len, contents(&shard)), (plain.len(), plain.clone()));
            prop_assert!(plain.iter().all(|&(tag, number)| shard.find(tag, |found| found == number) == Some(number)));
            let (stay, go) = shard.split(|tag| tag >> bit & 1 == 0);
            let (stays, goes): (BTreeSet<_>, BTreeSet<_>) = plain.into_iter().partition(|(tag, _)| tag >> bit & 1 == 0);
            prop_assert_eq!((contents(&stay), contents(&go)), (stays, goes));
        }

        #[test]
        fn a_table_shrinks_with_what_it_holds(tags in prop::collection::vec(any::<u32>(), 200..300)) {
            let entries: Vec<_> = (0_u32..).zip(tags).map(|(number, tag)| Tagged { tag, number }).collect();
            let mut shard: Shard = entries.iter().copied().collect();
            for &entry in &entries {
                shard.remove(entry);
            }
            prop_assert!(shard.slots.len() <= 4 * SPILL_SLOTS, "{} slots are left", shard.slots.len());
        }
    }
}
