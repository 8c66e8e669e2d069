//! A sale rate, smoothed over windows.

use crate::Moment;
use crate::desk::limits::RATE_WINDOW;

/// Units a second, from windows of [`RATE_WINDOW`]: each closed window weighs a half, the one before a quarter, …
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rate {
    since: Moment,
    units: u64,
    per_second: u64,
}

impl Rate {
    /// Counts `units` sold at `now`.
    pub(super) fn add(&mut self, now: Moment, units: u64) {
        self.close_windows(now);
        self.units = self.units.saturating_add(units);
    }

    /// Units a second at `now`.
    pub(super) fn per_second(&mut self, now: Moment) -> u64 {
        self.close_windows(now);
        self.per_second
    }

    /// The rate when it was last looked at.
    pub(super) fn last(&self) -> u64 {
        self.per_second
    }

    fn close_windows(&mut self, now: Moment) {
        let windows = now.since(self.since).0 / RATE_WINDOW.0;
        if windows == 0 {
            return;
        }
        let measured = self.units.saturating_mul(1000) / RATE_WINDOW.0;
        self.per_second = self.per_second.midpoint(measured);
        // Windows without a sale halve the rate, each.
        self.per_second = self.per_second.checked_shr(u32::try_from(windows - 1).unwrap_or(u32::MAX)).unwrap_or(0);
        self.units = 0;
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Millis;

    #[test]
    fn a_steady_sale_is_measured_and_a_stopped_one_is_forgotten() {
        let mut rate = Rate::default();
        for ms in 0..2_000 {
            rate.add(Moment(0).after(Millis(ms)), 5);
        }
        let measured = rate.per_second(Moment(0).after(Millis(2_000)));
        assert!((4_500..=5_000).contains(&measured), "{measured}");
        assert_eq!(rate.per_second(Moment(0).after(Millis(10_000))), 0);
    }
}
