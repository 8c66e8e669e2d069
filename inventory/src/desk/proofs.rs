//! Proofs that this node's state is fresh: a leader's read index, confirmed by a quorum after the probe was sent.

use std::collections::VecDeque;

use crate::desk::limits::MAX_UNREACHED_PROOFS;
use crate::{LogIndex, Millis, Moment};

/// What is known of this node's freshness.
#[derive(Debug, Default)]
pub(super) struct Proofs {
    /// When the probe of the best proof was sent whose index is applied here.
    best: Option<Moment>,
    /// Proofs whose index is not applied yet, oldest first.
    unreached: VecDeque<(Moment, LogIndex)>,
    /// When the last probe was asked for, if it was not answered.
    asked: Option<Moment>,
    /// Whether somebody waits for a proof.
    pub(super) wanted: bool,
}

impl Proofs {
    /// Whether the state was proven not older than `fresh_for` before `now`.
    pub(super) fn is_fresh(&self, now: Moment, fresh_for: Millis) -> bool {
        self.best.is_some_and(|sent| now <= sent.after(fresh_for))
    }

    /// Whether the state was proven by a probe sent at `since` or later.
    pub(super) fn is_proven_since(&self, since: Moment) -> bool {
        self.best.is_some_and(|sent| sent >= since)
    }

    /// Whether the proof should be renewed before it ends.
    pub(super) fn is_ageing(&self, now: Moment, fresh_for: Millis) -> bool {
        !self.is_fresh(now, Millis(fresh_for.0 / 2))
    }

    /// A probe sent at `sent` was answered. True if this gave a better proof.
    pub(super) fn answered(&mut self, sent: Moment, read_index: LogIndex, applied: LogIndex) -> bool {
        if self.asked.is_some_and(|asked| asked <= sent) {
            self.asked = None;
        }
        if read_index <= applied {
            return self.improve(sent);
        }
        if self.unreached.len() < MAX_UNREACHED_PROOFS {
            self.unreached.push_back((sent, read_index));
        }
        false
    }

    /// The state got to `applied`. True if this gave a better proof.
    pub(super) fn reached(&mut self, applied: LogIndex) -> bool {
        let mut better = false;
        while let Some((sent, _)) = self.unreached.front().copied().filter(|(_, index)| *index <= applied) {
            self.unreached.pop_front();
            better |= self.improve(sent);
        }
        better
    }

    /// Whether a probe should be sent now; if so it counts as sent.
    pub(super) fn ask(&mut self, now: Moment, again_after: Millis) -> bool {
        if self.asked.is_some_and(|asked| now < asked.after(again_after)) {
            return false;
        }
        self.asked = Some(now);
        true
    }

    /// The probe in flight may have been lost.
    pub(super) fn forget_asking(&mut self) {
        self.asked = None;
    }

    /// When a wanted probe should be asked for (again).
    pub(super) fn ask_at(&self, again_after: Millis) -> Moment {
        self.asked.map_or(Moment(0), |asked| asked.after(again_after))
    }

    fn improve(&mut self, sent: Moment) -> bool {
        let better = self.best.is_none_or(|best| best < sent);
        if better {
            self.best = Some(sent);
            self.wanted = false;
        }
        better
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_counts_only_once_its_index_is_applied() {
        let mut proofs = Proofs::default();
        assert!(!proofs.answered(Moment(1_000), LogIndex(7), LogIndex(6)));
        assert!(!proofs.is_fresh(Moment(1_001), Millis(1_000)));
        assert!(proofs.reached(LogIndex(7)));
        assert!(proofs.is_fresh(Moment(1_001), Millis(1_000)));
    }

    #[test]
    fn a_proof_ends_counted_from_when_its_probe_was_sent() {
        let mut proofs = Proofs::default();
        assert!(proofs.answered(Moment(0), LogIndex(1), LogIndex(1)));
        assert!(proofs.is_fresh(Moment(1_000_000), Millis(1_000)));
        assert!(!proofs.is_fresh(Moment(1_000_001), Millis(1_000)));
    }

    #[test]
    fn one_probe_is_in_flight_at_a_time() {
        let mut proofs = Proofs::default();
        assert!(proofs.ask(Moment(0), Millis(100)));
        assert!(!proofs.ask(Moment(99_999), Millis(100)));
        assert!(proofs.ask(Moment(100_000), Millis(100)));
    }
}
