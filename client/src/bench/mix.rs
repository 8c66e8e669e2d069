//! A shop's own mixture of calls.

use std::sync::Arc;

use super::error::BenchError;
use super::limits::{MIX_HOLD_MS, WARM_UP};
use super::measure::Load;
use super::mixed::{Mixed, Shares};
use super::report::Point;
use super::session::Session;
use super::thread::Pace;

/// What a mix is made of.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    /// SKUs; 1 is a hot one.
    pub skus: usize,
    /// Exponent of Zipf's law over them: 0 is all alike.
    pub exponent: f64,
    /// Units of each.
    pub stock: u64,
    /// Who asks for what.
    pub shares: Shares,
    /// Connections.
    pub connections: usize,
    /// Requests a second of an open loop; none: a closed one.
    pub rate: Option<f64>,
}

/// Measures it.
pub(super) async fn point(session: &mut Session<'_>, mix: &Mix) -> Result<Point, BenchError> {
    let hold_ttl_ms = session.settings.hold_ttl_ms.unwrap_or(MIX_HOLD_MS);
    let skus: Arc<[Arc<str>]> = session.create_many(mix.skus, mix.stock, hold_ttl_ms).await?.into();
    let pace = mix.rate.map_or(Pace::Closed, |per_second| Pace::Open { per_second, count: u64::MAX });
    let (connections, measured) = (mix.connections, session.settings.measured);
    let load = Load { what: format!("{} SKUs", mix.skus), connections, pace, warm_up: WARM_UP, measured };
    let recorder = session.recorder.clone();
    let measured = session.measure(&load, |names| Box::new(Mixed::new(names, &skus, mix.exponent, mix.shares, recorder.clone()))).await?;
    Ok(Point::of(&load, &measured))
}
