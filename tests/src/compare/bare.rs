//! A handler that does nothing: axum with the same bytes in and out as the product, the yardstick of the benchmarks.

use std::io;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

/// The SKU whose orders are refused as the product refuses one that is sold out.
pub const SOLD_OUT: &str = "gone";

/// What every answer of the product carries, as long as there.
const STAMP: (&str, &str) = ("holdfast-stamp", "1795869903113");
pub(super) const JSON: (&str, &str) = ("content-type", "application/json");
const PROBLEM: (&str, &str) = ("content-type", "application/problem+json");
const NO_ID: &str = "00000000000000000000000000";
const LOCATION: (&str, &str) = ("location", "/v1/orders/00000000000000000000000000");
const REQUEST_ID: (&str, &str) = ("x-request-id", "0000000000000000-1");

const REFUSAL: &str = "{\"type\":\"urn:holdfast:problem:sold-out\",\"title\":\"Sold out\",\"status\":409,\
    \"detail\":\"No unit of gone is left now; some are held and may come back.\",\"request_id\":\"0000000000000000-1\",\
    \"sku\":\"gone\",\"final\":false,\"index\":1234567}";
const AVAILABILITY: &str = "{\"sku\":\"bench\",\"available\":99999999999,\"held\":1234567,\"sold_out\":false,\"final\":false,\
    \"state\":\"open\",\"opens_at\":null,\"index\":1234567,\"as_of_ms\":1795869903113}";

/// What every request asks for.
#[derive(Debug, Deserialize)]
pub(super) struct Order<'a> {
    pub(super) buyer: &'a str,
    pub(super) lines: Vec<Line<'a>>,
}

/// One SKU of it.
#[derive(Debug, Deserialize)]
pub(super) struct Line<'a> {
    pub(super) sku: &'a str,
    pub(super) quantity: u32,
}

/// Serves at `address` with so many workers until the process is ended.
pub fn serve(address: &str, workers: usize) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()?;
    runtime.block_on(async {
        let routes = Router::new().route("/v1/orders", post(order)).route("/v1/skus/{sku}/availability", get(availability));
        axum::serve(tokio::net::TcpListener::bind(address).await?, routes).await
    })
}

async fn order(headers: HeaderMap, body: Bytes) -> Response {
    let (Ok(order), Some(_)) = (serde_json::from_slice::<Order<'_>>(&body), headers.get("idempotency-key")) else {
        return (StatusCode::BAD_REQUEST, [JSON], String::new()).into_response();
    };
    if order.lines[0].sku == SOLD_OUT {
        return refused().into_response();
    }
    held(&order, NO_ID).into_response()
}

/// The answer to an order.
pub(super) fn held(order: &Order<'_>, id: &str) -> impl IntoResponse + use<> {
    let line = &order.lines[0];
    let answer = format!(
        "{{\"id\":\"{id}\",\"status\":\"held\",\"buyer\":\"{}\",\"lines\":[{{\"sku\":\"{}\",\"quantity\":{}}}],\
         \"created_at\":\"2026-01-01T00:00:00.000Z\",\"expires_at\":\"2026-01-01T00:10:00.000Z\",\"node\":1,\"index\":1234567}}",
        order.buyer, line.sku, line.quantity
    );
    (StatusCode::CREATED, [JSON, LOCATION, STAMP], answer)
}

fn refused() -> impl IntoResponse {
    (StatusCode::CONFLICT, [PROBLEM, STAMP, REQUEST_ID], REFUSAL)
}

async fn availability() -> impl IntoResponse {
    (StatusCode::OK, [JSON, STAMP], AVAILABILITY)
}
