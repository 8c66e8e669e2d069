//! The cluster clock's arithmetic: pure, so that a test can turn every wall clock by hand.
//!
//! The clock runs on the monotonic time since an anchor and is steered by the wall clocks of the members. It never goes back and never
//! stops: behind what a majority of all members have reached it runs at double speed, ahead of what a majority have not passed at half
//! speed. Only a gap over [`STEP_ABOVE`] found at the start of a term, agreed by a majority that includes the leader, is taken in one step.
//!
//! A majority of the *members*, not of the clocks that were measured: with two of five down, two wrong clocks are the median of three.

use holdfast_inventory::{Millis, Moment, Stamp};

/// Wall clocks nearer to the cluster clock than this leave its speed alone.
const TOLERANCE: Millis = Millis(5);
/// A gap above this at the start of a term is taken in one step.
const STEP_ABOVE: Millis = Millis(5_000);
/// A leader whose own wall clock is further than this from the median does not steer.
pub(crate) const OWN_CLOCK_BOUND: Millis = Millis(1_000);

/// The cluster clock of one node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steering {
    anchor: Stamp,
    anchored: Moment,
    pace: Pace,
    /// Monotonic time since the anchor for which the pace holds; then the clock runs evenly, so that a correction never
    /// overshoots.
    paced_for: Millis,
    /// Whether a step may still be taken in this term.
    may_step: bool,
}

/// How fast the cluster clock runs against monotonic time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    Half,
    Even,
    Double,
}

/// What a look at the wall clocks came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Steered {
    /// The pace was set.
    Paced(Pace),
    /// The clock was advanced at once by so much; worth an alarm.
    Stepped(Millis),
    /// Fewer than a majority of wall clocks are known: runs on unsteered.
    Unmeasured,
    /// The leader's own wall clock is this far from the median: runs on unsteered; worth an alarm.
    OwnClockOff(i64),
}

impl Steering {
    /// A clock that shows `anchor` at `now`.
    pub(crate) fn new(anchor: Stamp, now: Moment) -> Self {
        Self { anchor, anchored: now, pace: Pace::Even, paced_for: Millis(0), may_step: false }
    }

    /// What the clock shows.
    pub(crate) fn at(&self, now: Moment) -> Stamp {
        let passed = now.since(self.anchored).0;
        let paced = passed.min(self.paced_for.0);
        let shown = match self.pace {
            Pace::Half => passed - paced / 2,
            Pace::Even => passed,
            Pace::Double => passed.saturating_add(paced),
        };
        self.anchor + Millis(shown)
    }

    /// Takes notice of a stamp seen in the log: the clock is never behind it.
    pub(crate) fn saw(&mut self, stamp: Stamp, now: Moment) {
        if stamp > self.at(now) {
            self.re_anchor(stamp, now);
        }
    }

    /// A new term begins with this node as leader.
    pub(crate) fn lead(&mut self, now: Moment) {
        self.re_anchor(self.at(now), now);
        self.pace = Pace::Even;
        self.may_step = true;
    }

    /// This node does not lead: its clock runs freely until the next leader's stamps.
    pub(crate) fn follow(&mut self, now: Moment) {
        self.re_anchor(self.at(now), now);
        self.pace = Pace::Even;
        self.may_step = false;
    }

    /// Whether a step may be due that is not decided yet, by the look of the leader's own wall clock.
    pub(crate) fn is_settling(&self, now: Moment, own: Stamp) -> bool {
        self.may_step && gap(own, self.at(now)) > STEP_ABOVE.0.cast_signed()
    }

    /// Steers towards the wall clocks of the members: `own` is the leader's, `others` those measured lately.
    pub(crate) fn steer(&mut self, now: Moment, own: Stamp, others: &[Stamp], members: usize) -> Steered {
        let shown = self.at(now);
        self.re_anchor(shown, now);
        let mut walls: Vec<Stamp> = others.to_vec();
        walls.push(own);
        if walls.len() * 2 <= members {
            self.pace = Pace::Even;
            return Steered::Unmeasured;
        }
        walls.sort_unstable();
        let median = walls[(walls.len() - 1) / 2];
        // A majority of the members show at least the one, and at most the other. With all measured both are the median.
        let (reached, not_passed) = (walls[walls.len() - 1 - members / 2], walls[members / 2]);
        let own_gap = gap(own, median);
        if own_gap.unsigned_abs() > OWN_CLOCK_BOUND.0 {
            self.pace = Pace::Even;
            return Steered::OwnClockOff(own_gap);
        }
        let (behind, ahead) = (gap(reached, shown), gap(shown, not_passed));
        let step_above = STEP_ABOVE.0.cast_signed();
        if self.may_step && behind > step_above {
            self.may_step = false;
            let step = reached - shown;
            self.re_anchor(reached, now);
            self.pace = Pace::Even;
            return Steered::Stepped(step);
        }
        // Undecided while those that were not measured might still make a majority for a step.
        self.may_step &= gap(not_passed, shown) > step_above;
        (self.pace, self.paced_for) = if behind > TOLERANCE.0.cast_signed() {
            (Pace::Double, Millis(behind.unsigned_abs()))
        } else if ahead > TOLERANCE.0.cast_signed() {
            (Pace::Half, Millis(ahead.unsigned_abs().saturating_mul(2)))
        } else {
            (Pace::Even, Millis(0))
        };
        Steered::Paced(self.pace)
    }

    fn re_anchor(&mut self, anchor: Stamp, now: Moment) {
        self.anchor = anchor;
        self.anchored = now;
    }
}

