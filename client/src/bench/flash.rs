//! A sale that begins all at once: more requests than the cluster can take, for less stock than they ask for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::BenchError;
use super::ladder;
use super::limits::{AMPLE_STOCK, ANSWER_WITHIN, BASELINE_ORDERS, FLASH_FACTOR, RECOVERED_FACTOR, RECOVERED_ORDERS, RECOVERY_WITHIN};
use super::measure::{Load, Measured};
use super::report::{Flash, Point};
use super::schedule::whole;
use super::session::Session;
use super::tally::Counts;
use super::thread::Pace;
use super::work::Orders;
use crate::ClientError;

/// How big the sale is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crowd {
    /// Requests, all wanted within a tenth of the time in which the plateau would answer them.
    pub(super) requests: u64,
    pub(super) plateau: f64,
    pub(super) connections: usize,
    /// Longest that requests may leave.
    pub(super) patience: Duration,
}

/// Holds a sale for each of `percents`, the stock as a share of the requests.
pub(super) async fn sales(
    session: &mut Session<'_>,
    crowd: &Crowd,
    percents: &[f64],
    violations: &mut Vec<String>,
) -> Result<Vec<Point>, BenchError> {
    // Asked for before and after each sale, to see when the cluster is as it was.
    let quiet = session.create(AMPLE_STOCK).await?;
    let mut points = Vec::new();
    for percent in percents {
        if session.is_stopped() {
            break;
        }
        let stock = whole((crowd.requests as f64 * percent / 100.0).round()).max(1);
        points.push(sale(session, crowd, stock, &format!("stock for {percent} %"), &quiet, violations).await?);
    }
    Ok(points)
}

async fn sale(
    session: &mut Session<'_>,
    crowd: &Crowd,
    stock: u64,
    what: &str,
    quiet: &Arc<str>,
    violations: &mut Vec<String>,
) -> Result<Point, BenchError> {
    let sku = session.create(stock).await?;
    outlasts(session.wares.last().map_or(0, |ware| ware.hold_ttl_ms), crowd.patience)?;
    let before = baseline(session, quiet).await?;
    let pace = Pace::Open { per_second: crowd.plateau * FLASH_FACTOR, count: crowd.requests };
    let load = Load { what: what.to_owned(), connections: crowd.connections, pace, warm_up: Duration::ZERO, measured: crowd.patience };
    let recorder = session.recorder.clone();
    let mut measured = session.measure(&load, |names| Box::new(Orders::new(names, &sku, recorder.clone()))).await?;
    let recovered_after_s = match before {
        Some(before) => recovery(session, quiet, before, measured.began + measured.took).await?,
        None => None,
    };
    let audit = session.client.audit(&sku).await?;
    let counts = &measured.tally.counts;
    let sold = audit.held + audit.confirmed;
    let fault = unsound(audit.conserved && audit.adds_up(), stock, sold, counts);
    violations.extend(fault.iter().map(|fault| format!("{what}: {fault}")));
    let flash = Flash { recovered_after_s, sound: fault.is_none(), ..told(crowd, stock, sold, &measured) };
    // It ends with its last answer, long before patience does.
    measured.tally.window.until = measured.began + measured.took;
    Ok(Point { flash: Some(flash), saturated: None, offered_per_second: Some(flash.wanted_per_second), ..Point::of(&load, &measured) })
}

/// Refuses holds that could end before the audit: their units would be nobody's, or sold twice, and look lost.
fn outlasts(hold_ttl_ms: u64, patience: Duration) -> Result<(), ClientError> {
    let least = u64::try_from((patience + ANSWER_WITHIN + RECOVERY_WITHIN).as_millis()).unwrap_or(u64::MAX);
    if hold_ttl_ms == 0 || hold_ttl_ms >= least {
        return Ok(());
    }
    let detail = format!("holds of {hold_ttl_ms} ms could end before the sale is audited: --hold-ms 0, or {least} and more");
    Err(ClientError::Usage { detail })
}

fn told(crowd: &Crowd, stock: u64, sold: u64, measured: &Measured) -> Flash {
    let tally = &measured.tally;
    let since = |at: Option<Instant>| at.map_or(0.0, |at| at.saturating_duration_since(measured.began).as_secs_f64());
    let per_second = |count: u64, seconds: f64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
    let last = since(tally.last_acknowledged);
    Flash {
        requests: tally.sent,
        stock,
        wanted_per_second: crowd.plateau * FLASH_FACTOR,
        reached_per_second: per_second(tally.sent, since(tally.last_sent)),
        sold_out_after_s: (sold == stock && tally.counts.acknowledged > 0).then_some(last),
        goodput_per_second: per_second(tally.counts.acknowledged, last),
        recovered_after_s: None,
        sound: false,
    }
}

