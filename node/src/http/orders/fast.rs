//! `POST /v1/orders`, `POST /v1/orders/{id}/confirm` and its like, and `GET /v1/skus/{sku}/availability` without the HTTP library: requests
//! that are plain and in order, and their answers. A buyer's client looks, orders and confirms on one connection, and one that was handed
//! over to the library stays there.
//!
//! Taken is only what leaves nothing to decide: HTTP/1.1, of an order a length, one key, JSON that reads, a form that fits, SKUs that are
//! known, of a step an id that this cluster gave and no body, of a look a SKU that is known and no query. Everything else goes to the
//! library, to [`create`], [`transition`] and [`availability`], which say what is wrong with it.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::response::Response;
use bytes::{BufMut, Bytes};
use holdfast_api::{Availability, headers as names};
use holdfast_inventory::{OrderRef, SkuId, Stamp};
use http::StatusCode;
use http::response::Parts;
use http_body_util::BodyExt;

use super::create::{self, Accepted, Prepared, Told};
use super::reply;
use super::transition::{self, Stepped};
use crate::http::order_json::{OrderView, put_number};
use crate::http::plain_head::{self, Read};
use crate::http::port::Port;
use crate::http::problem::Reply;
use crate::http::skus::availability;
use crate::http::{App, body};
use crate::limits::FAST_PATH_BYTES;
use crate::listen::{FastPath, Take};

/// A longer head is not plain. No listener can be configured to take less.
const MAX_HEAD_BYTES: usize = 8 << 10;

/// How a plain order begins.
pub(in crate::http) const REQUEST_LINE: &[u8] = b"POST /v1/orders HTTP/1.1\r\n";

/// How a plain step begins.
pub(in crate::http) const STEP_UNDER: &[u8] = b"POST /v1/orders/";

/// How a plain look at a SKU begins, and how its path ends.
pub(in crate::http) const LOOK_UNDER: &[u8] = b"GET /v1/skus/";
const LOOK: &str = "availability";

/// The orders of one node.
pub struct FastOrders<P> {
    app: Arc<App<P>>,
}

impl<P> FastOrders<P> {
    /// In front of what `app` serves.
    pub fn new(app: &Arc<App<P>>) -> Self {
        Self { app: Arc::clone(app) }
    }
}

impl<P> Clone for FastOrders<P> {
    fn clone(&self) -> Self {
        Self { app: Arc::clone(&self.app) }
    }
}

/// A request that is in order.
pub struct Asked(Wish);

#[allow(clippy::large_enum_variant, reason = "nearly all are orders, which would each be allocated once more")]
enum Wish {
    Order(Prepared),
    Step { order: OrderRef, step: transition::Step, apply_before: Stamp },
    Look(SkuId),
}

/// What goes back.
pub struct Answer(Kind);

enum Kind {
    /// A new order, which is written without a detour.
    Accepted(Accepted, String),
    /// An order after a step, and its id.
    Stepped(Stepped, String),
    /// What a SKU has left.
    Seen(Availability),
    /// A problem, likewise: what nearly everyone hears when a sale is over.
    Refused(Reply),
    /// Anything else, as the library would have sent it.
    Other(Box<Parts>, Bytes),
}

impl<P: Port> FastPath for FastOrders<P> {
    type Asked = Asked;
    type Answer = Answer;

    fn take(&self, bytes: &[u8]) -> Take<Asked> {
        // A defect shows itself to the library's handler too, which says so to the caller.
        catch_unwind(AssertUnwindSafe(|| self.read(bytes))).unwrap_or(Take::Other)
    }

    async fn answer(&self, asked: Asked) -> Answer {
        self.app.caught(self.run(asked)).await.unwrap_or_else(|reply| Answer(Kind::Refused(reply)))
    }

