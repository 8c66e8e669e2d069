//! `GET /v1/skus/{sku}/availability`: what is left, from memory.
//!
//! "Sold out" is said as honestly here as to a buyer: a node whose state is not known to be fresh asks for a proof first,
//! and without one says that it cannot tell.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use holdfast_api::headers::HOLDFAST_STAMP;
use holdfast_api::{Availability, AvailabilityQuery, Consistency, Time};
use holdfast_inventory::{SkuId, Stamp};
use http::{HeaderValue, StatusCode};

use super::{command, reply};
use crate::http::port::{Port, Unavailable};
use crate::http::problem::{self, Reply};
use crate::http::segment::{Asked, Segment};
use crate::http::{App, json};

/// What a SKU has left.
pub(crate) async fn availability<P: Port>(State(app): State<Arc<App<P>>>, name: Segment, query: Asked<AvailabilityQuery>) -> Response {
    let outcome = async { run(&app, name.text()?, query.get()?.consistency).await }.await;
    app.respond(outcome)
}

async fn run<P: Port>(app: &App<P>, name: &str, consistency: Consistency) -> Result<Response, Reply> {
    if consistency == Consistency::Linearizable {
        let asked_at = app.port.time().earliest();
        app.port.linearize().await.map_err(problem::of_unavailable)?;
        return Ok(answer(&read(app, command::named(app, name).await?, Some(asked_at))?));
    }
    let sku = command::named(app, name).await?;
    Ok(answer(&local(app, sku).await?))
}

/// From this node's memory: not known to be what holds everywhere by now, unless it says that nothing is left.
pub(crate) async fn local<P: Port>(app: &App<P>, sku: SkuId) -> Result<Availability, Reply> {
    // Asked before the state is read: a proof that comes in between says nothing about what was read.
    let is_fresh = app.port.is_fresh();
    let now = read(app, sku, app.port.fresh_as_of())?;
    if !now.sold_out || is_fresh {
        return Ok(now);
    }
    if !app.port.ask_freshness().await {
        return Err(problem::of_unavailable(Unavailable::Stale));
    }
    read(app, sku, app.port.fresh_as_of())
}

/// `proven`: cluster time up to which the state is known to miss nothing. The stamp of its last entry is such a time too.
fn read<P: Port>(app: &App<P>, sku: SkuId, proven: Option<Stamp>) -> Result<Availability, Reply> {
    let now = app.port.time().now;
    let inventory = app.port.inventory();
    let sku = inventory.sku(sku).ok_or_else(Reply::internal)?;
    let available = sku.available();
    Ok(Availability {
        sku: sku.name.as_str().to_owned(),
        available,
        held: sku.held,
        sold_out: available == 0,
        is_final: available == 0 && sku.held == 0,
        state: reply::sale_state(&sku.view(None), now),
        opens_at: sku.settings.opens_at.map(|stamp| Time(stamp.0)),
        index: inventory.last_index().0,
        as_of_ms: proven.unwrap_or_default().max(inventory.clock()).0,
    })
}

fn answer(body: &Availability) -> Response {
    let mut response = json::answer(StatusCode::OK, body);
    response.headers_mut().insert(HOLDFAST_STAMP, HeaderValue::from(body.as_of_ms));
    response
}
