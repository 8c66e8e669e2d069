//! Identities. Each is a newtype, so that an index is never taken for a session or a count.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number! {
    /// A member of the cluster; chosen by the operator in `cluster.toml`, 1 or more, never reused.
    NodeId(u64)
}
number! {
    /// Position of an entry in the replicated log.
    LogIndex(u64)
}
number! {
    /// A node's right to propose: the log index of the entry that opened it, so ids only grow.
    SessionId(u64)
}
number! {
    /// Number of a batch within its session, from 1 without gaps.
    Seq(u64)
}
number! {
    /// How often a data directory was started; synced before the first hello of a start.
    Incarnation(u64)
}
number! {
    /// Counts the sessions that one process asked for, from 1.
    Attempt(u64)
}
number! {
    /// Dense number of a SKU, given in order of creation from 0, the same on every node.
    SkuId(u32)
}
number! {
    /// Life of a cluster between restores: an order id of an earlier epoch is never given again.
    Epoch(u16)
}
number! {
    /// Version of a SKU's settings, from 1; the `ETag`.
    Version(u64)
}

/// Where an order stands in history: its entry and the position of its acceptance among the entry's events.
///
/// Order of values is the order of acceptance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OrderRef {
    /// Entry that accepted the order; below 2^48.
    pub index: LogIndex,
    /// Position of the event within its entry.
    pub position: u16,
}

impl fmt::Display for OrderRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.index, self.position)
    }
}

/// Keyed 128-bit hash of (scope, buyer, idempotency key): what the state remembers of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyHash(pub u128);

/// Keyed 128-bit hash of a buyer's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BuyerHash(pub u128);

/// Keyed hash of what an order request says (buyer, lines, bought at once or held).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fingerprint(pub u64);
