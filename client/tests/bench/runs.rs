//! Whole runs.

use std::time::{Duration, Instant};

use holdfast_client::ClientConfig;
use holdfast_client::api::ProblemType;
use holdfast_client::bench::{self, BenchError, Mode, Progress, Report, Settings, Watcher};
use tokio::sync::watch;

use crate::fake::{Fake, Reply};

struct Silent;

impl Watcher for Silent {
    fn measures(&self, _: &Progress<'_>) {}
    fn did(&self, _: &str) {}
}

fn settings(node: &Fake, measured_ms: u64) -> Settings {
    Settings {
        nodes: ClientConfig::with_api([&node.url]).and_admin([&node.url]),
        threads: 1,
        measured: Duration::from_millis(measured_ms),
        pids: Vec::new(),
        hold_ttl_ms: None,
        check: false,
    }
}

async fn run(node: &Fake, mode: &Mode, measured_ms: u64) -> Result<Report, BenchError> {
    let (_stop, heard) = watch::channel(false);
    bench::run(&settings(node, measured_ms), mode, &Silent, heard).await
}

fn rate(per_second: f64, connections: usize) -> Mode {
    Mode::Rate { plateau: Some(per_second), percents: vec![100], connections }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_outcome_is_counted_as_what_the_node_answered() {
    const SCRIPT: [Reply; 7] = [
        Reply::Accept,
        Reply::Replay,
        Reply::Refuse(ProblemType::SoldOut),
        Reply::Refuse(ProblemType::Overloaded),
        Reply::Refuse(ProblemType::OutcomeUnknown),
        Reply::Garbage,
        Reply::Lose,
    ];
    let node = Fake::start(true, |order| SCRIPT[usize::try_from(order).unwrap() % SCRIPT.len()]).await;
    let report = run(&node, &rate(200.0, 4), 300).await.unwrap();
    let counts = &report.points[0].counts;
    let answered = |reply| node.seen(|seen| seen.orders.get(&reply).copied().unwrap_or(0));
    assert!(counts.acknowledged > 3, "{counts:?}");
    assert_eq!(counts.acknowledged, answered(Reply::Accept));
    assert_eq!(counts.replayed, answered(Reply::Replay));
    assert_eq!(counts.refused["sold-out"], answered(SCRIPT[2]));
    assert_eq!(counts.refused["overloaded"], answered(SCRIPT[3]));
    assert_eq!(counts.unknown["outcome-unknown"], answered(SCRIPT[4]));
    assert_eq!(counts.unknown["no-answer"], answered(Reply::Lose));
    assert_eq!(counts.errors, answered(Reply::Garbage));
    let latency = &report.points[0].latency;
    let told = [latency.acknowledged, latency.refused, latency.unknown].map(|quantiles| quantiles.map_or(0, |quantiles| quantiles.count));
    assert!(told.iter().all(|count| *count > 5), "what nobody knows is neither a yes nor a no: {latency:?}");
    assert!(report.notes.iter().any(|note| note.contains("nobody knows")), "{:?}", report.notes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_no_order_that_was_achieved() {
    let node = Fake::start(true, |order| if order % 2 == 0 { Reply::Accept } else { Reply::Refuse(ProblemType::Overloaded) }).await;
    let report = run(&node, &rate(200.0, 4), 300).await.unwrap();
    let point = &report.points[0];
    assert_eq!(point.saturated, Some(true), "{point:?}");
    assert!(point.acknowledged_per_second < 0.7 * point.answered_per_second, "{point:?}");
    let report = run(&node, &Mode::Ladder { most: 1 }, 300).await.unwrap();
    let (plateau, point) = (report.plateau.unwrap(), &report.points[0]);
    assert!((plateau.per_second - point.acknowledged_per_second).abs() < 1e-9, "{plateau:?} {point:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_can_be_gone_through_is_not_offered() {
    let node = Fake::start(true, |_| Reply::Accept).await;
    let refused = run(&node, &rate(1e10, 1), 300).await.unwrap_err();
    assert!(refused.to_string().contains("at most 1000000000"), "{refused}");
    node.seen(|seen| assert!(seen.orders.is_empty() && seen.created == seen.closed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stall_is_felt_by_every_request_that_was_due_meanwhile() {
    // The 60th order comes at 0.3 s, when measuring begins; nothing is answered for 400 ms.
    let node = Fake::start(true, |order| if order == 60 { Reply::AcceptAfter(400) } else { Reply::Accept }).await;
    let report = run(&node, &rate(200.0, 1), 1_000).await.unwrap();
    let point = &report.points[0];
    let latency = point.latency.acknowledged.unwrap();
    assert_eq!(latency.count, 200, "every request that was due within the second is there: {point:?}");
    assert!(latency.max_ms >= 399.0, "{latency:?}");
    // A closed loop would tell of one slow request in 120; here 80 waited, evenly, for up to 400 ms.
    assert!(latency.p90_ms >= 250.0, "{latency:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_take_turns_so_that_none_is_closed_for_silence() {
    let node = Fake::start(true, |_| Reply::Accept).await;
    run(&node, &rate(200.0, 20), 500).await.unwrap();
    assert_eq!(node.seen(|seen| seen.connections.len()), 20, "160 orders");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_in_time_is_told_and_saturates() {
    let node = Fake::start(true, |_| Reply::AcceptAfter(50)).await;
    let report = run(&node, &rate(200.0, 1), 500).await.unwrap();
    let point = &report.points[0];
    assert_eq!(point.saturated, Some(true));
    assert!(point.counts.unsent > 50 && point.answered_per_second < 25.0, "{point:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ladder_ends_where_more_connections_gain_nothing_and_closes_what_it_made() {
    // One at a time for 5 ms each would be 200 a second for each connection; of all together no more than the machine's.
    let node = Fake::start(true, |_| Reply::AcceptAfter(5)).await;
    let report = run(&node, &Mode::Ladder { most: 4 }, 300).await.unwrap();
    assert_eq!(report.points.iter().map(|point| point.connections).collect::<Vec<_>>(), [1, 2, 4]);
    assert!(report.points.iter().all(|point| point.little.is_some() && point.counts.errors == 0), "{report:?}");
    assert!(report.plateau.is_some_and(|plateau| plateau.per_second > 0.0));
    let (created, closed) = node.seen(|seen| (seen.created.clone(), seen.closed.clone()));
    assert!(!created.is_empty() && created.iter().all(|sku| sku.starts_with("bench-")));
    assert_eq!((&created, &report.skus), (&closed, &closed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_not_ready_is_left_alone() {
    let node = Fake::start(false, |_| Reply::Accept).await;
    let refused = run(&node, &Mode::Ladder { most: 4 }, 300).await.unwrap_err();
    assert!(matches!(refused, BenchError::NotReady(_)) && refused.to_string().contains("it has no leader"), "{refused}");
    node.seen(|seen| assert!(seen.created.is_empty() && seen.orders.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_run_tells_what_it_has_and_closes_what_it_made() {
    let node = Fake::start(true, |_| Reply::Accept).await;
    let (stop, heard) = watch::channel(false);
    let began = Instant::now();
    let stopping = async {
        while node.seen(|seen| seen.orders.is_empty()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.send_replace(true);
    };
    let settings = settings(&node, 60_000);
    let mode = Mode::Ladder { most: 64 };
    let (report, ()) = tokio::join!(bench::run(&settings, &mode, &Silent, heard), stopping);
    let report = report.unwrap();
    assert!(report.page().contains("It was stopped before it was done."));
    assert!(report.interrupted && report.points.len() == 1 && report.points[0].counts.acknowledged > 0);
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!(node.seen(|seen| seen.closed.len()), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_needs_nothing_beside_it_and_says_what_the_json_says() {
    let node = Fake::start(true, |_| Reply::Accept).await;
    let report = run(&node, &rate(100.0, 2), 300).await.unwrap();
    let page = report.page();
    for reference in ["http:", "https:", "//", "src=", "href=", "url(", "@import", "<script", "<link", "<img"] {
        assert!(!page.contains(reference), "{reference}");
    }
    assert!(page.contains("<svg") && page.contains("100 %") && page.trim_end().ends_with("</html>"));
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!((&json["mode"], &json["points"][0]["what"]), (&"rate".into(), &"100 %".into()));
}
