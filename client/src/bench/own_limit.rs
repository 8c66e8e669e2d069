//! Whether the generator itself was what limited.

use serde::Serialize;

use super::histogram::Histogram;
use super::limits::{BUSY_SHARE, LATE_SEND, STARVED_SHARE};
use super::machine::ThreadUse;
use super::thread::Spent;

/// What the generator used, and whether that spoilt what it measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Generator {
    /// Processor time of a request, kernel included, in microseconds; none if nothing was answered.
    pub cpu_us_per_request: Option<f64>,
    /// Of its busiest thread's time while requests left, the share in which it ran.
    pub busy_share: f64,
    /// The share in which it could have run and got no core.
    pub starved_share: f64,
    /// Open loop: how late requests left although a connection was free, 99th percentile, in milliseconds.
    pub lag_p99_ms: Option<f64>,
    /// Why the figures may be the generator's and not the cluster's; none if they are not.
    pub limit: Option<String>,
}

impl Generator {
    /// Of threads that answered so many requests together.
    pub(super) fn of(threads: &[Spent], answered: u64, lag: &Histogram) -> Self {
        let share = |part: fn(&ThreadUse) -> std::time::Duration| {
            let of_each = threads.iter().map(|thread| part(&thread.sending).as_secs_f64() / thread.sending.wall.as_secs_f64().max(1e-9));
            of_each.fold(0.0, f64::max)
        };
        let cpu: f64 = threads.iter().map(|thread| thread.whole.cpu.as_secs_f64()).sum();
        let mut generator = Self {
            cpu_us_per_request: (answered > 0).then(|| cpu * 1e6 / answered as f64),
            busy_share: share(|thread| thread.cpu),
            starved_share: share(|thread| thread.starved),
            lag_p99_ms: (lag.count() > 0).then(|| lag.percentile(99.0).as_secs_f64() * 1e3),
            limit: None,
        };
        generator.limit = generator.why();
        generator
    }

    fn why(&self) -> Option<String> {
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        if self.busy_share >= BUSY_SHARE {
            return Some(format!(
                "a thread of the generator was busy for {} of the time: use more --threads or another machine",
                percent(self.busy_share)
            ));
        }
        if self.starved_share >= STARVED_SHARE {
            return Some(format!(
                "the generator waited for a core for {} of the time: it shares its machine with too much",
                percent(self.starved_share)
            ));
        }
        let late = self.lag_p99_ms.filter(|late| *late > LATE_SEND.as_secs_f64() * 1e3)?;
        Some(format!("requests left up to {late:.1} ms late (p99) although connections were free"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn of(cpu_ms: u64, starved_ms: u64, lag_ms: u64) -> Generator {
        let used = crate::bench::machine::thread_use();
        let sending = ThreadUse {
            wall: Duration::from_secs(1),
            cpu: Duration::from_millis(cpu_ms),
            starved: Duration::from_millis(starved_ms),
            ..used
        };
        // The last answer came late.
        let whole = ThreadUse { wall: Duration::from_secs(6), ..sending };
        let spent = Spent { sending, whole };
        let mut lag = Histogram::default();
        lag.record(Duration::from_millis(lag_ms));
        Generator::of(&[spent], 10_000, &lag)
    }

    #[test]
    fn a_generator_with_room_is_no_limit() {
        let generator = of(500, 50, 1);
        assert_eq!((generator.limit, generator.cpu_us_per_request), (None, Some(50.0)));
    }

    #[test]
    fn a_busy_starved_or_late_generator_says_so() {
        for (generator, word) in [(of(950, 0, 0), "busy"), (of(100, 400, 0), "core"), (of(100, 0, 20), "late")] {
            assert!(generator.limit.as_ref().is_some_and(|why| why.contains(word)), "{generator:?}");
        }
    }
}
