//! `POST /v1/orders/{id}/confirm`, `/release`, `/cancel`, `/extend`: the steps of an order's life.
//!
//! Apply reads no disk: when the state no longer holds an order's content, the request carries it, as this node's order
//! log has it.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use holdfast_inventory::{Answer, Ask, Content, Order, Request, Transition};
use http::HeaderMap;

use super::{create, find, reply};
use crate::http::port::Port;
use crate::http::problem::Reply;
use crate::http::segment::Segment;
use crate::http::{App, body};

/// Makes a held order final.
pub(crate) async fn confirm<P: Port>(State(app): State<Arc<App<P>>>, id: Segment, headers: HeaderMap) -> Response {
    respond(&app, &id, &headers, Request::Confirm).await
}

/// Gives a held order back.
pub(crate) async fn release<P: Port>(State(app): State<Arc<App<P>>>, id: Segment, headers: HeaderMap) -> Response {
    respond(&app, &id, &headers, Request::Release).await
}

/// Gives a confirmed order back.
pub(crate) async fn cancel<P: Port>(State(app): State<Arc<App<P>>>, id: Segment, headers: HeaderMap) -> Response {
    respond(&app, &id, &headers, Request::Cancel).await
}

/// Holds an order longer, once.
pub(crate) async fn extend<P: Port>(State(app): State<Arc<App<P>>>, id: Segment, headers: HeaderMap) -> Response {
    respond(&app, &id, &headers, Request::Extend).await
}

type Step = fn(Transition<'static>) -> Request<'static>;

async fn respond<P: Port>(app: &Arc<App<P>>, id: &Segment, headers: &HeaderMap, step: Step) -> Response {
    let outcome = run(app, id, headers, step).await;
    match &outcome {
        Ok((_, changed)) => app.metrics.transitions.add(if *changed { "changed" } else { "unchanged" }, 1),
        Err(reply) => app.metrics.transitions.add(reply.kind.name(), 1),
    }
    app.respond(outcome.map(|(response, _)| response))
}

async fn run<P: Port>(app: &Arc<App<P>>, id: &Segment, headers: &HeaderMap, step: Step) -> Result<(Response, bool), Reply> {
    let apply_before = body::apply_before(headers, app.latest_apply())?;
    let order = reply::named(app, id.text()?)?;
    let found = find::find(app, order).await?;
    let transition = Transition { order, content: Some(content(&found.order)), apply_before };
    let ask = Ask { request: step(transition), key: None, fingerprint: None, buyer: None };
    match app.port.submit(ask).await {
        Answer::Transitioned { step, index, stamp } => {
            Ok((reply::with_status(app, &found.order, step.status, index, stamp)?, step.changed))
        }
        other => Err(create::refused(app, &other, &found.order.lines)),
    }
}

/// Carried even if the state still holds it: it may be swept before the request is judged.
fn content(order: &Order) -> Content<'static> {
    Content { buyer: Cow::Owned(order.buyer.to_string()), lines: order.lines.clone(), created: order.created, node: order.node }
}
