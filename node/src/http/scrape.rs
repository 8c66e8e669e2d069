//! `/metrics`: what the node counted, and its state as it is now.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use holdfast_inventory::{NodeId, Sku, SkuId};
use http::header::CONTENT_TYPE;

use super::App;
use super::limits::SKUS_PER_LOCK;
use super::port::{ClusterView, Port};
use crate::metrics::{MAX_SKU_SERIES, Scrape, SkuNumbers};

/// Prometheus text.
pub(crate) async fn metrics<P: Port>(State(app): State<Arc<App<P>>>) -> Response {
    let view = app.port.cluster().await;
    let page = app.metrics.render(&scrape(&app, &view));
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page).into_response()
}

fn scrape<P: Port>(app: &App<P>, view: &ClusterView) -> Scrape {
    let silent: BTreeSet<NodeId> = view.members.iter().filter(|member| member.is_alive == Some(false)).map(|member| member.node).collect();
    let (skus, expiry_lag, remembered) = {
        let inventory = app.port.inventory();
        let session = inventory.session_of(app.port.node()).filter(|session| session.open).map(|session| session.id);
        let count = u32::try_from(inventory.gauges().skus).unwrap_or(u32::MAX);
        let first = count.saturating_sub(u32::try_from(MAX_SKU_SERIES).unwrap_or(u32::MAX));
        let skus = (first..count).filter_map(|id| inventory.sku(SkuId(id)));
        let skus = skus.map(|sku| numbers(sku, session.map_or(0, |session| sku.slice(session)))).collect();
        (skus, inventory.expiry_lag(), inventory.gauges().keys)
    };
    let is_leader = view.leader == Some(app.port.node());
    Scrape {
        ready: app.port.readiness().is_ok(),
        skus,
        stranded: if is_leader { stranded(app, &silent) } else { 0 },
        expiry_lag,
        remembered,
        time_error: app.port.time().error,
        is_leader,
        has_leader: view.leader.is_some(),
        term: view.term,
        committed: view.committed,
        applied: view.applied,
        lags: view.members.iter().filter_map(|member| Some((member.node, member.lag?))).collect(),
        disk_used: view.used_bytes,
        disk_free: view.free_bytes,
    }
}

fn numbers(sku: &Sku, own_slice: u64) -> SkuNumbers {
    SkuNumbers {
        sku: sku.name.as_str().into(),
        stock: sku.stock,
        pool: sku.pool,
        slices: sku.sliced(),
        own_slice,
        held: sku.held,
        confirmed: sku.confirmed,
    }
}

/// Units in slices of silent members. Every SKU is looked at, some at a time, so that no apply waits long; nothing is, while
/// everyone is heard.
fn stranded<P: Port>(app: &App<P>, silent: &BTreeSet<NodeId>) -> u64 {
    let mut units = 0;
    let mut first = 0;
    while !silent.is_empty() {
        let inventory = app.port.inventory();
        let mut seen = 0;
        for sku in (first..first + SKUS_PER_LOCK).map_while(|id| inventory.sku(SkuId(id))) {
            let is_silent = |session| inventory.session(session).is_some_and(|session| silent.contains(&session.node));
            units += sku.slices.iter().filter(|slice| is_silent(slice.session)).map(|slice| slice.units).sum::<u64>();
            seen += 1;
        }
        first += seen;
        if seen < SKUS_PER_LOCK {
            break;
        }
    }
    units
}
