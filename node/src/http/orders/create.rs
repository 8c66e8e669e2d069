//! `POST /v1/orders`: the hot path.
//!
//! One parse that borrows from the body, no lock across an await, one answer written by hand. Checks stand in a fixed
//! order, told by the first that fails: JSON said, length, key, `Apply-Before`, JSON read, form, SKU known; then the
//! Desk's and the log's own.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use holdfast_api::{CreateOrder, ProblemType};
use holdfast_inventory::{Answer, Ask, Line, Lines, LogIndex, OrderRef, Stamp, Status};

use super::{ask, find, reply};
use crate::http::order_json::OrderView;
use crate::http::port::Port;
use crate::http::problem::Reply;
use crate::http::{App, body, json, order_body, problem};
use crate::planted::{self, Planted};

/// Creates an order.
pub(crate) async fn create<P: Port>(State(app): State<Arc<App<P>>>, request: Request) -> Response {
    serve(&app, request).await
}

/// The same without the router's extractors.
pub(crate) async fn serve<P: Port>(app: &Arc<App<P>>, request: Request) -> Response {
    let outcome = run(app, request).await;
    count(app, outcome.as_ref().map(|(_, made)| *made));
    app.respond(outcome.map(|(response, _)| response))
}

/// Whether the order is new.
#[derive(Clone, Copy)]
pub(super) enum Made {
    Now,
    Before,
}

/// Counts an outcome.
pub(super) fn count<P: Port>(app: &App<P>, outcome: Result<Made, &Reply>) {
    match outcome {
        Ok(Made::Now) => app.metrics.orders_accepted.increment(1),
        Err(_) if planted::is(Planted::RefusalCountedAsAccepted) => app.metrics.orders_accepted.increment(1),
        Ok(Made::Before) => app.metrics.orders.add("replayed", 1),
        Err(reply) => app.metrics.orders.add(reply.kind.name(), 1),
    }
}

async fn run<P: Port>(app: &Arc<App<P>>, request: Request) -> Result<(Response, Made), Reply> {
    let (head, content) = request.into_parts();
    body::require_json(&head.headers)?;
    let bytes = body::read(content, app.limits.max_body_bytes).await?;
    let key = body::require_key(&head.headers)?;
    let apply_before = body::apply_before(&head.headers, app.latest_apply())?;
    let prepared = match prepare(app, &bytes, &key, apply_before) {
        Err(reply) if reply.kind == ProblemType::UnknownSku => {
            let proven = app.prove_fresh().await?;
            prepare(app, &bytes, &key, apply_before).map_err(|reply| proven.tell(reply))?
        }
        prepared => prepared?,
    };
    // The request's memory is free while it is judged.
    drop((bytes, key));
    drop(head);
    let answer = app.port.submit(prepared.ask).await;
    match told(app, prepared.content, answer).await? {
        Told::Accepted(accepted) => Ok((accepted.into_response(app)?, Made::Now)),
        Told::Replayed(found) => Ok((reply::replayed(app, &found)?, Made::Before)),
    }
}

/// A request that is in order, and what its answer will repeat of it.
pub(super) struct Prepared {
    pub(super) ask: Ask,
    pub(super) content: Content,
}

/// What an order asked for.
pub(super) struct Content {
    pub(super) buyer: String,
    pub(super) lines: Lines,
}

/// Checks a request's body. Without effect.
pub(super) fn prepare<P: Port>(app: &App<P>, body: &[u8], key: &str, apply_before: Stamp) -> Result<Prepared, Reply> {
    let order: CreateOrder<'_> = json::parse(body)?;
    let find = |name: &str| app.names.id(name, || app.port.inventory());
    let lines = order_body::check(&order_body::Written { at: "", buyer: &order.buyer, lines: &order.lines }, app.order_bounds(), find)?;
    let ask = ask::order(app, key, &order.buyer, lines.clone(), order.confirm, apply_before)?;
    Ok(Prepared { ask, content: Content { buyer: order.buyer.into_owned(), lines } })
}

/// The order that an answer stands for.
pub(super) enum Told {
    Accepted(Accepted),
    Replayed(find::Found),
}

impl Told {
    pub(super) fn made(&self) -> Made {
        match self {
            Self::Accepted(_) => Made::Now,
            Self::Replayed(_) => Made::Before,
        }
    }
}

/// An order that was made just now.
pub(super) struct Accepted {
    at: OrderRef,
    status: Status,
    index: LogIndex,
    stamp: Stamp,
    content: Content,
}

/// What the Desk's answer means for whoever asked.
pub(super) async fn told<P: Port>(app: &Arc<App<P>>, content: Content, answer: Answer) -> Result<Told, Reply> {
    match answer {
        Answer::Accepted { order: at, status, index, stamp } => Ok(Told::Accepted(Accepted { at, status, index, stamp, content })),
        Answer::Replayed { order } => Ok(Told::Replayed(find::find(app, order).await?)),
        other => Err(refused(app, &other, &content.lines)),
    }
}

impl Accepted {
    /// The order's public id.
    pub(super) fn id<P: Port>(&self, app: &App<P>) -> Result<String, Reply> {
        Ok(app.seal()?.token(self.at))
    }

    /// The order as the answer tells it.
    pub(super) fn view<'a, P: Port>(&'a self, app: &App<P>, id: &'a str) -> OrderView<'a> {
        let Content { buyer, lines } = &self.content;
        OrderView { id, status: self.status, buyer, lines, created: self.stamp, node: app.port.node(), index: self.index }
    }

    fn into_response<P: Port>(self, app: &App<P>) -> Result<Response, Reply> {
        let id = self.id(app)?;
        Ok(reply::created(&id, reply::json(app, &self.view(app, &id)), self.stamp))
    }
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
