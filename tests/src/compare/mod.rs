//! Holdfast beside its peers, on the machine that this runs on: ratios, not rates, since machines differ by more than systems do.
//!
//! A round starts one system after the other and measures each under the same loads, the bare handler again beside every
//! group of them; a ratio is made of cells of one round. Every system is asked by the same generator on the same cores, which takes from
//! each what it costs. What cannot be run is named.
//!
//! | module | holds |
//! |---|---|
//! | `cell` | who is measured under which load, and what came of it |
//! | `row`, `spread`, `results` | ratios with their targets; the middle of all rounds; the tables |
//! | `part` | what `--only` knows |
//! | `run`, `floor` | a whole comparison; the short one that looks for a collapse |
//! | `wrk`, `subject`, `processor` | the generator; one system under it; processor time |
//! | `bare`, `bares` | the yardstick: the handler, and its processes |
//! | `holdfast`, `batch`, `batches`, `refusals` | the product; batches of orders; refusals that are what they should be |
//! | `peer`, `etcd`, `stack`, `postgresql` | the others |
//! | `syncs` | the disk alone |
//! | `overload`, `held_back`, `flood` | ten times more than can be served |
//! | `growth`, `space` | millions of orders |
//! | `open_files` | room for all connections |
//! | `extra` | figures that are no ratios of cells |

pub mod bare;
pub mod bares;
pub mod batch;
pub mod batches;
pub mod cell;
pub mod etcd;
pub mod extra;
pub mod flood;
pub mod floor;
pub mod growth;
pub mod held_back;
pub mod holdfast;
pub mod limits;
pub mod open_files;
pub mod overload;
pub mod part;
pub mod peer;
pub mod postgresql;
pub mod processor;
pub mod refusals;
pub mod results;
pub mod row;
pub mod run;
pub mod space;
pub mod spread;
pub mod stack;
pub mod subject;
pub mod syncs;
pub mod wrk;

pub use self::floor::{Floor, Verdict};
pub use self::growth::Growth;
pub use self::part::Part;
pub use self::results::Results;
pub use self::run::Compare;
