//! `POST /v1/orders/{id}/confirm`, `/release`, `/cancel`, `/extend`: the steps of an order's life.
//!
//! Apply reads no disk: when the state no longer holds an order's content, the request carries it, as this node's order
//! log has it.

use std::borrow::Cow;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use holdfast_inventory::{Answer, Ask, Content, LogIndex, Order, OrderRef, Request, Stamp, Status, Transition};
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

/// What makes a request of a transition.
pub(super) type Step = fn(Transition<'static>) -> Request<'static>;

/// The step that a path names.
pub(super) fn named(step: &str) -> Option<Step> {
    match step {
        "confirm" => Some(Request::Confirm),
        "release" => Some(Request::Release),
        "cancel" => Some(Request::Cancel),
        "extend" => Some(Request::Extend),
        _ => None,
    }
}

/// An order after a step.
pub(super) struct Stepped {
    pub(super) order: Arc<Order>,
    pub(super) status: Status,
    /// Whether the step changed anything.
    pub(super) changed: bool,
    pub(super) index: LogIndex,
    pub(super) stamp: Stamp,
}

/// Counts an outcome.
pub(super) fn count<P: Port>(app: &App<P>, outcome: Result<&Stepped, &Reply>) {
    let told = match outcome {
        Ok(stepped) if stepped.changed => "changed",
        Ok(_) => "unchanged",
        Err(reply) => reply.kind.name(),
    };
    app.metrics.transitions.add(told, 1);
}

async fn respond<P: Port>(app: &Arc<App<P>>, id: &Segment, headers: &HeaderMap, step: Step) -> Response {
    let outcome = read_and_take(app, id, headers, step).await;
    count(app, outcome.as_ref());
    let response = outcome.and_then(|Stepped { order, status, index, stamp, .. }| reply::with_status(app, &order, status, index, stamp));
    app.respond(response)
}

async fn read_and_take<P: Port>(app: &Arc<App<P>>, id: &Segment, headers: &HeaderMap, step: Step) -> Result<Stepped, Reply> {
    let apply_before = body::apply_before(headers, app.latest_apply())?;
    let order = reply::named(app, id.text()?)?;
    take(app, order, apply_before, step).await
}

/// Takes a step.
pub(super) async fn take<P: Port>(app: &Arc<App<P>>, order: OrderRef, apply_before: Stamp, step: Step) -> Result<Stepped, Reply> {
    let found = find::find(app, order).await?;
    let transition = Transition { order, content: Some(content(&found.order)), apply_before };
    let ask = Ask { request: step(transition), key: None, fingerprint: None, buyer: None };
    match app.port.submit(ask).await {
        Answer::Transitioned { step, index, stamp } => {
            Ok(Stepped { order: found.order, status: step.status, changed: step.changed, index, stamp })
        }
        other => Err(create::refused(app, &other, &found.order.lines)),
    }
}

/// Carried even if the state still holds it: it may be swept before the request is judged.
fn content(order: &Order) -> Content<'static> {
    Content { buyer: Cow::Owned(order.buyer.to_string()), lines: order.lines.clone(), created: order.created, node: order.node }
}
