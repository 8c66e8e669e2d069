//! The HTTP contract of Holdfast: requests, answers, problem types and paths.
//!
//! Promises: every body that crosses the `api` or `admin` listener has a struct here, used by the server and by
//! the client, so that the two cannot drift apart. Requests refuse unknown fields; answers tolerate them, so that
//! an older client reads a newer server. Every problem type answers, exhaustively, its status, whether a retry
//! may help and whether the request certainly had no effect.
//!
//! *Architecture invariant:* no transport, no state, no clock. Nothing here knows axum, hyper or the core.
//!
//! Map:
//!
//! | module | holds |
//! |---|---|
//! | `paths`, `headers`, `limits` | constants: where, with which headers, how much |
//! | `problem_type`, `problem`, `problem_reference` | every refusal and error, their body, their reference table |
//! | `sku`, `adjustment`, `audit`, `availability` | stock |
//! | `order`, `batch`, `order_list`, `event` | buying |
//! | `time`, `idempotency_key` | times as text, the key header |
//! | `cluster`, `health` | what operators see |
//! | `fuzz` | what must hold of any text; in no build of the product |

mod adjustment;
mod audit;
mod availability;
mod batch;
mod cluster;
mod event;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
pub mod headers;
mod health;
mod idempotency_key;
pub mod limits;
mod order;
mod order_list;
pub mod paths;
mod problem;
mod problem_reference;
mod problem_type;
mod sku;
mod time;

pub use adjustment::*;
pub use audit::*;
pub use availability::*;
pub use batch::*;
pub use cluster::*;
pub use event::*;
pub use health::*;
pub use idempotency_key::*;
pub use order::*;
pub use order_list::*;
pub use problem::*;
pub use problem_reference::*;
pub use problem_type::*;
pub use sku::*;
pub use time::*;
