//! A load generator for anybody's own cluster: how much it takes, how fast it answers, and whether it is right meanwhile.
//!
//! Promises: what it measures it measures from when a request *should* have left; outcomes are counted apart and never added
//! up; it says when it was itself what limited. It is bounded in time, connections and memory, ends soon when told to, and
//! then tells what it has. It makes its own SKUs, `bench-…`, and closes them at the end; orders of them stay in the cluster's
//! books until the cluster forgets them.
//!
//! A request costs one write and one read on one thread: no HTTP library, no lock, no timer and no memory of its own, since
//! what the generator uses of a machine that it shares with the nodes it takes from them.
//!
//! | module | holds |
//! |---|---|
//! | `run`, `settings`, `error`, `limits` | a run as its caller sees it |
//! | `ladder`, `rate`, `flash`, `mix`, `batch` | the modes: what is measured in which order |
//! | `session`, `measure` | the cluster and its SKUs; one measurement over all threads |
//! | `thread`, `crew`, `lane`, `pacer`, `schedule` | one thread: its connections, and who sends when |
//! | `work`, `mixed`, `request`, `answer`, `target` | what is asked for, in bytes and back |
//! | `tally`, `histogram`, `zipf` | counts, latencies, chance |
//! | `machine`, `listeners`, `servers`, `own_limit`, `look` | processor time and memory, of nodes and of the generator |
//! | `recorder`, `check` | every call, judged by the oracle |
//! | `report` | JSON, tables, page |

mod answer;
mod batch;
mod check;
mod crew;
mod error;
mod flash;
mod histogram;
mod ladder;
mod lane;
pub mod limits;
mod listeners;
mod look;
mod machine;
mod measure;
mod mix;
mod mixed;
mod own_limit;
mod pacer;
mod rate;
mod recorder;
pub mod report;
mod request;
mod run;
mod schedule;
mod servers;
mod session;
mod settings;
mod tally;
mod target;
mod thread;
mod work;
mod zipf;

pub use error::BenchError;
pub use histogram::Histogram;
pub use mix::Mix;
pub use mixed::Shares;
pub use own_limit::Generator;
pub use report::Report;
pub use run::{Mode, run};
pub use settings::{Progress, Settings, Watcher};
pub use tally::{Counts, Slot};
pub use zipf::Zipf;
