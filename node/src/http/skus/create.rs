//! `POST /v1/skus`: puts a SKU on sale.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use holdfast_api::limits::MAX_STOCK;
use holdfast_inventory::{Command, CreateSku, SkuName};
use http::StatusCode;

use super::{command, reply, settings};
use crate::http::port::Port;
use crate::http::problem::Reply;
use crate::http::{App, body, json};

/// Creates a SKU.
pub(crate) async fn create<P: Port>(State(app): State<Arc<App<P>>>, request: Request) -> Response {
    let outcome = run(&app, request).await;
    app.respond(outcome)
}

async fn run<P: Port>(app: &Arc<App<P>>, request: Request) -> Result<Response, Reply> {
    let (_, bytes) = body::receive(request, app.limits.max_body_bytes).await?;
    let asked: holdfast_api::CreateSku = json::parse(&bytes)?;
    let name = SkuName::new(&asked.sku).map_err(|error| Reply::malformed_at("/sku", format!("The SKU's name {error}.")))?;
    if asked.stock > MAX_STOCK {
        return Err(Reply::malformed_at("/stock", format!("Stock is at most {MAX_STOCK}; give less.")));
    }
    let max_hold_ttl = app.port.inventory().params().max_hold_ttl;
    let settings = settings::of_new(&asked, max_hold_ttl)?;
    let create = Command::CreateSku(CreateSku { name, stock: asked.stock, settings });
    let done = command::run(app, &asked.sku, create).await?;
    reply::current(app, done.sku, StatusCode::CREATED)
}
