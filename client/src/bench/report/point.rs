//! One measured point.

use std::time::Duration;

use serde::Serialize;

use crate::bench::histogram::Histogram;
use crate::bench::limits::{ACHIEVED_LEAST, LITTLE_TOLERANCE};
use crate::bench::measure::{Load, Measured};
use crate::bench::own_limit::Generator;
use crate::bench::tally::{Counts, Slot};
use crate::bench::thread::Pace;

/// One measured point.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// What was measured.
    pub what: String,
    /// Connections of the generator.
    pub connections: usize,
    /// How long was measured, in seconds, after the warm-up.
    pub seconds: f64,
    /// Open loop: requests that should have left, a second.
    pub offered_per_second: Option<f64>,
    /// Requests answered, a second; of a batch, its orders.
    pub answered_per_second: f64,
    /// Orders acknowledged, a second.
    pub acknowledged_per_second: f64,
    /// Open loop: whether less than 99 % of what was offered was answered; of orders alone: was acknowledged.
    pub saturated: Option<bool>,
    /// What became of everything that was sent, warm-up included.
    pub counts: Counts,
    /// How long answers took, from when their requests should have left.
    pub latency: Latency,
    /// Closed loop: whether connections, rate and latency fit together.
    pub little: Option<Little>,
    /// What the generator used.
    pub generator: Generator,
    /// What the nodes used; none if it is not known.
    pub nodes: Option<Nodes>,
    /// Of a flash.
    pub flash: Option<Flash>,
    /// Orders of a request, of a batch.
    pub batch_size: Option<u64>,
    /// Answers in slots of 50 ms, from the first request on, for 204.8 s at most.
    pub timeline: Vec<Slot>,
}

/// Latencies by what was answered; none where nothing was.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// Orders that were accepted, of a batch the whole of it. In an open loop those that never left are among them, with the
    /// time that they had waited.
    pub acknowledged: Option<Quantiles>,
    /// Orders that were refused.
    pub refused: Option<Quantiles>,
    /// Confirms and releases.
    pub steps: Option<Quantiles>,
    /// Reads.
    pub reads: Option<Quantiles>,
    /// Requests of any kind of which nobody knows: until it was said so, or until they were given up. They are in none of the others.
    pub unknown: Option<Quantiles>,
}

/// Quantiles in milliseconds, at most 1/128 too high.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantiles {
    /// How many were measured.
    pub count: u64,
    /// Mean.
    pub mean_ms: f64,
    /// Median.
    pub p50_ms: f64,
    /// 90th percentile.
    pub p90_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// 99.9th percentile.
    pub p99_9_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// Little's law: as many requests are under way as arrive in the time that one takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Little {
    /// Rate times mean latency.
    pub expected_connections: f64,
    /// Whether that is the number of connections, within 5 %. If not, something other than requests took the connections' time.
    pub holds: bool,
}

/// What all nodes together used.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Nodes {
    /// Processor time of an answered request, in microseconds; of a batch, of an order.
    pub cpu_us_per_request: Option<f64>,
    /// The most memory that was seen, in bytes; none if only metrics are known.
    pub peak_memory_bytes: Option<u64>,
}

/// What became of a sale that began all at once.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Flash {
    /// Requests.
    pub requests: u64,
    /// Units on sale.
    pub stock: u64,
    /// Rate at which requests should have left.
    pub wanted_per_second: f64,
    /// Rate at which they left.
    pub reached_per_second: f64,
    /// From the first request to the last acknowledgement, if all was sold.
    pub sold_out_after_s: Option<f64>,
    /// Acknowledgements a second while anything was sold.
    pub goodput_per_second: f64,
    /// From the last answer until orders are as fast as before; none if they did not become so while it was looked.
    pub recovered_after_s: Option<f64>,
    /// Whether units are conserved, and none was sold that nobody heard of.
    pub sound: bool,
}

