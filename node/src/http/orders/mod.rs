//! Calls about orders.

mod ask;
pub(crate) mod batch;
mod batch_body;
pub(crate) mod create;
mod fast;
mod find;
pub(crate) mod list;
pub(crate) mod read;
mod reply;
pub(crate) mod transition;

pub use fast::FastOrders;
#[cfg(any(test, feature = "fuzzing"))]
pub(super) use fast::{LOOK_UNDER, REQUEST_LINE, STEP_UNDER};
pub(crate) use list::{bad_cursor, page_limit};
pub(crate) use reply::to_api;
