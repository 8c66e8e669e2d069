//! Whole nodes in one thread: the product's consensus, storage, runtime and handlers over a simulated network, simulated disks and
//! simulated clocks, by seed.
//!
//! A run is decided by its seed alone: [`run`] gives the same trace, byte for byte, each time. Buyers place orders, repeat them at
//! other nodes and take steps; faults befall the nodes; then everything is healed, and the oracle judges what buyers heard by the
//! ledgers of the nodes.
//!
//! | module | holds |
//! |---|---|
//! | `plan` | what a seed stands for |
//! | `world` | one run: steps, faults, what must hold after each step |
//! | `cluster` | the nodes, their disks and wall clocks |
//! | `network`, `call` | connections, cuts; calls of buyers |
//! | `shopkeeper`, `shop`, `buyers`, `recorder` | the sale, its buyers, its judgement |
//! | `trace`, `outcome`, `limits` | what happened; what it came to; every bound |
//! | `turn` | one simulation at a time |

mod buyers;
mod call;
mod cluster;
mod limits;
mod network;
mod outcome;
mod plan;
mod recorder;
mod shop;
mod shopkeeper;
pub mod trace;
mod turn;
mod world;

pub use holdfast_storage::simulated::{Planted, plant};
pub use outcome::{Counts, Outcome};
pub use world::run;
