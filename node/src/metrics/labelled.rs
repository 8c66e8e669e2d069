//! One counter for each value of a label, the values known at compile time.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use metrics::{Counter, counter, with_local_recorder};
use metrics_exporter_prometheus::PrometheusRecorder;

use super::catalogue::Metric;

/// Counters of one metric by the value of its one label.
///
/// A value is registered when it first happens: values are `'static`,
/// so there are as many as the code names, never as many as a caller thinks of.
pub struct Labelled {
    recorder: Arc<PrometheusRecorder>,
    metric: &'static Metric,
    known: RwLock<HashMap<&'static str, Counter>>,
}

impl Labelled {
    /// No values yet.
    pub fn new(recorder: Arc<PrometheusRecorder>, metric: &'static Metric) -> Self {
        Self { recorder, metric, known: RwLock::new(HashMap::new()) }
    }

    /// Counts `count` more of `value`.
    pub fn add(&self, value: &'static str, count: u64) {
        if let Some(counter) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(value) {
            return counter.increment(count);
        }
        self.register(value).increment(count);
    }

    /// The counter of `value`, for a hot path that keeps it.
    pub fn register(&self, value: &'static str) -> Counter {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let made = || with_local_recorder(&*self.recorder, || counter!(self.metric.name, self.metric.labels => value));
        known.entry(value).or_insert_with(made).clone()
    }
}
