//! Durations counted in buckets whose width grows with what they hold.
//!
//! The layout is that of `HdrHistogram`: each power of two is cut into 128 equal buckets, so that a quantile is never told
//! too low and at most 1/128 too high. The crate of that name does the same with many settings; here one layout is fixed, and
//! counting is an index and an addition.

use std::time::Duration;

/// Each power of two has two to this many buckets.
const SUB_BITS: u32 = 7;
/// Longest duration that is told apart: an hour and thirteen minutes.
const MAX_NS: u64 = (1 << 42) - 1;
const BUCKETS: usize = ((42 - SUB_BITS as usize) + 1) << SUB_BITS;

/// Counts of durations. 35 KiB.
#[derive(Clone, Debug)]
pub struct Histogram {
    buckets: Box<[u64]>,
    count: u64,
    sum_ns: u128,
    max_ns: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS].into(), count: 0, sum_ns: 0, max_ns: 0 }
    }
}

impl Histogram {
    /// Counts one.
    pub fn record(&mut self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(ns)] += 1;
        self.count += 1;
        self.sum_ns += u128::from(ns);
        self.max_ns = self.max_ns.max(ns);
    }

    /// Adds all that `other` counted.
    pub fn add(&mut self, other: &Self) {
        for (own, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *own += more;
        }
        self.count += other.count;
        self.sum_ns += other.sum_ns;
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean, exactly; zero if there are none.
    pub fn mean(&self) -> Duration {
        let mean = self.sum_ns.checked_div(u128::from(self.count)).unwrap_or(0);
        Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX))
    }

    /// The longest, exactly.
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max_ns)
    }

    /// The duration that so many of a hundred do not exceed: not below the true one, and at most 1/128 above it.
    pub fn percentile(&self, percent: f64) -> Duration {
        let wanted = (self.count as f64 * percent / 100.0).ceil().max(1.0);
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen as f64 >= wanted {
                return Duration::from_nanos(longest(index).min(self.max_ns));
            }
        }
        self.max()
    }
}

fn bucket(ns: u64) -> usize {
    let ns = ns.min(MAX_NS);
    let shift = (ns | 1).ilog2().saturating_sub(SUB_BITS);
    ((shift as usize) << SUB_BITS) + usize::try_from(ns >> shift).unwrap_or(0)
}

/// The longest duration of a bucket.
fn longest(index: usize) -> u64 {
    let part = 1 << SUB_BITS;
    let shift = (index >> SUB_BITS).saturating_sub(1);
    let head = (index - (shift << SUB_BITS)) as u64;
    debug_assert!(head < 2 * part);
    ((head + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_bucket_tells_nothing_too_short_and_at_most_a_128th_too_long(ns in 0..MAX_NS) {
            let told = longest(bucket(ns));
            prop_assert!(told >= ns && told - ns <= ns / 128, "{ns} is told as {told}");
        }

        #[test]
        fn percentiles_are_within_the_bound_of_the_sorted_truth(mut all in proptest::collection::vec(0u64..10_000_000_000, 1..300)) {
            let mut histogram = Histogram::default();
            for ns in &all {
                histogram.record(Duration::from_nanos(*ns));
            }
            all.sort_unstable();
            for percent in [1.0, 50.0, 99.0, 99.9, 100.0] {
                let place = (1..all.len()).find(|count| *count as f64 * 100.0 >= percent * all.len() as f64).unwrap_or(all.len()) - 1;
                let told = u64::try_from(histogram.percentile(percent).as_nanos()).unwrap();
                prop_assert!(told >= all[place] && told - all[place] <= all[place] / 128, "p{percent}: {told} for {}", all[place]);
            }
            prop_assert_eq!(histogram.max(), Duration::from_nanos(*all.last().unwrap()));
        }
    }

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        for index in 1..BUCKETS {
            assert_eq!(bucket(longest(index - 1) + 1), index);
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn two_histograms_together_are_one_of_both() {
        let (mut one, mut other) = (Histogram::default(), Histogram::default());
        one.record(Duration::from_millis(1));
        other.record(Duration::from_millis(3));
        one.add(&other);
        assert_eq!((one.count(), one.mean(), one.max()), (2, Duration::from_millis(2), Duration::from_millis(3)));
        assert_eq!(Histogram::default().percentile(99.0), Duration::ZERO);
    }
}
