//! A run from its first look at the cluster to the last closed SKU.

use std::time::Duration;

use tokio::sync::watch;

use super::error::BenchError;
use super::flash::Crowd;
use super::limits::{ACHIEVED_LEAST, ANSWER_WITHIN, LADDER_TOP};
use super::mix::Mix;
use super::report::{Plateau, Point, Report};
use super::schedule::whole;
use super::session::Session;
use super::settings::{Settings, Watcher};
use super::{batch, check, flash, ladder, mix, rate};

/// What is measured.
#[derive(Clone, Debug)]
pub enum Mode {
    /// Closed loop with 1, 2, 4 … connections, until two doublings gain less than 3 %.
    Ladder {
        /// Most connections.
        most: usize,
    },
    /// Open loop at shares of the plateau.
    Rate {
        /// The plateau, requests a second; none: a ladder finds it first.
        plateau: Option<f64>,
        /// Shares of it, in percent.
        percents: Vec<u32>,
        /// Connections: what is due while none is free waits for one, and its latency with it.
        connections: usize,
    },
    /// Sales that begin all at once, with stock for shares of the requests.
    Flash {
        /// The plateau, requests a second; none: a ladder finds it first.
        plateau: Option<f64>,
        /// Requests of each sale; none: as many as the plateau answers in the measured time.
        requests: Option<u64>,
        /// Stock of each sale, as a share of its requests in percent.
        percents: Vec<f64>,
        /// Connections.
        connections: usize,
    },
    /// A shop's own mixture.
    Mix(Mix),
    /// Batches of these sizes.
    Batch {
        /// Orders in a batch.
        sizes: Vec<u64>,
        /// Connections, each with one batch under way.
        connections: usize,
    },
}

impl Mode {
    fn name(&self) -> &'static str {
        match self {
            Self::Ladder { .. } => "ladder",
            Self::Rate { .. } => "rate",
            Self::Flash { .. } => "flash",
            Self::Mix(_) => "mix",
            Self::Batch { .. } => "batch",
        }
    }
}

/// Loads the cluster as `mode` says and tells what was found. When `stop` becomes true it ends soon, with what it has.
///
/// Fails if the cluster is not ready, before anything is sent, or if the generator cannot go on. Whatever happens, the sale of
/// every SKU it made is stopped at the end. Not cancel safe in that: a dropped run leaves them open.
pub async fn run(settings: &Settings, mode: &Mode, watcher: &dyn Watcher, stop: watch::Receiver<bool>) -> Result<Report, BenchError> {
    let mut session = Session::open(settings, watcher, stop).await?;
    let found = find(&mut session, mode).await;
    session.close().await;
    let mut report = found?;
    report.notes.append(&mut session.notes);
    report.interrupted = session.is_stopped();
    Ok(report)
}

async fn find(session: &mut Session<'_>, mode: &Mode) -> Result<Report, BenchError> {
    let mut report = measure(session, mode).await?;
    if let Some(recorder) = session.recorder.clone()
        && let Some(found) = check::check(session, &recorder).await?
    {
        report.check = Some(found.checked);
        report.violations.extend(found.violations);
        report.notes.extend(found.notes);
        if recorder.is_full() {
            report.notes.push("it ended early: no more calls are kept for the oracle".to_owned());
        }
    }
    Ok(report)
}

