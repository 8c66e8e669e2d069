//! What is measured: one system under one load.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    /// The handler that does nothing, with so many workers.
    Bare(u32),
    /// Three nodes of the product, the leader asked.
    Leader,
    /// The same, a follower asked.
    Follower,
    /// The same, all three asked at once.
    Spread,
    /// Three members of etcd.
    Etcd,
    /// An axum service before Redis.
    Redis,
    /// One `PostgreSQL`, without HTTP before it.
    PostgreSql,
    /// The disk alone.
    Disk,
}

impl System {
    /// What an acknowledgement of it rests on.
    pub fn durability(self) -> &'static str {
        match self {
            System::Bare(_) => "nothing: no state, no disk",
            System::Leader | System::Follower | System::Spread => "fdatasync on a majority of three nodes, and applied, before the answer",
            System::Etcd => "fdatasync on a majority of three members before the answer",
            System::Redis => "append-only file synced before the answer (appendfsync always); one copy",
            System::PostgreSql => "write-ahead log synced before the commit returns (fsync and synchronous_commit on); one copy; no HTTP",
            System::Disk => "fdatasync of 4 KiB within a preallocated file",
        }
    }
}

impl fmt::Display for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            System::Bare(1) => f.write_str("bare, 1 worker"),
            System::Bare(workers) => write!(f, "bare, {workers} workers"),
            System::Leader => f.write_str("Holdfast, leader"),
            System::Follower => f.write_str("Holdfast, follower"),
            System::Spread => f.write_str("Holdfast, all three"),
            System::Etcd => f.write_str("etcd"),
            System::Redis => f.write_str("axum + Redis"),
            System::PostgreSql => f.write_str("PostgreSQL"),
            System::Disk => f.write_str("disk"),
        }
    }
}

/// What it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Load {
    /// Single orders of one unit over so many connections; etcd gets puts of the same length.
    Orders(u32),
    /// The same, each system over as many connections as suit it best.
    Plateau,
    /// The same over one connection.
    Single,
    /// Orders of a SKU that is sold out.
    SoldOut,
    /// What is left of a SKU.
    Availability,
    /// Orders of so many SKUs in turn.
    ManySkus(u64),
    /// Orders whose answers the generator reads.
    ReadOrders,
    /// The same, each confirmed as soon as it is held.
    Pairs,
    /// Batches of 8,192 orders; counted in orders.
    Batches,
    /// So many threads that write and sync.
    Syncs(u32),
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Load::Orders(connections) => write!(f, "orders, {connections} connections"),
            Load::Plateau => f.write_str("orders, at the plateau"),
            Load::Single => f.write_str("orders, 1 connection"),
            Load::SoldOut => f.write_str("sold-out refusals, 256 connections"),
            Load::Availability => f.write_str("availability, 256 connections"),
            Load::ManySkus(skus) => write!(f, "orders of {skus} SKUs"),
            Load::ReadOrders => f.write_str("orders, answers read, 256 connections"),
            Load::Pairs => f.write_str("hold + confirm, 256 connections"),
            Load::Batches => f.write_str("batches of 8,192"),
            Load::Syncs(1) => f.write_str("fdatasync, 1 writer"),
            Load::Syncs(writers) => write!(f, "fdatasync, {writers} writers"),
        }
    }
}

/// One system under one load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// Under which load.
    pub load: Load,
    /// Who.
    pub system: System,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Measured {
    /// Answers as expected, per second.
    pub per_second: f64,
    /// Half of the answers came within so many milliseconds; none if it was not looked at.
    pub p50_ms: Option<f64>,
    /// 99 of 100 did.
    pub p99_ms: Option<f64>,
    /// Other answers than expected, and none.
    pub unexpected: u64,
    /// Processor time in microseconds for each answer as expected, by process.
    pub processor_us: BTreeMap<String, f64>,
    /// How it was asked, where that was chosen: connections, batches in flight.
    pub how: String,
    /// Threads of `wrk` that asked; none if something else did.
    pub wrk_threads: Option<usize>,
}

/// Under which name the generator's processor time stands.
pub const GENERATOR: &str = "generator";

/// How much of the processor time that its threads can have `wrk` may take: with more it is `wrk` that is measured.
const WRK_IS_FREE: f64 = 0.9;

impl Measured {
    /// Whether `wrk` could hardly have asked for more.
    pub fn is_limited_by_wrk(&self) -> bool {
        let (Some(threads), Some(each_us)) = (self.wrk_threads, self.processor_us.get(GENERATOR)) else { return false };
        each_us * self.per_second / 1e6 >= WRK_IS_FREE * threads as f64
    }
}

/// All cells of one round.
pub type Round = BTreeMap<Cell, Measured>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrk_is_the_limit_where_its_threads_have_little_time_left() {
        let measured = |per_second, wrk_threads| Measured {
            per_second,
            wrk_threads,
            processor_us: BTreeMap::from([(GENERATOR.to_owned(), 10.0)]),
            ..Measured::default()
        };
        assert!(measured(91_000.0, Some(1)).is_limited_by_wrk());
        assert!(!measured(89_000.0, Some(1)).is_limited_by_wrk());
        assert!(!measured(180_000.0, Some(3)).is_limited_by_wrk());
        assert!(!measured(91_000.0, None).is_limited_by_wrk(), "another generator");
    }
}
