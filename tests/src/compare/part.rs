//! What a run can be held to, with `--only`.

use clap::ValueEnum;

/// A group of cells that stand beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Orders at 100, 256 and 1,024 connections, on the leader, on a follower, on all three.
    Orders,
    /// Refusals of a SKU that is sold out.
    SoldOut,
    /// What is left of a SKU.
    Availability,
    /// Orders that are confirmed at once.
    Pairs,
    /// One connection, beside the disk.
    Single,
    /// Batches of 8,192.
    Batches,
    /// etcd's puts.
    Etcd,
    /// The usual stack.
    Redis,
    /// One hot row.
    Postgresql,
    /// Ten times more orders than can be served. Not in a usual run.
    Overload,
    /// Millions of orders, many SKUs, a restart. Not in a usual run.
    Growth,
}

impl Part {
    /// Every part of a usual run: the others take minutes.
    pub const USUAL: [Part; 9] = [
        Part::Orders,
        Part::SoldOut,
        Part::Availability,
        Part::Pairs,
        Part::Single,
        Part::Batches,
        Part::Etcd,
        Part::Redis,
        Part::Postgresql,
    ];

    /// Whether it needs Holdfast's orders at their plateau beside it.
    pub fn is_peer(self) -> bool {
        matches!(self, Part::Etcd | Part::Redis | Part::Postgresql)
    }
}
