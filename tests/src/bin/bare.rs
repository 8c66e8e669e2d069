//! A handler that does nothing: axum with the same bytes in and out as an order, the yardstick of the benchmarks.
//!
//! `bare [ADDRESS]`, 127.0.0.1:7099 by default; two workers, as a node on two cores has.

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::post;
use serde::Deserialize;

#[derive(Deserialize)]
struct Order<'a> {
    buyer: &'a str,
    lines: Vec<Line<'a>>,
}

#[derive(Deserialize)]
struct Line<'a> {
    sku: &'a str,
    quantity: u32,
}

async fn order(headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let (Ok(order), Some(_)) = (serde_json::from_slice::<Order<'_>>(&body), headers.get("idempotency-key")) else {
        return (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "application/json")], String::new());
    };
    let line = &order.lines[0];
    let answer = format!(
        "{{\"id\":\"00000000000000000000000000\",\"status\":\"held\",\"buyer\":\"{}\",\"lines\":[{{\"sku\":\"{}\",\"quantity\":{}}}],\
         \"created_at\":\"2026-01-01T00:00:00.000Z\",\"expires_at\":\"2026-01-01T00:10:00.000Z\",\"node\":1,\"index\":1234567}}",
        order.buyer, line.sku, line.quantity
    );
    (StatusCode::CREATED, [(header::CONTENT_TYPE, "application/json")], answer)
}

#[tokio::main(worker_threads = 2)]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:7099".into());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    axum::serve(listener, Router::new().route("/v1/orders", post(order))).await
}
