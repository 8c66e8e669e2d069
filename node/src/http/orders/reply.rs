//! Answers that carry one order.

use axum::response::Response;
use bytes::BytesMut;
use holdfast_api::headers::{HOLDFAST_STAMP, IDEMPOTENCY_REPLAYED};
use holdfast_inventory::{LogIndex, Order, OrderRef, Stamp, Status};
use http::header::LOCATION;
use http::{HeaderName, HeaderValue, StatusCode};

use super::find::Found;
use crate::http::App;
use crate::http::json::answer_bytes;
use crate::http::order_json::OrderView;
use crate::http::port::Port;
use crate::http::problem::Reply;

const STAMP: HeaderName = HeaderName::from_static(HOLDFAST_STAMP);
const REPLAYED: HeaderName = HeaderName::from_static(IDEMPOTENCY_REPLAYED);
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// 200 and the order as it was found.
pub(crate) fn found<P: Port>(app: &App<P>, found: &Found) -> Result<Response, Reply> {
    with_status(app, &found.order, found.status, found.index, found.stamp)
}

/// 200 and the order with the status that it has at `index`.
pub(crate) fn with_status<P: Port>(app: &App<P>, order: &Order, status: Status, index: LogIndex, stamp: Stamp) -> Result<Response, Reply> {
    let id = app.seal()?.token(order.at);
    let mut response = answer_bytes(StatusCode::OK, json(app, &view(&id, order, status, index)));
    response.headers_mut().insert(STAMP, HeaderValue::from(stamp.0));
    Ok(response)
}

/// 201 for a replay: the order as it is now, with the index of its acceptance.
pub(crate) fn replayed<P: Port>(app: &App<P>, found: &Found) -> Result<Response, Reply> {
    let id = app.seal()?.token(found.order.at);
    let body = json(app, &view(&id, &found.order, found.status, found.order.at.index));
    let mut response = created(&id, body, found.stamp);
    response.headers_mut().insert(REPLAYED, TRUE);
    Ok(response)
}

/// 201 with `Location`.
pub(crate) fn created(id: &str, body: BytesMut, stamp: Stamp) -> Response {
    let mut response = answer_bytes(StatusCode::CREATED, body);
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_maybe_shared(bytes::Bytes::from(["/v1/orders/", id].concat())) {
        headers.insert(LOCATION, location);
    }
    headers.insert(STAMP, HeaderValue::from(stamp.0));
    response
}

/// The JSON of one order.
pub(crate) fn json<P: Port>(app: &App<P>, order: &OrderView<'_>) -> BytesMut {
    let names = app.names.covering(order.lines, || app.port.inventory());
    let mut body = BytesMut::with_capacity(OrderView::USUAL_BYTES);
    order.write(&mut body, &names);
    body
}

/// An order's content with a status, as an answer tells it.
pub(crate) fn view<'a>(id: &'a str, order: &'a Order, status: Status, index: LogIndex) -> OrderView<'a> {
    OrderView { id, status, buyer: &order.buyer, lines: &order.lines, created: order.created, node: order.node, index }
}

/// The contract's struct of an order.
pub(crate) fn to_api<P: Port>(app: &App<P>, order: &Order, status: Status, index: LogIndex) -> Result<holdfast_api::Order, Reply> {
    let id = app.seal()?.token(order.at);
    let names = app.names.covering(&order.lines, || app.port.inventory());
    Ok(view(&id, order, status, index).to_api(&names))
}

/// The order that a path names.
pub(crate) fn named<P: Port>(app: &App<P>, id: &str) -> Result<OrderRef, Reply> {
    app.seal()?.open(id)
}
