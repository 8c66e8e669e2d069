//! Consensus: openraft wired to Holdfast's storage and peer network.
//!
//! Promises: what [`RaftNode::propose`] answers has been applied here after a quorum made it durable; every applied
//! entry reaches the [`Observer`] once, in log order; no vote and no append is sent or answered before both ends have
//! proved cluster, disk, incarnation and secret to each other.
//!
//! *Architecture invariant:* the only crate that names openraft, and openraft's types appear neither in its public
//! names nor, by their serde layout, on disk or wire: `mirror` holds what is written.
//! *Architecture invariant:* nothing awaits while the state's lock is held, and a fault of disk, log or state ends the
//! node ([`RaftNode::fatal`]): it is never retried or skipped.
//!
//! Map:
//!
//! | module | holds |
//! |---|---|
//! | `config`, `limits` | what a node is started with; every bound |
//! | `node`, `start`, `watcher` | the [`RaftNode`] handle; the order of a start; who leads, and faults |
//! | `error`, `alarm`, `status`, `observer` | what callers see, and what they give |
//! | `types`, `mirror` | openraft's type parameters; versioned forms for disk and wire |
//! | `log`, `machine`, `snapshot` | storage as openraft wants it; applying; snapshots |
//! | `wire` | frames, hello and its proof, messages |
//! | `net`, `blocking`, `chance` | sockets, waiting for the disk, chance: the system's, or a simulation's |
//! | `network` | the sending half: one connection per use and peer |
//! | `server` | the answering half |
//! | `bootstrap`, `membership` | the first start of a cluster; who belongs to it |
//! | `backfill` | fetching missing pages of the order log |
//! | `planted` | bugs for tests of the tests; nothing of it without its feature |
//! | `fuzz`, `simulated` | what must hold of any bytes; network and chance of a simulation; in no build of the product |
//! | `trim` | the log's bound in bytes |
//! | `replay`, `ledger` | a stopped node's directory, checked; its history added up |

mod alarm;
mod backfill;
mod blocking;
mod bootstrap;
mod chance;
mod config;
mod error;
#[cfg(test)]
mod format_tests;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod ledger;
pub mod limits;
mod log;
mod machine;
mod membership;
mod mirror;
mod net;
mod network;
mod node;
mod observer;
pub mod planted;
mod replay;
mod server;
#[cfg(feature = "simulation")]
pub mod simulated;
mod snapshot;
mod start;
mod status;
#[cfg(test)]
mod suite;
#[cfg(test)]
mod testing;
mod trim;
mod types;
mod watcher;
mod wire;

pub use blocking::blocking;
pub use config::*;
pub use error::*;
pub use ledger::{Ledger, OrdersByStatus, SkuLedger};
pub use net::PeerListener;
pub use node::*;
pub use observer::*;
pub use replay::{History, Replay, ReplayError, replay};
pub use status::*;

/// Sources of log lines that are better not written below `error`, or at all, with the level that is left of each.
///
/// At each stop the heartbeat workers outlive Raft's core by a moment, and call that an error; the end of the core unasked
/// is told by [`RaftNode::fatal`]. The others tell every single failed attempt to reach a peer that is down or to be elected by it, twenty
/// times a second; the peer network tells it once in five seconds, and when the peer is back.
pub const NEEDLESS_LOGS: [(&str, &str); 4] = [
    ("openraft::core::heartbeat", "off"),
    ("openraft::replication", "error"),
    ("openraft::engine::handler::replication_handler", "error"),
    ("openraft::core::raft_core", "error"),
];
