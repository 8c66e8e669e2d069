//! Many orders in one request.

use std::time::Duration;

use super::error::BenchError;
use super::limits::{AMPLE_STOCK, WARM_UP};
use super::measure::Load;
use super::report::Point;
use super::session::Session;
use super::thread::Pace;
use super::work::Batches;

/// Measures each size.
pub(super) async fn points(
    session: &mut Session<'_>,
    sizes: &[u64],
    connections: usize,
    measured: Duration,
) -> Result<Vec<Point>, BenchError> {
    let sku = session.create(AMPLE_STOCK).await?;
    let recorder = session.recorder.clone();
    let mut points = Vec::new();
    for &size in sizes {
        if session.is_stopped() {
            break;
        }
        let what = if size == 1 { "1 order".to_owned() } else { format!("{size} orders") };
        let load = Load { what, connections, pace: Pace::Closed, warm_up: WARM_UP, measured };
        let measured = session.measure(&load, |names| Box::new(Batches::new(names, &sku, size, recorder.clone()))).await?;
        points.push(Point::of_batch(&load, &measured, size));
    }
    Ok(points)
}
