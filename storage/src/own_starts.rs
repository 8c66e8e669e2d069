//! The starts of this disk: what tells a copy of it from the disk itself, however often the copy was started.
//!
//! A peer remembers the latest start that it met. If that one is not among these, this directory is a copy that was made
//! before it: the disk went on elsewhere, and promised there what is not known here.

use holdfast_inventory::Incarnation;
use serde::{Deserialize, Serialize};

use crate::limits::STARTS_KEPT;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StartV1 {
    incarnation: Incarnation,
    nonce: u64,
}

/// The starts of a disk, at most [`STARTS_KEPT`], oldest first. Its layout is the format of version 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnStarts(Vec<StartV1>);

impl OwnStarts {
    /// Notes a start that is later than all before.
    pub(crate) fn add(&mut self, incarnation: Incarnation, nonce: u64) {
        self.0.push(StartV1 { incarnation, nonce });
        let forgotten = self.0.len().saturating_sub(STARTS_KEPT);
        self.0.drain(..forgotten);
    }

    /// Whether that was a start of this disk. One from before the oldest that is kept is believed: a peer that was away for
    /// so many starts must not shut this node out.
    pub fn has(&self, incarnation: Incarnation, nonce: u64) -> bool {
        self.0.first().is_none_or(|oldest| incarnation < oldest.incarnation) || self.0.contains(&StartV1 { incarnation, nonce })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(starts: &[(u64, u64)]) -> OwnStarts {
        let mut own = OwnStarts::default();
        for &(incarnation, nonce) in starts {
            own.add(Incarnation(incarnation), nonce);
        }
        own
    }

    #[test]
    fn a_copy_that_was_started_as_often_as_the_disk_does_not_have_its_starts() {
        let (disk, copy) = (started(&[(1, 10), (2, 20), (3, 30)]), started(&[(1, 10), (2, 99), (3, 98), (4, 97)]));
        assert!(disk.has(Incarnation(2), 20) && disk.has(Incarnation(3), 30));
        assert!(!copy.has(Incarnation(2), 20) && !copy.has(Incarnation(3), 30));
        assert!(copy.has(Incarnation(1), 10), "a peer that met only what both have in common knows no better");
        assert!(!disk.has(Incarnation(4), 97), "a later start was somebody else's");
    }

    #[test]
    fn only_so_many_are_kept_and_older_ones_are_believed() {
        let mut own = OwnStarts::default();
        for start in 1..=STARTS_KEPT as u64 + 5 {
            own.add(Incarnation(start), start);
        }
        assert_eq!(own.0.len(), STARTS_KEPT);
        assert!(own.has(Incarnation(5), 0) && !own.has(Incarnation(6), 0) && own.has(Incarnation(6), 6));
    }
}
