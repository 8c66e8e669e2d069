//! `POST /v1/skus/{sku}/adjustments`: adds or takes stock, once per key.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use holdfast_api::headers::IDEMPOTENCY_REPLAYED;
use holdfast_api::limits::MAX_STOCK;
use holdfast_inventory::{AdjustStock, Command};
use http::{HeaderValue, StatusCode};

use super::settings::check_text;
use super::{command, reply};
use crate::http::port::Port;
use crate::http::problem::Reply;
use crate::http::segment::Segment;
use crate::http::{App, body, json};

/// Adds or takes stock.
pub(crate) async fn adjust<P: Port>(State(app): State<Arc<App<P>>>, name: Segment, request: Request) -> Response {
    let outcome = run(&app, &name, request).await;
    app.respond(outcome)
}

async fn run<P: Port>(app: &Arc<App<P>>, name: &Segment, request: Request) -> Result<Response, Reply> {
    let (headers, bytes) = body::receive(request, app.limits.max_body_bytes).await?;
    let name = name.text()?;
    let key = body::require_key(&headers)?;
    let asked: holdfast_api::AdjustStock = json::parse(&bytes)?;
    check(&asked)?;
    let adjust = AdjustStock {
        sku: command::named(app, name).await?,
        delta: asked.delta,
        reason: asked.reason.into(),
        reference: asked.reference.map(Into::into),
        key: key.into(),
    };
    let done = command::run(app, name, Command::AdjustStock(adjust)).await?;
    if !done.replayed {
        return reply::current(app, done.sku, StatusCode::OK);
    }
    let mut response = reply::replayed(app, &done)?;
    response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

fn check(asked: &holdfast_api::AdjustStock) -> Result<(), Reply> {
    if asked.delta == 0 || asked.delta.unsigned_abs() > MAX_STOCK {
        let detail = format!("A delta is a whole number of units, negative to take, not 0, at most {MAX_STOCK}; correct it.");
        return Err(Reply::malformed_at("/delta", detail));
    }
    if asked.reason.trim().is_empty() {
        return Err(Reply::malformed_at("/reason", "Say why stock changes; the reason is kept with the adjustment."));
    }
    check_text("/reason", &asked.reason)?;
    asked.reference.as_deref().map_or(Ok(()), |reference| check_text("/reference", reference))
}
