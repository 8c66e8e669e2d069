//! Cluster time, learned from answers and carried on by the monotonic clock. No wall clock.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::limits::{TIME_DOUBTED, TIME_KEPT};

/// A low estimate of cluster time: what a node told, plus the time since it arrived here.
#[derive(Debug, Default)]
pub(crate) struct ClusterClock(Mutex<Option<Sample>>);

#[derive(Clone, Copy, Debug)]
struct Sample {
    ms: u64,
    at: Instant,
    asked: Instant,
    doubted: bool,
}

impl Sample {
    fn carried_to(self, now: Instant) -> u64 {
        self.ms.saturating_add(millis(now.saturating_duration_since(self.at)))
    }
}

/// Whole milliseconds of `duration`.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl ClusterClock {
    /// Cluster time now, in milliseconds; none if it must be asked for first.
    pub(crate) fn now_ms(&self) -> Option<u64> {
        let now = Instant::now();
        let sample = (*self.lock())?;
        let kept = if sample.doubted { TIME_DOUBTED } else { TIME_KEPT };
        (now.saturating_duration_since(sample.asked) < kept).then(|| sample.carried_to(now))
    }

    /// A node was asked for the time and answered `ms`.
    pub(crate) fn learn_time(&self, ms: u64) {
        let now = Instant::now();
        *self.lock() = Some(Sample { ms, at: now, asked: now, doubted: false });
    }

    /// An answer was true at `ms`: cluster time is not below it.
    pub(crate) fn learn_stamp(&self, ms: u64) {
        let now = Instant::now();
        if let Some(sample) = self.lock().as_mut()
            && sample.carried_to(now) < ms
        {
            (sample.ms, sample.at) = (ms, now);
        }
    }

    /// A node found a request too old: the estimate may be behind.
    pub(crate) fn doubt(&self) {
        if let Some(sample) = self.lock().as_mut() {
            sample.doubted = true;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Sample>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn time_goes_on_between_answers_and_is_asked_for_again() {
        let clock = ClusterClock::default();
        assert_eq!(clock.now_ms(), None);
        clock.learn_time(1_000);
        tokio::time::advance(Duration::from_millis(250)).await;
        assert_eq!(clock.now_ms(), Some(1_250));
        tokio::time::advance(TIME_KEPT).await;
        assert_eq!(clock.now_ms(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn stamps_only_push_it_forward() {
        let clock = ClusterClock::default();
        clock.learn_time(1_000);
        clock.learn_stamp(900);
        assert_eq!(clock.now_ms(), Some(1_000));
        clock.learn_stamp(1_500);
        assert_eq!(clock.now_ms(), Some(1_500));
    }

    #[tokio::test(start_paused = true)]
    async fn doubt_asks_again_but_not_at_every_attempt() {
        let clock = ClusterClock::default();
        clock.learn_time(1_000);
        clock.doubt();
        assert!(clock.now_ms().is_some());
        tokio::time::advance(TIME_DOUBTED).await;
        assert_eq!(clock.now_ms(), None);
    }
}
