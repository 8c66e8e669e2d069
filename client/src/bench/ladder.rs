//! More and more connections, each sending when its answer has come, until more gain nothing.

use std::sync::Arc;
use std::time::Duration;

use super::error::BenchError;
use super::limits::{ACHIEVED_LEAST, AMPLE_STOCK, GAIN_LEAST, WARM_UP};
use super::measure::Load;
use super::report::{Plateau, Point};
use super::session::Session;
use super::thread::Pace;
use super::work::Orders;

/// Whether the rates of 1, 2, 4 … connections say that more gain nothing: two doublings that gain less than 3 % each.
pub(super) fn is_over(rates: &[f64]) -> bool {
    match rates {
        [.., one, two, three] => *two < one * (1.0 + GAIN_LEAST) && *three < two * (1.0 + GAIN_LEAST),
        _ => false,
    }
}

/// The first rung that comes within 3 % of the best rate: its own rate, for the best of many is high by chance.
pub(super) fn plateau(rungs: &[(usize, f64)]) -> Option<Plateau> {
    let best = rungs.iter().map(|(_, rate)| *rate).fold(0.0, f64::max);
    let &(connections, per_second) = rungs.iter().find(|(_, rate)| *rate * (1.0 + GAIN_LEAST) >= best)?;
    Some(Plateau { per_second, connections: Some(connections) })
}

/// Climbs from one connection to `most`. A rung that the generator cannot stand on ends it, with a note of the session.
pub(super) async fn climb(session: &mut Session<'_>, most: usize, measured: Duration) -> Result<Vec<Point>, BenchError> {
    let sku = session.create(AMPLE_STOCK).await?;
    let (mut points, mut connections) = (Vec::new(), 1);
    while connections <= most && !session.is_stopped() {
        let what = if connections == 1 { "1 connection".to_owned() } else { format!("{connections} connections") };
        let load = Load { what, connections, pace: Pace::Closed, warm_up: WARM_UP, measured };
        match orders(session, &load, &sku).await {
            Ok(point) => points.push(point),
            Err(BenchError::Generator(why)) if !points.is_empty() => {
                session.notes.push(format!("the ladder ends below {}: {why}", load.what));
                break;
            }
            Err(error) => return Err(error),
        }
        let rates: Vec<f64> = points.iter().map(|point| point.acknowledged_per_second).collect();
        if is_over(&rates) {
            break;
        }
        connections *= 2;
    }
    Ok(points)
}

/// Measures single orders of `sku`: what they achieve is what is acknowledged, for a refusal is cheap.
pub(super) async fn orders(session: &mut Session<'_>, load: &Load, sku: &Arc<str>) -> Result<Point, BenchError> {
    let recorder = session.recorder.clone();
    let measured = session.measure(load, |names| Box::new(Orders::new(names, sku, recorder.clone()))).await?;
    let point = Point::of(load, &measured);
    let saturated = point.offered_per_second.map(|offered| point.acknowledged_per_second < offered * ACHIEVED_LEAST);
    Ok(Point { saturated, ..point })
}

/// The plateau of rungs that were measured.
pub(super) fn plateau_of(points: &[Point]) -> Option<Plateau> {
    let rungs: Vec<_> = points.iter().map(|point| (point.connections, point.acknowledged_per_second)).collect();
    plateau(&rungs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ladder_ends_after_two_doublings_without_gain() {
        assert!(!is_over(&[]) && !is_over(&[100.0, 101.0]));
        assert!(!is_over(&[100.0, 101.0, 110.0]), "only the first gained nothing");
        assert!(!is_over(&[100.0, 110.0, 111.0]), "only the second gained nothing");
        assert!(is_over(&[50.0, 100.0, 102.0, 104.0]), "each gained less than 3 %");
        assert!(is_over(&[100.0, 90.0, 80.0]), "a loss is no gain");
    }

    #[test]
    fn the_plateau_is_the_first_rung_near_the_best_with_its_own_rate() {
        let found = plateau(&[(1, 10.0), (2, 98.0), (4, 100.0), (8, 99.0)]);
        assert_eq!(found, Some(Plateau { per_second: 98.0, connections: Some(2) }));
        assert_eq!(plateau(&[]), None);
    }
}
