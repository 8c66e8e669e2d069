//! `POST /v1/orders`: the hot path.
//!
//! One parse that borrows from the body, no lock across an await, one answer written by hand. Checks stand in a fixed
//! order, told by the first that fails: JSON said, length, key, `Apply-Before`, JSON read, form, SKU known; then the
//! Desk's and the log's own.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use holdfast_api::{CreateOrder, ProblemType};
use holdfast_inventory::{Answer, Line, Lines, LogIndex, OrderRef, Stamp, Status};

use super::{ask, find, reply};
use crate::http::order_json::OrderView;
use crate::http::port::Port;
use crate::http::problem::Reply;
use crate::http::{App, body, json, order_body, problem};

/// Creates an order.
pub(crate) async fn create<P: Port>(State(app): State<Arc<App<P>>>, request: Request) -> Response {
    serve(&app, request).await
}

/// The same without the router's extractors.
pub(crate) async fn serve<P: Port>(app: &Arc<App<P>>, request: Request) -> Response {
    let outcome = run(app, request).await;
    match &outcome {
        Ok((_, Made::Now)) => app.metrics.orders_accepted.increment(1),
        Ok((_, Made::Before)) => app.metrics.orders.add("replayed", 1),
        Err(reply) => app.metrics.orders.add(reply.kind.name(), 1),
    }
    app.respond(outcome.map(|(response, _)| response))
}

/// Whether the order is new.
#[derive(Clone, Copy)]
enum Made {
    Now,
    Before,
}

async fn run<P: Port>(app: &Arc<App<P>>, request: Request) -> Result<(Response, Made), Reply> {
    let (head, content) = request.into_parts();
    body::require_json(&head.headers)?;
    let bytes = body::read(content, app.limits.max_body_bytes).await?;
    let key = body::require_key(&head.headers)?;
    let apply_before = body::apply_before(&head.headers, app.latest_apply())?;
    let order: CreateOrder<'_> = json::parse(&bytes)?;
    let find = |name: &str| app.names.id(name, || app.port.inventory());
    let lines = match order_body::check("", &order.buyer, &order.lines, find) {
        Err(reply) if reply.kind == ProblemType::UnknownSku => {
            let proven = app.prove_fresh().await?;
            order_body::check("", &order.buyer, &order.lines, find).map_err(|reply| proven.tell(reply))?
        }
        checked => checked?,
    };
    let ask = ask::order(app, &key, &order.buyer, lines.clone(), order.confirm, apply_before)?;
    match app.port.submit(ask).await {
        Answer::Accepted { order: at, status, index, stamp } => {
            Ok((accepted(app, &order.buyer, &lines, &Accepted { at, status, index, stamp })?, Made::Now))
        }
        Answer::Replayed { order } => Ok((reply::replayed(app, &find::find(app, order).await?)?, Made::Before)),
        other => Err(refused(app, &other, &lines)),
    }
}

struct Accepted {
    at: OrderRef,
    status: Status,
    index: LogIndex,
    stamp: Stamp,
}

fn accepted<P: Port>(app: &App<P>, buyer: &str, lines: &Lines, accepted: &Accepted) -> Result<Response, Reply> {
    let id = app.seal()?.token(accepted.at);
    let Accepted { status, index, stamp, .. } = *accepted;
    let view = OrderView { id: &id, status, buyer, lines, created: stamp, node: app.port.node(), index };
    Ok(reply::created(&id, reply::json(app, &view), stamp))
}

/// The problem that an answer without an order is; `lines` name the SKUs that it may be about.
pub(crate) fn refused<P: Port>(app: &App<P>, answer: &Answer, lines: &[Line]) -> Reply {
    if let Answer::Refused { refusal, index, stamp } = *answer {
        let names = app.names.covering(lines, || app.port.inventory());
        let opens_at = |sku| app.port.inventory().sku(sku)?.settings.opens_at;
        return problem::of_refusal(refusal, index, stamp, |sku| names.name(sku).to_owned(), opens_at);
    }
    problem::of_answer(answer).unwrap_or_else(|| {
        tracing::error!(?answer, "the Desk answered another question");
        Reply::internal()
    })
}