/// `a − b` in milliseconds.
fn gap(a: Stamp, b: Stamp) -> i64 {
    a.0.cast_signed().saturating_sub(b.0.cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment(ms * 1000)
    }

    #[test]
    fn a_clock_ahead_of_the_median_runs_at_half_speed_and_never_stops() {
        let mut clock = Steering::new(Stamp(10_000), at(0));
        clock.lead(at(0));
        assert_eq!(clock.steer(at(0), Stamp(9_000), &[Stamp(9_000)], 3), Steered::Paced(Pace::Half));
        assert_eq!(clock.at(at(100)), Stamp(10_050));
    }

    #[test]
    fn a_clock_behind_the_median_runs_at_double_speed_at_most() {
        let mut clock = Steering::new(Stamp(10_000), at(0));
        clock.lead(at(0));
        assert_eq!(clock.steer(at(0), Stamp(14_000), &[Stamp(14_000)], 3), Steered::Paced(Pace::Double));
        assert_eq!(clock.at(at(100)), Stamp(10_200));
    }

    #[test]
    fn a_correction_ends_at_the_median() {
        let mut clock = Steering::new(Stamp(10_000), at(0));
        clock.lead(at(0));
        clock.steer(at(0), Stamp(10_020), &[Stamp(10_020)], 3);
        assert_eq!(clock.at(at(500)), Stamp(10_520));
        clock.steer(at(500), Stamp(10_500), &[Stamp(10_500)], 3);
        assert_eq!(clock.at(at(1_000)), Stamp(11_000));
    }

    #[test]
    fn an_idle_cluster_catches_up_in_one_step_at_the_start_of_a_term_only() {
        let mut clock = Steering::new(Stamp(10_000), at(0));
        clock.lead(at(0));
        let hour = Stamp(3_610_000);
        assert_eq!(clock.steer(at(0), hour, &[hour], 3), Steered::Stepped(Millis(3_600_000)));
        assert_eq!(clock.at(at(1)), Stamp(3_610_001));
        let later = Stamp(9_000_000);
        assert_eq!(clock.steer(at(1), later, &[later, later], 3), Steered::Paced(Pace::Double));
    }

    #[test]
    fn a_due_step_is_awaited_until_it_is_decided() {
        let mut clock = Steering::new(Stamp(10_000), at(0));
        clock.lead(at(0));
        assert!(!clock.is_settling(at(0), Stamp(14_000)), "no step is due");
        assert!(clock.is_settling(at(0), Stamp(30_000)));
        clock.steer(at(0), Stamp(30_000), &[], 3);
        assert!(clock.is_settling(at(0), Stamp(30_000)), "nothing was measured");
        clock.steer(at(0), Stamp(30_000), &[Stamp(30_000)], 3);
        assert!(!clock.is_settling(at(0), Stamp(90_000)));
    }

    #[test]
    fn a_leader_with_a_bad_clock_neither_steps_nor_steers() {
        let mut clock = Steering::new(Stamp(10_000), at(0));
        clock.lead(at(0));
        let bad = Stamp(3_610_000);
        assert_eq!(clock.steer(at(0), bad, &[Stamp(10_000), Stamp(10_001)], 3), Steered::OwnClockOff(3_599_999));
        assert_eq!(clock.at(at(100)), Stamp(10_100));
    }

    #[test]
    fn one_bad_follower_clock_of_three_does_not_move_the_median() {
        let mut clock = Steering::new(Stamp(10_000), at(0));
        clock.lead(at(0));
        let steered = clock.steer(at(0), Stamp(10_000), &[Stamp(10_001), Stamp(3_610_000)], 3);
        assert_eq!(steered, Steered::Paced(Pace::Even));
    }

    #[test]
    fn two_bad_clocks_of_five_move_nothing_though_only_one_other_is_measured() {
        let mut clock = Steering::new(Stamp(10_000), at(0));
        clock.lead(at(0));
        let bad = Stamp(3_610_000);
        assert_eq!(clock.steer(at(0), bad, &[Stamp(10_000), bad], 5), Steered::Paced(Pace::Even));
        assert_eq!(clock.at(at(100)), Stamp(10_100));
        // The others are back, and show that no step is due.
        assert_eq!(clock.steer(at(100), bad, &[Stamp(10_100), Stamp(10_101), Stamp(10_102), bad], 5), Steered::OwnClockOff(3_599_898));
        let mut clock = Steering::new(Stamp(10_000), at(0));
        clock.lead(at(0));
        let (late, behind) = (Stamp(3_610_000), Stamp(9_000));
        assert_eq!(clock.steer(at(0), late, &[behind, late], 5), Steered::Paced(Pace::Even));
        assert_eq!(clock.steer(at(0), late, &[behind, late, late, late], 5), Steered::Stepped(Millis(3_600_000)), "still undecided");
        assert_eq!(clock.steer(at(0), Stamp(9_000_000), &[Stamp(9_000_000); 4], 5), Steered::Paced(Pace::Double), "once a term");
    }

    #[test]
    fn without_a_majority_of_clocks_it_runs_on_unsteered() {
        let mut clock = Steering::new(Stamp(10_000), at(0));
        clock.lead(at(0));
        assert_eq!(clock.steer(at(0), Stamp(90_000), &[], 3), Steered::Unmeasured);
        assert_eq!(clock.at(at(100)), Stamp(10_100));
    }

    #[test]
    fn a_seen_stamp_pulls_the_clock_forward_never_back() {
        let mut clock = Steering::new(Stamp(10_000), at(0));
        clock.saw(Stamp(9_000), at(10));
        assert_eq!(clock.at(at(10)), Stamp(10_010));
        clock.saw(Stamp(12_000), at(10));
        assert_eq!(clock.at(at(20)), Stamp(12_010));
    }
}
