//! Paths to handlers.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use holdfast_api::{ProblemType, paths};

use super::orders::{batch, create, list, read, transition};
use super::port::Port;
use super::problem::Reply;
use super::skus::{adjust, audit, availability, create as create_sku, patch, read as read_sku, sale};
use super::{App, cluster, events, health, openapi, scrape};

/// What buyers and shops may call.
pub fn api_router<P: Port>(app: Arc<App<P>>) -> Router {
    let own = Router::new()
        .route(paths::ORDERS, post(create::create::<P>).get(list::list_own::<P>))
        .route(paths::EVENTS, get(events::events_own::<P>));
    finish(own.merge(both::<P>()), app)
}

/// What operators may call: everything, and the lists and the feed without naming a buyer.
pub fn admin_router<P: Port>(app: Arc<App<P>>) -> Router {
    let own = Router::new()
        .route(paths::ORDERS, post(create::create::<P>).get(list::list_all::<P>))
        .route(paths::EVENTS, get(events::events_all::<P>))
        .route(paths::SKUS, post(create_sku::create::<P>).get(read_sku::list::<P>))
        .route(paths::SKU, get(read_sku::read::<P>).patch(patch::patch::<P>))
        .route(paths::ADJUSTMENTS, post(adjust::adjust::<P>))
        .route(paths::CLOSE, post(sale::close::<P>))
        .route(paths::OPEN, post(sale::open::<P>))
        .route(paths::AUDIT, get(audit::audit::<P>))
        .route(paths::CLUSTER, get(cluster::cluster::<P>))
        .route(paths::METRICS, get(scrape::metrics::<P>));
    finish(own.merge(both::<P>()), app)
}

fn both<P: Port>() -> Router<Arc<App<P>>> {
    Router::new()
        .route(paths::ORDERS_BATCH, post(batch::create_many::<P>))
        .route(paths::ORDER, get(read::read::<P>))
        .route(paths::CONFIRM, post(transition::confirm::<P>))
        .route(paths::RELEASE, post(transition::release::<P>))
        .route(paths::CANCEL, post(transition::cancel::<P>))
        .route(paths::EXTEND, post(transition::extend::<P>))
        .route(paths::AVAILABILITY, get(availability::availability::<P>))
        .route(paths::TIME, get(health::time::<P>))
        .route(paths::LIVEZ, get(health::livez::<P>))
        .route(paths::READYZ, get(health::readyz::<P>))
        .route(paths::OPENAPI, get(openapi::serve))
}

fn finish<P: Port>(router: Router<Arc<App<P>>>, app: Arc<App<P>>) -> Router {
    router.fallback(not_found::<P>).method_not_allowed_fallback(method_not_allowed::<P>).with_state(app)
}

async fn not_found<P: Port>(State(app): State<Arc<App<P>>>) -> Response {
    app.respond(Err(Reply::new(ProblemType::NotFound, "There is nothing at this path on this listener; /openapi.json lists what is.")))
}

async fn method_not_allowed<P: Port>(State(app): State<Arc<App<P>>>) -> Response {
    app.respond(Err(Reply::new(
        ProblemType::MethodNotAllowed,
        "This path does not know this method; the Allow header lists those it knows.",
    )))
}