/// What must not be after a sale of `stock` units in orders of one unit.
fn unsound(is_conserved: bool, stock: u64, sold: u64, counts: &Counts) -> Option<String> {
    let least = counts.acknowledged;
    let most = least + counts.unknown_orders();
    if !is_conserved {
        Some("the units do not add up".to_owned())
    } else if sold > stock {
        Some(format!("{sold} units were sold of {stock}"))
    } else if !(least..=most).contains(&sold) {
        Some(format!("{sold} units are sold, while {least} orders were acknowledged and {} are unknown", counts.unknown_orders()))
    } else {
        None
    }
}

/// How long single orders take while nothing else is asked: the 99th percentile. None if none was acknowledged.
async fn baseline(session: &mut Session<'_>, sku: &Arc<str>) -> Result<Option<Duration>, BenchError> {
    let what = "before the sale".to_owned();
    let pace = Pace::Open { per_second: BASELINE_ORDERS as f64, count: BASELINE_ORDERS as u64 };
    let load = Load { what, connections: 1, pace, warm_up: Duration::ZERO, measured: Duration::from_secs(2) };
    let point = ladder::orders(session, &load, sku).await?;
    Ok(point.latency.acknowledged.map(|quantiles| Duration::from_secs_f64(quantiles.p99_ms / 1e3)))
}

/// How long it takes from the last answer until single orders are as fast as before; none if they are not while it is looked.
async fn recovery(session: &mut Session<'_>, sku: &Arc<str>, before: Duration, last: Instant) -> Result<Option<f64>, BenchError> {
    let (began, bound) = (Instant::now(), before.saturating_mul(RECOVERED_FACTOR));
    let mut latencies = Vec::new();
    while began.elapsed() < RECOVERY_WITHIN && !session.is_stopped() {
        let sent = last.elapsed();
        let latency = one_order(session, sku).await?;
        latencies.push((sent, latency));
        if let Some(at) = recovered(&latencies, bound) {
            return Ok(Some(at.as_secs_f64()));
        }
    }
    Ok(None)
}

/// When the first of so many fast orders in a row was sent.
fn recovered(latencies: &[(Duration, Duration)], bound: Duration) -> Option<Duration> {
    let row = &latencies[latencies.len().checked_sub(RECOVERED_ORDERS)?..];
    row.iter().all(|(_, latency)| *latency <= bound).then(|| row[0].0)
}

/// How long one order takes. With the oracle watching it is recorded like all others.
async fn one_order(session: &mut Session<'_>, sku: &Arc<str>) -> Result<Duration, BenchError> {
    let load = Load {
        what: "after the sale".to_owned(),
        connections: 1,
        pace: Pace::Open { per_second: 1_000.0, count: 1 },
        warm_up: Duration::ZERO,
        measured: Duration::from_secs(2),
    };
    let point = ladder::orders(session, &load, sku).await?;
    let heard = point.latency.acknowledged.map(|quantiles| Duration::from_secs_f64(quantiles.max_ms / 1e3));
    Ok(heard.unwrap_or(Duration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sale_is_over_when_enough_orders_in_a_row_are_fast() {
        let bound = Duration::from_millis(4);
        let order = |at: u64, latency: u64| (Duration::from_millis(at), Duration::from_millis(latency));
        let mut latencies = vec![order(0, 50), order(50, 3), order(53, 9)];
        latencies.extend((0..RECOVERED_ORDERS as u64 - 1).map(|n| order(62 + n, 1)));
        assert_eq!(recovered(&latencies, bound), None, "one is missing");
        latencies.push(order(90, 4));
        assert_eq!(recovered(&latencies, bound), Some(Duration::from_millis(62)));
        assert_eq!(recovered(&[], bound), None);
    }

    #[test]
    fn holds_that_could_end_before_the_audit_are_refused() {
        let patience = Duration::from_secs(35);
        assert!(outlasts(0, patience).is_ok() && outlasts(600_000, patience).is_ok() && outlasts(55_000, patience).is_ok());
        assert!(outlasts(54_999, patience).is_err() && outlasts(1_000, patience).is_err());
    }

    #[test]
    fn units_sold_are_those_that_were_acknowledged_or_may_have_been() {
        let counts = Counts { acknowledged: 90, unknown: [("no-answer", 5)].into(), ..Counts::default() };
        assert_eq!(unsound(true, 100, 90, &counts), None);
        assert_eq!(unsound(true, 100, 95, &counts), None);
        for (conserved, stock, sold) in [(false, 100, 90), (true, 100, 89), (true, 100, 96), (true, 80, 90)] {
            assert!(unsound(conserved, stock, sold, &counts).is_some(), "{conserved} {stock} {sold}");
        }
    }
}
