//! `GET /v1/orders/{id}`: the order as it is now, on any node.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::{find, reply};
use crate::http::App;
use crate::http::port::Port;
use crate::http::problem::Reply;
use crate::http::segment::Segment;

/// Reads an order. A node that has not applied the order's entry yet waits for it, for a bounded time.
pub(crate) async fn read<P: Port>(State(app): State<Arc<App<P>>>, id: Segment) -> Response {
    let outcome = run(&app, &id).await;
    app.respond(outcome)
}

async fn run<P: Port>(app: &Arc<App<P>>, id: &Segment) -> Result<Response, Reply> {
    let order = reply::named(app, id.text()?)?;
    reply::found(app, &find::find(app, order).await?)
}
