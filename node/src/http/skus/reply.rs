//! A SKU as the contract tells it.

use axum::response::Response;
use holdfast_api::headers::HOLDFAST_STAMP;
use holdfast_api::{LateConfirm, Mode, SaleState, Time};
use holdfast_inventory::{self as core, Inventory, LogIndex, SkuDone, SkuId, Stamp};
use http::header::{ETAG, LOCATION};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::http::App;
use crate::http::json;
use crate::http::port::Port;
use crate::http::problem::Reply;

const STAMP: HeaderName = HeaderName::from_static(HOLDFAST_STAMP);

/// The SKU as it is now, with its `ETag`.
pub(crate) fn current<P: Port>(app: &App<P>, sku: SkuId, status: StatusCode) -> Result<Response, Reply> {
    answer(app, sku, status, None)
}

/// 200 for a replay: the SKU as it is now, with the index of the entry that did what was asked.
pub(crate) fn replayed<P: Port>(app: &App<P>, done: &SkuDone) -> Result<Response, Reply> {
    answer(app, done.sku, StatusCode::OK, Some(done.index))
}

fn answer<P: Port>(app: &App<P>, sku: SkuId, status: StatusCode, done_at: Option<LogIndex>) -> Result<Response, Reply> {
    let now = app.port.time().now;
    let (body, stamp) = {
        let inventory = app.port.inventory();
        (inventory.sku(sku).map(|sku| to_api(sku, &inventory, now)), inventory.clock())
    };
    // A number that was just found or made: SKUs are never removed.
    let mut body = body.ok_or_else(Reply::internal)?;
    body.index = done_at.map_or(body.index, |index| index.0);
    let mut response = json::answer(status, &body);
    let headers = response.headers_mut();
    headers.insert(STAMP, HeaderValue::from(stamp.0));
    if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", body.version)) {
        headers.insert(ETAG, tag);
    }
    if status == StatusCode::CREATED
        && let Ok(location) = HeaderValue::try_from(format!("/v1/skus/{}", body.sku))
    {
        headers.insert(LOCATION, location);
    }
    Ok(response)
}

/// The contract's struct; whether it is on sale is told by `now`, cluster time.
pub(crate) fn to_api(sku: &core::Sku, inventory: &Inventory, now: Stamp) -> holdfast_api::Sku {
    let settings = &sku.settings;
    holdfast_api::Sku {
        sku: sku.name.as_str().to_owned(),
        title: settings.title.as_deref().map(str::to_owned),
        stock: sku.stock,
        available: sku.available(),
        held: sku.held,
        confirmed: sku.confirmed,
        mode: match sku.mode {
            core::Mode::Sliced => Mode::Sliced,
            core::Mode::Pooled => Mode::Pooled,
        },
        state: sale_state(&sku.view(None), now),
        per_buyer_limit: settings.per_buyer_limit,
        hold_ttl_ms: settings.hold_ttl.0,
        opens_at: settings.opens_at.map(|stamp| Time(stamp.0)),
        closes_at: settings.closes_at.map(|stamp| Time(stamp.0)),
        late_confirm: match settings.late_confirm {
            core::LateConfirm::Refuse => LateConfirm::Refuse,
            core::LateConfirm::Reacquire => LateConfirm::Reacquire,
        },
        version: sku.version.0,
        index: inventory.last_index().0,
    }
}

/// Whether a SKU is on sale at `now`.
pub(crate) fn sale_state(view: &core::SkuView, now: Stamp) -> SaleState {
    match view.sale_state(now) {
        core::SaleState::Open => SaleState::Open,
        core::SaleState::NotOpen { .. } => SaleState::NotOpen,
        core::SaleState::Closed => SaleState::Closed,
    }
}
