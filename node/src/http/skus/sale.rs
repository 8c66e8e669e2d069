//! `POST /v1/skus/{sku}/close` and `/open`: stops and resumes a sale at once.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use holdfast_inventory::Command;
use http::StatusCode;

use super::{command, reply};
use crate::http::App;
use crate::http::port::Port;
use crate::http::problem::Reply;
use crate::http::segment::Segment;

/// Stops the sale.
pub(crate) async fn close<P: Port>(State(app): State<Arc<App<P>>>, name: Segment) -> Response {
    let outcome = set(&app, &name, false).await;
    app.respond(outcome)
}

/// Resumes the sale.
pub(crate) async fn open<P: Port>(State(app): State<Arc<App<P>>>, name: Segment) -> Response {
    let outcome = set(&app, &name, true).await;
    app.respond(outcome)
}

async fn set<P: Port>(app: &App<P>, name: &Segment, open: bool) -> Result<Response, Reply> {
    let name = name.text()?;
    let sku = command::named(app, name).await?;
    let done = command::run(app, name, Command::SetSale { sku, open }).await?;
    reply::current(app, done.sku, StatusCode::OK)
}
