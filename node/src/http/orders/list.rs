//! `GET /v1/orders`: pages of orders, newest first.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use holdfast_api::limits::{DEFAULT_PAGE, MAX_PAGE};
use holdfast_api::{OrderList, OrderQuery, paths};
use holdfast_inventory::{check_sku, check_visible};
use holdfast_storage::{BuyerChain, ListPage, Query};
use http::header::LINK;
use http::{HeaderValue, StatusCode};

use super::reply;
use crate::http::port::Port;
use crate::http::problem::Reply;
use crate::http::segment::Asked;
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
            return Err(Reply::malformed("Name the buyer whose orders to list: ?buyer=…"));
        }
        run(&app, query).await
    };
    let outcome = outcome.await;
    app.respond(outcome)
}

async fn run<P: Port>(app: &Arc<App<P>>, asked: OrderQuery) -> Result<Response, Reply> {
    let query = query(app, &asked)?;
    let reader = Arc::clone(app);
    let read = tokio::task::spawn_blocking(move || reader.port.orders().list(&query));
    match read.await {
        Ok(Ok(page)) => answer(app, &asked, &page),
        Ok(Err(error)) => {
            tracing::error!(%error, "the order log was not read");
            Err(Reply::internal())
        }
        Err(_) => Err(Reply::internal()),
    }
}

fn query<P: Port>(app: &App<P>, asked: &OrderQuery) -> Result<Query, Reply> {
    let sku = asked.sku.as_deref().map(|name| sku(app, name)).transpose()?;
    let buyer = asked.buyer.as_deref().map(|name| buyer(app, name)).transpose()?;
    let before = asked.cursor.as_deref().map(|cursor| app.seal()?.open(cursor).map_err(|_| bad_cursor())).transpose()?;
    let limit = page_limit(asked.limit)?;
    Ok(Query { sku, buyer, status: asked.status.map(|status| status.word().to_owned()), before, limit })
}

fn sku<P: Port>(app: &App<P>, name: &str) -> Result<holdfast_inventory::SkuId, Reply> {
    check_sku(name).map_err(|error| Reply::malformed(format!("The SKU's name {error}.")))?;
    app.names.id(name, || app.port.inventory()).ok_or_else(|| Reply::unknown_sku(name))
}

fn buyer<P: Port>(app: &App<P>, name: &str) -> Result<BuyerChain, Reply> {
    check_visible(name).map_err(|error| Reply::malformed(format!("The buyer {error}.")))?;
    let inventory = app.port.inventory();
    Ok(BuyerChain { hash: inventory.buyer_hash(name), name: name.to_owned(), head: inventory.buyer_latest(name) })
}

fn bad_cursor() -> Reply {
    Reply::malformed("The cursor is not one that this cluster gave; list again from the start.")
}

/// How many entries a page may have.
pub(crate) fn page_limit(asked: Option<u32>) -> Result<usize, Reply> {
    match asked.unwrap_or(DEFAULT_PAGE) {
        limit @ 1..=MAX_PAGE => Ok(limit as usize),
        limit => Err(Reply::malformed(format!("A page has 1 to {MAX_PAGE} entries, not {limit}; ask for fewer, and for the next page."))),
    }
}

fn answer<P: Port>(app: &App<P>, asked: &OrderQuery, page: &ListPage) -> Result<Response, Reply> {
    let index = app.port.inventory().last_index();
    let orders = page.orders.iter().map(|stored| reply::to_api(app, &stored.order, stored.status.status, index));
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