async fn measure(session: &mut Session<'_>, mode: &Mode) -> Result<Report, BenchError> {
    let mut violations = Vec::new();
    let measured = session.settings.measured;
    let (plateau, points) = match mode {
        Mode::Ladder { most } => {
            let points = ladder::climb(session, *most, measured).await?;
            (ladder::plateau_of(&points), points)
        }
        Mode::Rate { plateau, percents, connections } => {
            let plateau = find_plateau(session, *plateau).await?;
            (Some(plateau), rate::points(session, plateau.per_second, percents, *connections, measured).await?)
        }
        Mode::Flash { plateau, requests, percents, connections } => {
            let plateau = find_plateau(session, *plateau).await?;
            let requests = requests.unwrap_or(whole(plateau.per_second * measured.as_secs_f64())).max(1);
            let crowd = Crowd { requests, plateau: plateau.per_second, connections: *connections, patience: measured * 10 + ANSWER_WITHIN };
            let points = flash::sales(session, &crowd, percents, &mut violations).await?;
            session.notes.extend(points.iter().filter_map(reached));
            (Some(plateau), points)
        }
        Mode::Mix(mix) => (None, vec![mix::point(session, mix).await?]),
        Mode::Batch { sizes, connections } => (None, batch::points(session, sizes, *connections, measured).await?),
    };
    session.notes.extend(limits_of(&points));
    Ok(Report { violations, ..report(session, mode, plateau, points) })
}

/// A sale that was not offered as fast as it should have been.
fn reached(point: &Point) -> Option<String> {
    let flash = point.flash.filter(|flash| flash.reached_per_second < flash.wanted_per_second * ACHIEVED_LEAST)?;
    let (reached, wanted) = (flash.reached_per_second, flash.wanted_per_second);
    Some(format!(
        "{}: {reached:.0} requests/s left, of {wanted:.0} wanted: no more could be offered with {} connections",
        point.what, point.connections
    ))
}

/// The plateau that was given, or that a short ladder finds.
async fn find_plateau(session: &mut Session<'_>, given: Option<f64>) -> Result<Plateau, BenchError> {
    if let Some(per_second) = given {
        return Ok(Plateau { per_second, connections: None });
    }
    let points = ladder::climb(session, LADDER_TOP, session.settings.measured.min(Duration::from_secs(1))).await?;
    let plateau = ladder::plateau_of(&points).ok_or_else(|| BenchError::Generator("it was stopped before the plateau was found".into()))?;
    session.notes.push(format!("the plateau was measured by a ladder of {} rungs just before, a second each", points.len()));
    let rung = points.iter().find(|point| Some(point.connections) == plateau.connections);
    let refused: u64 = rung.iter().flat_map(|point| point.counts.refused.values()).sum();
    if refused > 0 {
        session.notes.push(format!("at the plateau {refused} orders were refused"));
    }
    session.notes.extend(limits_of(rung).into_iter().map(|why| format!("the plateau, {why}")));
    Ok(plateau)
}

/// What spoils figures, each once.
fn limits_of<'a>(points: impl IntoIterator<Item = &'a Point>) -> Vec<String> {
    let spoilt = |point: &Point| point.generator.limit.as_ref().map(|why| format!("{}: the generator may be the limit: {why}", point.what));
    let lawless = |point: &Point| {
        let little = point.little.filter(|little| !little.holds)?;
        let (found, expected) = (point.connections, little.expected_connections);
        Some(format!(
            "{}: by Little's law {expected:.1} requests were under way, not {found}: connections did something else meanwhile",
            point.what
        ))
    };
    let unanswered = |point: &Point| {
        let unknown = point.latency.unknown?;
        Some(format!(
            "{}: of {} requests nobody knows, after up to {:.0} ms: no other quantile has them",
            point.what, unknown.count, unknown.max_ms
        ))
    };
    points.into_iter().flat_map(|point| [spoilt(point), lawless(point), unanswered(point)]).flatten().collect()
}

fn report(session: &Session<'_>, mode: &Mode, plateau: Option<Plateau>, points: Vec<Point>) -> Report {
    Report {
        mode: mode.name(),
        version: env!("CARGO_PKG_VERSION"),
        cluster: session.cluster.clone(),
        began: httpdate::fmt_http_date(session.date),
        threads: session.settings.threads,
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        plateau,
        points,
        notes: Vec::new(),
        skus: session.wares.iter().map(|ware| ware.sku.to_string()).collect(),
        check: None,
        interrupted: false,
        violations: Vec::new(),
    }
}
