//! When each request of an open loop should leave, whatever became of those before it.

use std::time::{Duration, Instant};

/// Times of requests at a fixed rate, evenly spaced. What is taken late keeps its time: nothing is omitted.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    start: Instant,
    per_second: f64,
    /// Of all requests of the rate, this schedule has every `step`-th, from `next` on.
    step: u64,
    next: u64,
    /// Requests of all schedules of the rate together.
    count: u64,
}

impl Schedule {
    /// The share of one of `threads` in `count` requests that begin at `start`.
    pub(super) fn new(start: Instant, per_second: f64, count: u64, thread: usize, threads: usize) -> Self {
        Self { start, per_second, step: threads.max(1) as u64, next: thread as u64, count }
    }

    /// When the next request should leave; none when all have left.
    pub(super) fn due(&self) -> Option<Instant> {
        (self.next < self.count).then(|| self.start + Duration::from_secs_f64(self.next as f64 / self.per_second))
    }

    /// The time of the next request if it is due by `now` and before `end`; it counts as taken.
    pub(super) fn take(&mut self, now: Instant, end: Instant) -> Option<Instant> {
        let due = self.due().filter(|due| *due <= now && *due < end)?;
        self.next += self.step;
        Some(due)
    }

    /// The times of those that should have left before `end` and did not.
    pub(super) fn left_before(&mut self, end: Instant) -> impl Iterator<Item = Instant> {
        std::iter::from_fn(move || self.take(end, end))
    }
}

/// The whole part of a number; 0 of one below it.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "such a cast stops at the ends of the range, which is meant")]
pub(super) fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_omits_nothing_and_shifts_nothing() {
        let start = Instant::now();
        let end = start + Duration::from_secs(9);
        let mut schedule = Schedule::new(start, 1_000.0, u64::MAX, 0, 1);
        assert_eq!(schedule.take(start, end), Some(start));
        assert_eq!(schedule.take(start, end), None, "the second is not due yet");
        // Nothing could be sent for 100 ms: everything of that time is still there, with its own time.
        let stalled: Vec<_> = schedule.left_before(start + Duration::from_millis(100)).collect();
        assert_eq!(stalled.len(), 99);
        assert_eq!(stalled[0], start + Duration::from_millis(1));
        assert_eq!(schedule.due(), Some(start + Duration::from_millis(100)), "what is due at the end is not before it");
    }

    #[test]
    fn threads_share_a_rate_without_gap_or_overlap() {
        let start = Instant::now();
        let mut all: Vec<_> = (0..3)
            .flat_map(|thread| Schedule::new(start, 100.0, 10, thread, 3).left_before(start + Duration::from_secs(9)).collect::<Vec<_>>())
            .collect();
        all.sort_unstable();
        assert_eq!(all.len(), 10);
        assert!(all.windows(2).all(|pair| pair[1] - pair[0] == Duration::from_millis(10)));
    }
}
