//! Requests at fixed rates, whatever is answered: how long they take when the cluster has time, and when it has none.

use std::time::Duration;

use super::error::BenchError;
use super::ladder;
use super::limits::{AMPLE_STOCK, WARM_UP};
use super::measure::Load;
use super::report::Point;
use super::session::Session;
use super::thread::Pace;

/// Measures each of `percents` of `plateau`.
pub(super) async fn points(
    session: &mut Session<'_>,
    plateau: f64,
    percents: &[u32],
    connections: usize,
    measured: Duration,
) -> Result<Vec<Point>, BenchError> {
    let sku = session.create(AMPLE_STOCK).await?;
    let mut points = Vec::new();
    for percent in percents {
        if session.is_stopped() {
            break;
        }
        let per_second = (plateau * f64::from(*percent) / 100.0).max(1.0);
        let pace = Pace::Open { per_second, count: u64::MAX };
        let load = Load { what: format!("{percent} %"), connections, pace, warm_up: WARM_UP, measured };
        points.push(ladder::orders(session, &load, &sku).await?);
    }
    Ok(points)
}
