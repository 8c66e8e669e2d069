//! `/livez`, `/readyz`, `/v1/time`: small questions to one node, answered without the cluster.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use holdfast_api::{Health, ServerTime};
use http::StatusCode;

use super::port::Port;
use super::{App, json};

/// The process answers.
pub(crate) async fn livez<P: Port>(State(app): State<Arc<App<P>>>) -> Response {
    json::answer(StatusCode::OK, &health(&app))
}

/// Whether the node can serve an order now: 200, or 503 and why not.
pub(crate) async fn readyz<P: Port>(State(app): State<Arc<App<P>>>) -> Response {
    let health = health(&app);
    json::answer(if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, &health)
}

/// Cluster time as this node estimates it.
pub(crate) async fn time<P: Port>(State(app): State<Arc<App<P>>>) -> Response {
    let time = app.port.time();
    json::answer(StatusCode::OK, &ServerTime { now_ms: time.now.0, error_bound_ms: time.error.0 })
}

fn health<P: Port>(app: &App<P>) -> Health {
    match app.port.readiness() {
        Ok(()) => Health { ready: true, reason: None },
        Err(reason) => Health { ready: false, reason: Some(reason) },
    }
}
