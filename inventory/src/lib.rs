//! Stock that cannot be oversold: the replicated state and the node-local protocol, pure.
//!
//! Promises: [`Inventory::apply`] is total and deterministic: any decodable command in any reachable
//! state gives an outcome, the same on every node; refusals are values, never panics; conservation
//! (`stock = pool + Σ slice + held + confirmed`, per SKU) is asserted after every command, in release
//! builds too.
//!
//! *Architecture invariant:* nothing here does IO, reads a clock, draws a random number or spawns a
//! task. Time comes in as a [`Stamp`] on the log entry (state) or as a [`Moment`] argument (Desk).
//! No iteration order of a hash map reaches state, snapshot bytes or digest.
//!
//! Map:
//!
//! | module | holds |
//! |---|---|
//! | `ids`, `name`, `time` | newtypes: who, what, when |
//! | `params` | every number that `apply` reads; replicated |
//! | `command`, `request`, `outcome`, `refusal`, `event` | what goes into the log, and what came of it |
//! | `order`, `token` | an order's content and life; its public id |
//! | `state` | the replicated state: one file per command |
//! | `desk` | the node-local protocol: admit, batch, resend, fence, refill |
//! | `reconcile` | the leader's policy: grants, returns, reclaim, modes |
//! | `codec`, `plain`, `plain_batch`, `plain_event`, `cautious` | bytes of commands and snapshots; numbers by hand, and with them the usual command read, the usual event written fast; lists that announce more than they have |
//! | `planted` | bugs for tests of the tests; nothing of it without its feature |
//! | `fuzz` | what must hold of any bytes; in no build of the product |

mod cautious;
pub mod codec;
mod command;
pub mod desk;
mod event;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod ids;
mod name;
mod order;
mod outcome;
mod params;
mod plain;
mod plain_batch;
mod plain_event;
pub mod planted;
pub mod reconcile;
mod refusal;
mod request;
mod state;
mod time;
mod token;
mod view;

pub use command::*;
pub use desk::{Answer, Ask, ClusterTime, Desk, DeskConfig, Effect, NodeRecords, Records, SessionNow, SkuDemand};
pub use event::*;
pub use ids::*;
pub use name::*;
pub use order::*;
pub use outcome::*;
pub use params::*;
pub use reconcile::{Action, ReconcileConfig, Reconciler, Report, SkuStock, Stock};
pub use refusal::*;
pub use request::*;
pub use state::*;
pub use time::*;
pub use token::*;
pub use view::*;
