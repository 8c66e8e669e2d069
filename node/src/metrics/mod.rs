//! What a node counts and shows. All handles are made once and kept: the hot path only adds to atomics.
//!
//! Each node has a recorder of its own, never the process-wide one, so that several nodes in one process do not mix
//! their numbers. Counters and histograms live in the recorder; gauges that mirror the state are read from it at each
//! scrape ([`Scrape`]), so that they cannot go stale.

pub mod catalogue;
mod labelled;
mod scrape;

use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tokio_util::sync::CancellationToken;

pub use labelled::Labelled;
pub use scrape::{MAX_SKU_SERIES, Scrape, SkuNumbers};

use catalogue as c;

/// How often histograms are folded; between two, every observation is kept.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

const BATCH_BUCKETS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0];
const GROUP_BUCKETS: &[f64] = &[1.0, 2.0, 3.0, 4.0, 5.0, 8.0, 16.0];
const SECONDS_BUCKETS: &[f64] = &[0.0005, 0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.125, 0.25, 0.5, 1.0, 2.0, 5.0];

/// The cached handles of one node.
pub struct Metrics {
    /// [`c::ORDERS`].
    pub orders: Labelled,
    /// The `accepted` of [`c::ORDERS`]: kept apart for the hot path.
    pub orders_accepted: Counter,
    /// [`c::TRANSITIONS`].
    pub transitions: Labelled,
    /// [`c::PROBLEMS`].
    pub problems: Labelled,
    /// [`c::EVENT_STREAMS`].
    pub event_streams: Gauge,
    /// [`c::BATCH_REQUESTS`].
    pub batch_requests: Histogram,
    /// [`c::COMMIT_SECONDS`].
    pub commit_seconds: Histogram,
    /// [`c::GROUP_BATCHES`].
    pub group_batches: Histogram,
    /// [`c::WAITING_REQUESTS`].
    pub waiting_requests: Gauge,
    /// [`c::REPROPOSALS`].
    pub reproposals: Counter,
    /// [`c::REFILLS`].
    pub refills: Counter,
    /// [`c::PROBES`].
    pub probes: Counter,
    /// [`c::SESSIONS`].
    pub sessions: Counter,
    handle: PrometheusHandle,
}

impl Metrics {
    /// All metrics at zero.
    pub fn new() -> Arc<Self> {
        let recorder = Arc::new(recorder());
        let handle = recorder.handle();
        let labelled = |metric: &'static c::Metric| Labelled::new(Arc::clone(&recorder), metric);
        let (orders, transitions, problems) = (labelled(&c::ORDERS), labelled(&c::TRANSITIONS), labelled(&c::PROBLEMS));
        let counter = |metric: &c::Metric| metrics::with_local_recorder(&*recorder, || metrics::counter!(metric.name));
        let gauge = |metric: &c::Metric| metrics::with_local_recorder(&*recorder, || metrics::gauge!(metric.name));
        let histogram = |metric: &c::Metric| metrics::with_local_recorder(&*recorder, || metrics::histogram!(metric.name));
        Arc::new(Self {
            orders_accepted: orders.register("accepted"),
            orders,
            transitions,
            problems,
            event_streams: gauge(&c::EVENT_STREAMS),
            batch_requests: histogram(&c::BATCH_REQUESTS),
            commit_seconds: histogram(&c::COMMIT_SECONDS),
            group_batches: histogram(&c::GROUP_BATCHES),
            waiting_requests: gauge(&c::WAITING_REQUESTS),
            reproposals: counter(&c::REPROPOSALS),
            refills: counter(&c::REFILLS),
            probes: counter(&c::PROBES),
            sessions: counter(&c::SESSIONS),
            handle,
        })
    }

    /// The page of `/metrics`: what was counted, and `scrape`, the state as it is now.
    pub fn render(&self, scrape: &Scrape) -> String {
        let mut page = self.handle.render();
        scrape.render_into(&mut page);
        page
    }

    /// Folds histograms until `stop`. Essential: without it they grow with every observation.
    pub async fn run_upkeep(self: Arc<Self>, stop: CancellationToken) {
        let mut tick = tokio::time::interval(UPKEEP_EVERY);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = tick.tick() => self.handle.run_upkeep(),
            }
        }
    }
}

fn recorder() -> PrometheusRecorder {
    let buckets = |builder: PrometheusBuilder, metric: &c::Metric, values: &[f64]| {
        // Fails only for an empty list, and then the exporter's own summary shows instead.
        let fallback = PrometheusBuilder::new();
        builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), values).unwrap_or(fallback)
    };
    let builder = buckets(PrometheusBuilder::new(), &c::BATCH_REQUESTS, BATCH_BUCKETS);
    let builder = buckets(builder, &c::GROUP_BATCHES, GROUP_BUCKETS);
    let recorder = buckets(builder, &c::COMMIT_SECONDS, SECONDS_BUCKETS).build_recorder();
    metrics::with_local_recorder(&recorder, || {
        for metric in c::CATALOGUE {
            match metric.kind {
                c::Kind::Counter => metrics::describe_counter!(metric.name, metric.help),
                c::Kind::Gauge => metrics::describe_gauge!(metric.name, metric.help),
                c::Kind::Histogram => metrics::describe_histogram!(metric.name, metric.help),
            }
        }
    });
    recorder
}
