//! HTTP in and out: the calls of the contract on two routers.
//!
//! Promises: every answer that is not a success is a problem of the contract; checks of a request stand in one fixed
//! order; a request that is refused for its form has not reached the node behind it.
//!
//! *Architecture invariant:* no handler decides about stock, holds a lock across an await, or spawns a task that outlives
//! its request. All of the node is behind [`Port`](port::Port).
//!
//! Map: `front` the way in · `router` paths to handlers · `head`, `body`, `json`, `segment`, `order_body` requests in · `order_json`, `problem` answers
//! out · `orders`, `skus`, `events`, `cluster`, `health`, `scrape`, `openapi` the calls · `app` what they share.

mod app;
mod body;
pub mod calls;
mod cluster;
mod events;
mod front;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod head;
mod health;
mod json;
pub mod limits;
pub mod openapi;
mod order_body;
mod order_json;
mod orders;
mod plain_head;
pub mod port;
mod problem;
mod problem_reply;
mod request_id;
mod router;
mod scrape;
mod segment;
mod shape;
mod sku_names;
mod skus;
#[cfg(test)]
mod tests;

pub use app::{App, HttpLimits};
pub use front::Front;
pub use orders::FastOrders;
pub use router::{admin_router, api_router};

use holdfast_api::OrderStatus;
use holdfast_inventory::Status;

/// A status as the contract's word.
fn status_word(status: Status) -> OrderStatus {
    match status {
        Status::Held { .. } => OrderStatus::Held,
        Status::Confirmed => OrderStatus::Confirmed,
        Status::Released => OrderStatus::Released,
        Status::Expired => OrderStatus::Expired,
        Status::Cancelled => OrderStatus::Cancelled,
    }
}
