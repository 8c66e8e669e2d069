//! `GET /v1/orders`: pages of orders, newest first.
//!
//! A page holds every order that it should as of the state when it was asked for, or is not told at all: the order log must
//! have come as far, and no page that could change the answer may be missing here.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use holdfast_api::headers::HOLDFAST_STAMP;
use holdfast_api::limits::{DEFAULT_PAGE, MAX_PAGE};
use holdfast_api::{OrderList, OrderQuery, OrderStatus, paths};
use holdfast_inventory::{LogIndex, Order, OrderRef, Stamp, Status, check_visible};
use holdfast_storage::{BuyerChain, ListPage, Missing, Query};
use http::header::LINK;
use http::{HeaderValue, StatusCode};

use super::{find, reply};
use crate::http::port::Port;
use crate::http::problem::Reply;
use crate::http::segment::Asked;
use crate::http::skus::known_sku;
use crate::http::{App, json};

/// Lists any orders: for operators.
pub(crate) async fn list_all<P: Port>(State(app): State<Arc<App<P>>>, query: Asked<OrderQuery>) -> Response {
    let outcome = async { run(&app, query.get()?).await }.await;
    app.respond(outcome)
}

/// Lists one buyer's orders.
pub(crate) async fn list_own<P: Port>(State(app): State<Arc<App<P>>>, query: Asked<OrderQuery>) -> Response {
    let outcome = async {
        let query = query.get()?;
        if query.buyer.is_none() {
            return Err(Reply::malformed_at("query/buyer", "Name the buyer whose orders to list: ?buyer=…"));
        }
        run(&app, query).await
    };
    let outcome = outcome.await;
    app.respond(outcome)
}

async fn run<P: Port>(app: &Arc<App<P>>, asked: OrderQuery) -> Result<Response, Reply> {
    let query = query(app, &asked).await?;
    // The head of a buyer's orders is read of this state, so the log must be no older.
    let (query, index, stamp) = with_head(app, query, asked.buyer.as_deref());
    if !app.port.await_applied(index).await {
        return Err(find::behind());
    }
    let (reader, wanted) = (Arc::clone(app), asked.status.map(OrderStatus::word));
    let read = move || {
        let log = reader.port.orders();
        let missing = log.missing();
        Ok(log.list(&query)?.and_then(|page| as_now(&reader, page, &missing, wanted)))
    };
    let page = find::blocking(read).await?.ok_or_else(find::behind)?;
    let mut response = answer(app, &asked, &page)?;
    response.headers_mut().insert(HOLDFAST_STAMP, HeaderValue::from(stamp.0));
    Ok(response)
}

/// A page whose orders are told as the state has them.
struct Now {
    orders: Vec<(Order, Status)>,
    next: Option<OrderRef>,
    /// Where the statuses are true.
    index: LogIndex,
}

/// The state's statuses in place of the log's: it is the newer of the two, and knows of a hold that is over before the log is
/// told. None if the status of an order stands in pages that are missing.
fn as_now<P: Port>(app: &App<P>, page: ListPage, missing: &[Missing], wanted: Option<&str>) -> Option<Now> {
    let inventory = app.port.inventory();
    let mut now = Now { orders: Vec::with_capacity(page.orders.len()), next: page.next, index: inventory.last_index() };
    for stored in page.orders {
        let known = inventory.order(stored.order.at).map(|order| order.status.status);
        if !find::is_told(missing, stored.order.at, known) {
            return None;
        }
        let status = known.unwrap_or(stored.status.status);
        if wanted.is_none_or(|word| word == status.word()) {
            now.orders.push((stored.order, status));
        }
    }
    Some(now)
}

async fn query<P: Port>(app: &App<P>, asked: &OrderQuery) -> Result<Query, Reply> {
    if let Some(buyer) = &asked.buyer {
        check_visible(buyer).map_err(|error| Reply::malformed_at("query/buyer", format!("The buyer {error}.")))?;
    }
    let before = asked.cursor.as_deref().map(|cursor| app.seal()?.open(cursor).map_err(|_| bad_cursor())).transpose()?;
    let limit = page_limit(asked.limit)?;
    let sku = match &asked.sku {
        Some(name) => Some(known_sku(app, name, "query/sku").await?),
        None => None,
    };
    let statuses = match asked.status {
        None => Vec::new(),
        // A hold that is over is held in the log until it is swept.
        Some(OrderStatus::Expired) => vec![OrderStatus::Expired.word(), OrderStatus::Held.word()],
        Some(status) => vec![status.word()],
    };
    Ok(Query { sku, buyer: None, statuses, before, limit })
}

/// The query with the head of the buyer's orders, and the place in the log where that is true.
fn with_head<P: Port>(app: &App<P>, query: Query, buyer: Option<&str>) -> (Query, LogIndex, Stamp) {
    let inventory = app.port.inventory();
    let chain = |name: &str| BuyerChain { hash: inventory.buyer_hash(name), name: name.to_owned(), head: inventory.buyer_latest(name) };
    (Query { buyer: buyer.map(chain), ..query }, inventory.last_index(), inventory.clock())
}

/// What is wrong with a cursor.
pub(crate) fn bad_cursor() -> Reply {
    Reply::malformed_at("query/cursor", "The cursor is not one that this cluster gave; list again from the start.")
}

/// How many entries a page may have.
pub(crate) fn page_limit(asked: Option<u32>) -> Result<usize, Reply> {
    match asked.unwrap_or(DEFAULT_PAGE) {
        limit @ 1..=MAX_PAGE => Ok(limit as usize),
        limit => {
            let detail = format!("A page has 1 to {MAX_PAGE} entries, not {limit}; ask for fewer, and for the next page.");
            Err(Reply::malformed_at("query/limit", detail))
        }
    }
}

fn answer<P: Port>(app: &App<P>, asked: &OrderQuery, page: &Now) -> Result<Response, Reply> {
    let orders = page.orders.iter().map(|(order, status)| reply::to_api(app, order, *status, page.index));
    let orders = orders.collect::<Result<Vec<_>, Reply>>()?;
    let next = page.next.map(|before| Ok::<_, Reply>(app.seal()?.token(before))).transpose()?;
    let link = next.as_deref().map(|cursor| next_link(asked, cursor));
    let mut response = json::answer(StatusCode::OK, &OrderList { orders, next });
    if let Some(link) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

/// The address of the next page: the same question, further on.
fn next_link(asked: &OrderQuery, cursor: &str) -> String {
    let named = [
        ("sku", asked.sku.clone()),
        ("buyer", asked.buyer.clone()),
        ("status", asked.status.map(|status| status.word().to_owned())),
        ("limit", asked.limit.map(|limit| limit.to_string())),
        ("cursor", Some(cursor.to_owned())),
    ];
    let pairs = named.iter().filter_map(|(name, value)| Some(format!("{name}={}", paths::encode(value.as_deref()?))));
    format!("<{}?{}>; rel=\"next\"", paths::ORDERS, pairs.collect::<Vec<_>>().join("&"))
}
