//! `GET /v1/skus/{sku}/audit`: every unit and where it is, linearizable.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use holdfast_api::headers::HOLDFAST_STAMP;
use holdfast_api::{Audit, SliceUnits};
use holdfast_inventory::{Inventory, Sku};
use http::{HeaderValue, StatusCode};

use super::command;
use crate::http::port::Port;
use crate::http::problem::{self, Reply};
use crate::http::segment::Segment;
use crate::http::{App, json};

/// A SKU's books.
pub(crate) async fn audit<P: Port>(State(app): State<Arc<App<P>>>, name: Segment) -> Response {
    let outcome = run(&app, &name).await;
    app.respond(outcome)
}

async fn run<P: Port>(app: &App<P>, name: &Segment) -> Result<Response, Reply> {
    let name = name.text()?;
    // Waited for first: a SKU that was created a moment ago elsewhere is known afterwards.
    app.port.linearize().await.map_err(problem::of_unavailable)?;
    let sku = command::named(app, name).await?;
    let (books, stamp) = {
        let inventory = app.port.inventory();
        (inventory.sku(sku).map(|sku| books(sku, &inventory)), inventory.clock())
    };
    let mut response = json::answer(StatusCode::OK, &books.ok_or_else(Reply::internal)?);
    response.headers_mut().insert(HOLDFAST_STAMP, HeaderValue::from(stamp.0));
    Ok(response)
}

fn books(sku: &Sku, inventory: &Inventory) -> Audit {
    let node = |session| inventory.session(session).map_or(0, |session| session.node.0);
    Audit {
        sku: sku.name.as_str().to_owned(),
        stock: sku.stock,
        pool: sku.pool,
        slices: sku
            .slices
            .iter()
            .map(|slice| SliceUnits { node: node(slice.session), session: slice.session.0, units: slice.units })
            .collect(),
        held: sku.held,
        confirmed: sku.confirmed,
        conserved: sku.is_conserved(),
        index: inventory.last_index().0,
        digest: format!("{:032x}", inventory.digest()),
    }
}
