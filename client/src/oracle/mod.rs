//! The oracle: judges a cluster by what its clients heard and by its ledger, and by nothing else.
//!
//! A [`History`] has every call that was made: when it began and ended, what was asked, what was heard. A [`Ledger`] has
//! every change that the cluster says it made, in log order: the change feed from its beginning. [`judge`] replays the
//! ledger, settles each call whose outcome nobody heard (its order is in the ledger: it happened there; it is not: it never
//! did), and compares the two. Whoever gives more gives it in a [`Closing`]: what the nodes said when all was quiet.
//!
//! Promises: no violation of a correct cluster, whatever its clients missed; each [`Violation`] names its invariant and tells
//! the calls concerned. Every check is a sort and a sweep, O(n log n) in calls and changes; memory is about 300 bytes a call
//! and as much for an order, and no more than [`MAX_TOLD`](limits::MAX_TOLD) violations are told in words.
//!
//! *Architecture invariant:* pure. No IO, no clock, no chance; times are the caller's microseconds.
//!
//! The caller sees to it that a history is shorter than the cluster remembers keys (an hour, by default), that it holds
//! *every* call on these SKUs, also those that broke off, and that a ledger is whole and the same on a majority:
//! [`Ledger::difference`] tells where two are not.
//!
//! | module | holds |
//! |---|---|
//! | `names`, `call`, `answer`, `history` | what the clients saw |
//! | `ledger` | what the cluster says it did |
//! | `replay` | the ledger by itself: stock (I2), identities (I10), limits (I11), order life (I12), log time (I13) |
//! | `settle`, `keys` | calls against orders: nothing lost (I5, I6), nothing invented (I7), one order for a key (I8) |
//! | `adjustments` | the same for stock that is added or taken |
//! | `steps` | confirm, release, cancel, extend and reads against the order's life (I5, I7, I16) |
//! | `holds` | how long holds last, by the terms and the log's time (I13) |
//! | `real_time` | what ended before another began is before it in the log (I16); holds by the caller's clock (I13) |
//! | `refusals` | whether a no was true (I11, I17) |
//! | `clock` | that cluster time passes as the clients' does (I13) |
//! | `closing` | nothing stranded (I18), metrics (I24) |
//! | `judge`, `judgement` | the result, and what it counts |

mod adjustments;
mod answer;
mod call;
mod clock;
mod closing;
mod history;
mod holds;
mod judge;
mod judgement;
mod keys;
mod ledger;
pub mod limits;
mod names;
mod real_time;
mod refusals;
mod replay;
mod settle;
mod steps;

pub use answer::{Answer, Read};
pub use call::{Asked, Call, Content, Heard, Step};
pub use closing::{Closing, Counters, SkuCounters};
pub use history::{Body, BodyId, History, Line};
pub use judge::judge;
pub use judgement::{Counts, Invariant, Judgement, Violation};
pub use ledger::{Change, Entry, Ledger, LedgerOrder, Place};
pub use names::{Name, Names};

/// What a SKU was created with, as far as the oracle must know it; none of it changes during a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Its name.
    pub sku: Name,
    /// Units it began with.
    pub stock: u64,
    /// Most units of one buyer.
    pub per_buyer_limit: Option<u32>,
    /// How long it is held, in ms; 0: bought at once.
    pub hold_ttl_ms: u64,
    /// On sale all the time: it has no opening and no closing time, and nobody stops its sale.
    pub is_always_open: bool,
}
