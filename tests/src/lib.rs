//! Whole-system tests of Holdfast: real processes, real sockets, real disks.
//!
//! Promises: what a test asserts it saw from outside, as a buyer or an operator does: over HTTP, by the command line, by
//! exit codes. The load driver speaks HTTP by itself and not through the product's client, so that a fault of the client
//! cannot hide one of the server. Every process that a test starts is known by its id and ended with the test. Nothing
//! sleeps as synchronisation: everything waits for a condition, with a deadline of [`limits`].
//!
//! *Architecture invariant:* the harness reads none of the server's memory and links none of its code; `holdfast-node`
//! is a dependency for the binaries that are a node, `holdfast-under-test`, `chaos`, `failover` and `compare`, alone. Apart from it stands [`sim`], which
//! links the pure core and has no processes at all.
//!
//! Map:
//!
//! | module | holds |
//! |---|---|
//! | `turn` | one cluster at a time on this machine |
//! | `ports`, `options`, `process`, `cluster` | a cluster of child processes |
//! | `dev` | a cluster as a newcomer starts it |
//! | `disk` | a file system whose power can be cut |
//! | `http`, `operator` | calls by hand; what a shop's operator does over HTTP |
//! | `buyer`, `sale`, `report` | one order until its fate is known; many of them at once; what came of them |
//! | `ledger`, `checks` | what the cluster says it sold; whether that is what the buyers heard |
//! | `feed` | the ledger: the change feed from its beginning |
//! | `chaos` | one fault after another, and the oracle's judgement |
//! | `compare` | the product beside its peers, as ratios |
//! | `liar` | a node whose answers are changed on their way |
//! | `command_line` | the program's other subcommands |
//! | `console` | a session printed in a document, taken apart |
//! | `wait` | conditions with deadlines |
//! | `sim` | the protocol simulated, by seed |

pub mod buyer;
pub mod chaos;
pub mod checks;
pub mod cluster;
pub mod command_line;
pub mod compare;
pub mod console;
pub mod dev;
pub mod disk;
pub mod failover;
pub mod feed;
pub mod http;
pub mod ledger;
pub mod liar;
pub mod limits;
pub mod operator;
pub mod options;
pub mod ports;
pub mod process;
pub mod report;
pub mod sale;
pub mod sim;
pub mod turn;
pub mod wait;

/// Path of the program under test; only an integration test knows it, at compile time.
#[macro_export]
macro_rules! program {
    () => {
        env!("CARGO_BIN_EXE_holdfast-under-test")
    };
}
