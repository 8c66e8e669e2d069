//! `POST /v1/orders/batch`: many orders at once, each for itself.
//!
//! The body as a whole is refused only for what is wrong with it as a whole. Everything else is told at the order's place,
//! and the others go on.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use bytes::{BufMut, BytesMut};
use holdfast_inventory::{Answer, Ask, Line, Stamp};
use http::{HeaderValue, StatusCode};

use super::batch_body::{self, Draft, Drafts};
use super::find::{Found, find};
use super::{create, reply};
use crate::http::order_json::OrderView;
use crate::http::port::Port;
use crate::http::problem::Reply;
use crate::http::{App, body, json};

/// Creates many orders.
pub(crate) async fn create_many<P: Port>(State(app): State<Arc<App<P>>>, request: Request) -> Response {
    let outcome = run(&app, request).await;
    app.respond(outcome)
}

async fn run<P: Port>(app: &Arc<App<P>>, request: Request) -> Result<Response, Reply> {
    let (headers, bytes) = body::receive(request, app.limits.max_batch_body_bytes).await?;
    let apply_before = body::apply_before(&headers, app.latest_apply())?;
    let (asks, drafts) = split(batch_body::read(app, bytes, apply_before).await?);
    let answers = app.port.submit_many(asks).await;
    let before = replayed(app, &answers).await;
    Ok(render(app, drafts, &answers, before))
}

fn split(drafts: Drafts) -> (Vec<Ask>, Vec<Result<Draft, Reply>>) {
    let mut asks = Vec::with_capacity(drafts.len());
    let kept = drafts.into_iter().map(|draft| draft.map(|(draft, ask)| (asks.push(ask), draft).1)).collect();
    (asks, kept)
}

/// The orders that replays answer with, by place among the asked ones.
async fn replayed<P: Port>(app: &Arc<App<P>>, answers: &[Answer]) -> HashMap<usize, Result<Found, Reply>> {
    let mut found = HashMap::new();
    for (place, answer) in answers.iter().enumerate() {
        if let Answer::Replayed { order } = answer {
            found.insert(place, find(app, *order).await);
        }
    }
    found
}

fn render<P: Port>(
    app: &App<P>,
    drafts: Vec<Result<Draft, Reply>>,
    answers: &[Answer],
    mut before: HashMap<usize, Result<Found, Reply>>,
) -> Response {
    let mut page = Page::new(drafts.len());
    let mut asked = answers.iter().enumerate();
    for draft in drafts {
        match draft {
            Err(reply) => page.problem(app, reply),
            Ok(draft) => match asked.next() {
                Some((place, Answer::Replayed { .. })) => page.replay(app, before.remove(&place)),
                Some((_, answer)) => page.answer(app, &draft, answer),
                None => page.problem(app, Reply::internal()),
            },
        }
    }
    page.finish()
}

/// The answer in the making.
struct Page {
    body: BytesMut,
    /// The lowest stamp of the definite answers.
    stamp: Option<Stamp>,
}

impl Page {
    fn new(orders: usize) -> Self {
        let mut body = BytesMut::with_capacity(32 + orders * OrderView::USUAL_BYTES);
        body.put_slice(b"{\"results\":[");
        Self { body, stamp: None }
    }

    fn answer<P: Port>(&mut self, app: &App<P>, draft: &Draft, answer: &Answer) {
        let Answer::Accepted { order, status, index, stamp } = *answer else {
            return self.problem(app, create::refused(app, answer, &draft.lines));
        };
        match app.seal() {
            Err(reply) => self.problem(app, reply),
            Ok(seal) => {
                let buyer = std::str::from_utf8(&draft.buyer).unwrap_or_default();
                let id = seal.token(order);
                let view = OrderView { id: &id, status, buyer, lines: &draft.lines, created: stamp, node: app.port.node(), index };
                app.metrics.orders_accepted.increment(1);
                self.order(app, &view, stamp);
            }
        }
    }

    fn replay<P: Port>(&mut self, app: &App<P>, found: Option<Result<Found, Reply>>) {
        let token = |found: Found| app.seal().map(|seal| (seal.token(found.order.at), found));
        match found.unwrap_or_else(|| Err(Reply::internal())).and_then(token) {
            Err(reply) => self.problem(app, reply),
            Ok((id, found)) => {
                app.metrics.orders.add("replayed", 1);
                self.order(app, &reply::view(&id, &found.order, found.status, found.order.at.index), found.stamp);
            }
        }
    }

    fn order<P: Port>(&mut self, app: &App<P>, view: &OrderView<'_>, stamp: Stamp) {
        self.separate();
        self.true_at(stamp);
        self.body.put_slice(b"{\"order\":");
        let lines: &[Line] = view.lines;
        view.write(&mut self.body, &app.names.covering(lines, || app.port.inventory()));
        self.body.put_u8(b'}');
    }

    fn problem<P: Port>(&mut self, app: &App<P>, reply: Reply) {
        self.separate();
        app.metrics.orders.add(reply.kind.name(), 1);
        let reply = app.finish(reply);
        let stamp = reply.stamp;
        let reply = reply.with(|problem| problem.stamp_ms = stamp.map(|stamp| stamp.0));
        if let Some(stamp) = stamp {
            self.true_at(stamp);
        }
        self.body.put_slice(b"{\"problem\":");
        // Serializing plain text and numbers into memory does not fail.
        self.body.put_slice(&serde_json::to_vec(&reply.problem).unwrap_or_default());
        self.body.put_u8(b'}');
    }

    fn separate(&mut self) {
        if self.body.last() != Some(&b'[') {
            self.body.put_u8(b',');
        }
    }

    fn true_at(&mut self, stamp: Stamp) {
        self.stamp = Some(self.stamp.map_or(stamp, |lowest| lowest.min(stamp)));
    }

    fn finish(mut self) -> Response {
        self.body.put_slice(b"]}");
        let mut response = json::answer_bytes(StatusCode::OK, self.body);
        if let Some(stamp) = self.stamp {
            response.headers_mut().insert(holdfast_api::headers::HOLDFAST_STAMP, HeaderValue::from(stamp.0));
        }
        response
    }
}
