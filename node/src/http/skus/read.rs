//! `GET /v1/skus` and `GET /v1/skus/{sku}`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use holdfast_api::headers::HOLDFAST_STAMP;
use holdfast_api::{PageQuery, SkuList, paths};
use http::header::LINK;
use http::{HeaderValue, StatusCode};

use super::{command, reply};
use crate::http::orders::{bad_cursor, page_limit};
use crate::http::port::Port;
use crate::http::problem::Reply;
use crate::http::segment::{Asked, Segment};
use crate::http::{App, json};

/// Reads a SKU.
pub(crate) async fn read<P: Port>(State(app): State<Arc<App<P>>>, name: Segment) -> Response {
    let outcome = async { command::named(&app, name.text()?).await }.await;
    app.respond(outcome.and_then(|sku| reply::current(&app, sku, StatusCode::OK)))
}

/// Lists SKUs in order of creation.
pub(crate) async fn list<P: Port>(State(app): State<Arc<App<P>>>, query: Asked<PageQuery>) -> Response {
    let outcome = query.get().and_then(|query| page(&app, &query));
    app.respond(outcome)
}

fn page<P: Port>(app: &App<P>, asked: &PageQuery) -> Result<Response, Reply> {
    let limit = page_limit(asked.limit)?;
    let first = asked.cursor.as_deref().map_or(Ok(0), str::parse::<u32>);
    let first = first.map_err(|_| bad_cursor())?;
    let now = app.port.time().now;
    let (skus, next, stamp) = {
        let inventory = app.port.inventory();
        let ids = (first..).map(holdfast_inventory::SkuId).take(limit);
        let skus: Vec<_> = ids.map_while(|id| inventory.sku(id)).map(|sku| reply::to_api(sku, &inventory, now)).collect();
        let next = first.saturating_add(u32::try_from(skus.len()).unwrap_or(u32::MAX));
        (skus, inventory.sku(holdfast_inventory::SkuId(next)).map(|sku| sku.id.0.to_string()), inventory.clock())
    };
    let link = next.as_deref().map(|next| format!("<{}?limit={limit}&cursor={next}>; rel=\"next\"", paths::SKUS));
    let mut response = json::answer(StatusCode::OK, &SkuList { skus, next });
    response.headers_mut().insert(HOLDFAST_STAMP, HeaderValue::from(stamp.0));
    if let Some(link) = link.and_then(|link| HeaderValue::try_from(link).ok()) {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}
