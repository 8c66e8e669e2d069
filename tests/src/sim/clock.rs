//! A node's notion of cluster time, which may be as wrong as it likes: safety may not rest on it.

use holdfast_inventory::{Moment, Stamp};

/// Runs on from an anchor at a speed of its own; what is seen in the log pulls it forward, as in the product.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    anchor: Stamp,
    anchored: Moment,
    /// Thousandths of true speed.
    per_mille: u64,
}

impl Clock {
    pub(super) fn new(anchor: Stamp, now: Moment, per_mille: u64) -> Self {
        Self { anchor, anchored: now, per_mille }
    }

    pub(super) fn at(&self, now: Moment) -> Stamp {
        let passed = now.0.saturating_sub(self.anchored.0) / 1000;
        Stamp(self.anchor.0 + passed * self.per_mille / 1000)
    }

    /// A stamp was seen: the clock is never behind it.
    pub(super) fn saw(&mut self, stamp: Stamp, now: Moment) {
        if stamp > self.at(now) {
            (self.anchor, self.anchored) = (stamp, now);
        }
    }

    /// The clock is set by so many milliseconds, forwards or backwards.
    pub(super) fn jump(&mut self, by: i64, now: Moment) {
        (self.anchor, self.anchored) = (Stamp(self.at(now).0.saturating_add_signed(by)), now);
    }

    /// The clock is right again: not ahead of `stamp`, and of true speed.
    pub(super) fn set(&mut self, stamp: Stamp, now: Moment) {
        *self = Self::new(stamp, now, 1000);
    }
}