    fn write(&self, Answer(kind): Answer, last: bool, out: &mut Vec<u8>) {
        let begin = out.len();
        let written = catch_unwind(AssertUnwindSafe(|| match &kind {
            Kind::Accepted(accepted, id) => self.write_accepted(accepted, id, last, out),
            Kind::Stepped(stepped, id) => self.write_stepped(stepped, id, last, out),
            Kind::Seen(availability) => write_seen(availability, last, out),
            Kind::Refused(reply) => write_refused(reply, last, out),
            Kind::Other(head, body) => write_other(head, body, last, out),
        }));
        if written.is_err() {
            // The order stands: its buyer finds it by repeating the request.
            let reply = self.app.finish(Reply::internal());
            out.truncate(begin);
            write_refused(&reply, last, out);
        }
    }
}

thread_local! {
    static BODY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static DATE: RefCell<(u64, String)> = const { RefCell::new((0, String::new())) };
}

impl<P: Port> FastOrders<P> {
    fn read(&self, bytes: &[u8]) -> Take<Asked> {
        match bytes.first() {
            Some(b'G') => self.read_look(bytes),
            _ if bytes.starts_with(STEP_UNDER) => self.read_step(bytes),
            _ => self.read_order(bytes),
        }
    }

    fn read_order(&self, bytes: &[u8]) -> Take<Asked> {
        let head = match plain_head::read(bytes, REQUEST_LINE) {
            Read::Part => return Take::More,
            Read::Other => return Take::Other,
            Read::Whole(head) => head,
        };
        let end = head.bytes + head.length;
        if head.bytes > MAX_HEAD_BYTES || head.length > self.app.limits.max_body_bytes || end > FAST_PATH_BYTES {
            return Take::Other;
        }
        let Some(content) = bytes.get(head.bytes..end) else { return Take::More };
        let apply_before = self.apply_before(head.apply_before);
        let prepared = apply_before.and_then(|apply_before| create::prepare(&self.app, content, &head.key, apply_before));
        // What is wrong with it is said by the library's handler, which reads it again.
        prepared.map_or(Take::Other, |prepared| Take::Taken(Asked(Wish::Order(prepared)), end))
    }

    fn read_step(&self, bytes: &[u8]) -> Take<Asked> {
        let head = match plain_head::read_short(bytes, STEP_UNDER) {
            Read::Part => return Take::More,
            Read::Other => return Take::Other,
            Read::Whole(head) => head,
        };
        let Some(step) = transition::named(head.action).filter(|_| head.bytes <= MAX_HEAD_BYTES) else { return Take::Other };
        match (self.apply_before(head.apply_before), reply::named(&self.app, head.subject)) {
            (Ok(apply_before), Ok(order)) => Take::Taken(Asked(Wish::Step { order, step, apply_before }), head.bytes),
            _ => Take::Other,
        }
    }

    fn read_look(&self, bytes: &[u8]) -> Take<Asked> {
        let head = match plain_head::read_short(bytes, LOOK_UNDER) {
            Read::Part => return Take::More,
            Read::Other => return Take::Other,
            Read::Whole(head) => head,
        };
        if head.action != LOOK || head.bytes > MAX_HEAD_BYTES {
            return Take::Other;
        }
        // A name that must be decoded first is nobody's; whether there is such a SKU elsewhere is asked by the library's handler.
        let sku = self.app.names.id(head.subject, || self.app.port.inventory());
        sku.map_or(Take::Other, |sku| Take::Taken(Asked(Wish::Look(sku)), head.bytes))
    }

    fn apply_before(&self, value: Option<&[u8]>) -> Result<Stamp, Reply> {
        let latest = self.app.latest_apply();
        value.map_or(Ok(latest), |value| body::parse_apply_before(value, latest))
    }

    async fn run(&self, Asked(wish): Asked) -> Answer {
        let answer = match wish {
            Wish::Order(prepared) => self.place(prepared).await,
            Wish::Step { order, step, apply_before } => self.step(order, step, apply_before).await,
            Wish::Look(sku) => availability::local(&self.app, sku).await.map(Kind::Seen),
        };
        Answer(answer.unwrap_or_else(|reply| Kind::Refused(self.app.finish(reply))))
    }