impl Quantiles {
    pub(in crate::bench) fn of(histogram: &Histogram) -> Option<Self> {
        let at = |percent| ms(histogram.percentile(percent));
        (histogram.count() > 0).then(|| Self {
            count: histogram.count(),
            mean_ms: ms(histogram.mean()),
            p50_ms: at(50.0),
            p90_ms: at(90.0),
            p99_ms: at(99.0),
            p99_9_ms: at(99.9),
            max_ms: ms(histogram.max()),
        })
    }
}

impl Little {
    /// Of a closed loop that was answered at `per_second` after `mean_ms` each.
    pub(in crate::bench) fn of(connections: usize, per_second: f64, mean_ms: f64) -> Self {
        let expected = per_second * mean_ms / 1e3;
        let holds = (expected / connections.max(1) as f64 - 1.0).abs() <= LITTLE_TOLERANCE;
        Self { expected_connections: expected, holds }
    }
}

impl Point {
    /// The figures of one measurement.
    pub(in crate::bench) fn of(load: &Load, measured: &Measured) -> Self {
        let tally = &measured.tally;
        let seconds = tally.window.measured().as_secs_f64();
        let per_second = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        let answered = per_second(tally.answered_within);
        let all = tally.sent.saturating_sub(tally.counts.unknown.get("no-answer").copied().unwrap_or(0));
        let offered = matches!(load.pace, Pace::Open { .. }).then(|| per_second(tally.due_within));
        Self {
            what: load.what.clone(),
            connections: load.connections,
            seconds,
            offered_per_second: offered,
            answered_per_second: answered,
            acknowledged_per_second: per_second(tally.acknowledged_within),
            saturated: offered.map(|offered| answered < offered * ACHIEVED_LEAST),
            counts: tally.counts.clone(),
            latency: Latency {
                acknowledged: Quantiles::of(&tally.latencies.acknowledged),
                refused: Quantiles::of(&tally.latencies.refused),
                steps: Quantiles::of(&tally.latencies.steps),
                reads: Quantiles::of(&tally.latencies.reads),
                unknown: Quantiles::of(&tally.latencies.unknown),
            },
            little: (load.pace == Pace::Closed).then(|| Little::of(load.connections, answered, mean_ms(tally))),
            generator: Generator::of(&measured.threads, all, &tally.lag),
            nodes: measured.servers_cpu.map(|cpu| Nodes {
                cpu_us_per_request: (all > 0).then(|| cpu.as_secs_f64() * 1e6 / all as f64),
                peak_memory_bytes: measured.peak_memory,
            }),
            flash: None,
            batch_size: None,
            timeline: tally.timeline.clone(),
        }
    }
}

impl Point {
    /// The same, of batches: a request is one for each of its orders, and one latency for all of them.
    pub(in crate::bench) fn of_batch(load: &Load, measured: &Measured, size: u64) -> Self {
        let point = Self::of(load, measured);
        let orders = measured.tally.sent.saturating_mul(size);
        Self {
            generator: Generator::of(&measured.threads, orders, &measured.tally.lag),
            nodes: measured.servers_cpu.map(|cpu| Nodes {
                cpu_us_per_request: (orders > 0).then(|| cpu.as_secs_f64() * 1e6 / orders as f64),
                peak_memory_bytes: measured.peak_memory,
            }),
            little: point.little.map(|_| Little::of(load.connections, point.answered_per_second / size as f64, mean_ms(&measured.tally))),
            batch_size: Some(size),
            ..point
        }
    }
}

/// Mean latency of everything that ended.
fn mean_ms(tally: &crate::bench::tally::Tally) -> f64 {
    let mut all = Histogram::default();
    let latencies = &tally.latencies;
    for one in [&latencies.acknowledged, &latencies.refused, &latencies.steps, &latencies.reads, &latencies.unknown] {
        all.add(one);
    }
    ms(all.mean())
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn littles_law_is_held_against_the_connections() {
        assert!(Little::of(100, 20_000.0, 5.0).holds);
        assert!(Little::of(100, 20_000.0, 5.2).holds);
        let little = Little::of(100, 20_000.0, 4.0);
        assert!(!little.holds && (little.expected_connections - 80.0).abs() < 1e-9);
    }
}