    async fn place(&self, Prepared { ask, content }: Prepared) -> Result<Kind, Reply> {
        let app = &self.app;
        let told = create::told(app, content, app.port.submit(ask).await).await;
        create::count(app, told.as_ref().map(Told::made));
        match told? {
            Told::Accepted(accepted) => accepted.id(app).map(|id| Kind::Accepted(accepted, id)),
            Told::Replayed(found) => Ok(collected(reply::replayed(app, &found)?).await),
        }
    }

    async fn step(&self, order: OrderRef, step: transition::Step, apply_before: Stamp) -> Result<Kind, Reply> {
        let stepped = transition::take(&self.app, order, apply_before, step).await;
        transition::count(&self.app, stepped.as_ref());
        let id = self.app.seal()?.token(order);
        Ok(Kind::Stepped(stepped?, id))
    }

    fn write_accepted(&self, accepted: &Accepted, id: &str, last: bool, out: &mut Vec<u8>) {
        let view = accepted.view(&*self.app, id);
        self.write_order(&view, view.created, last, out, |out| {
            out.extend_from_slice(b"HTTP/1.1 201 Created\r\nlocation: /v1/orders/");
            out.extend_from_slice(id.as_bytes());
        });
    }

    fn write_stepped(&self, stepped: &Stepped, id: &str, last: bool, out: &mut Vec<u8>) {
        let view = reply::view(id, &stepped.order, stepped.status, stepped.index);
        self.write_order(&view, stepped.stamp, last, out, |out| out.extend_from_slice(b"HTTP/1.1 200 OK"));
    }

    /// Appends an answer that tells an order and begins with what `begin` appends.
    fn write_order(&self, view: &OrderView<'_>, stamp: Stamp, last: bool, out: &mut Vec<u8>, begin: impl FnOnce(&mut Vec<u8>)) {
        BODY.with_borrow_mut(|body| {
            body.clear();
            view.write(body, &self.app.names.covering(view.lines, || self.app.port.inventory()));
            begin(out);
            write_json_head(stamp, out);
            write_end(body, last, out);
        });
    }
}

/// An answer of known length, read whole.
async fn collected(response: Response) -> Kind {
    let (head, content) = response.into_parts();
    // Bytes that are in memory: reading them does not fail.
    let body = content.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    Kind::Other(Box::new(head), body)
}

fn write_seen(seen: &Availability, last: bool, out: &mut Vec<u8>) {
    BODY.with_borrow_mut(|body| {
        body.clear();
        // Into memory: that does not fail.
        serde_json::to_writer(&mut *body, seen).unwrap_or_default();
        out.extend_from_slice(b"HTTP/1.1 200 OK");
        write_json_head(Stamp(seen.as_of_ms), out);
        write_end(body, last, out);
    });
}

fn write_json_head(stamp: Stamp, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\ncontent-type: ");
    out.extend_from_slice(names::JSON.as_bytes());
    out.extend_from_slice(b"\r\nholdfast-stamp: ");
    put_number(out, stamp.0);
}

/// A problem that has its request id.
fn write_refused(reply: &Reply, last: bool, out: &mut Vec<u8>) {
    BODY.with_borrow_mut(|body| {
        body.clear();
        reply.write_body(body);
        write_status(reply.status(), out);
        reply.write_head(out);
        write_end(body, last, out);
    });
}

fn write_status(status: StatusCode, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.put_u8(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
}

fn write_other(head: &Parts, body: &[u8], last: bool, out: &mut Vec<u8>) {
    write_status(head.status, out);
    for (name, value) in &head.headers {
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
    }
    write_end(body, last, out);
}

/// What every answer ends with, from the end of its last line on.
fn write_end(body: &[u8], last: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\ncontent-length: ");
    put_number(out, body.len() as u64);
    if last {
        out.extend_from_slice(b"\r\nconnection: close");
    }
    out.extend_from_slice(b"\r\ndate: ");
    write_date(out);
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(body);
}

/// The wall clock as HTTP tells it, put together once a second.
fn write_date(out: &mut Vec<u8>) {
    let now = SystemTime::now();
    let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    DATE.with_borrow_mut(|(told, text)| {
        if text.is_empty() || *told != second {
            (*told, *text) = (second, httpdate::fmt_http_date(now));
        }
        out.extend_from_slice(text.as_bytes());
    });
}
