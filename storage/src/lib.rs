//! The Raft log, the order log and snapshot files of a node, on plain files and sled.
//!
//! Promises: a completion that says `Ok` means the bytes survive a power cut; what is read back was checked (version,
//! checksum, length); after a failed write or sync the store is *poisoned*, every later call fails, nothing is retried. One
//! that does not return within [`limits::STALL_LIMIT_MS`] has failed too.
//! One thread writes each log, and each sync is an `fdatasync`. The order log is in sled, whose values stay within 4 KiB and whose
//! `flush` survives no power cut without one.
//!
//! *Architecture invariant:* only `engine.rs` names `sled`. Nothing here knows Raft's types (heads, votes and entries are
//! opaque bytes), the network, or a clock. All calls block; an async caller uses a blocking thread, except where a call
//! says that it returns at once.
//!
//! Map:
//!
//! | file | holds |
//! |---|---|
//! | `data_dir`, `open_error`, `dir_lock`, `copy` | the directory: lock, layout, why it was not opened; one to look at |
//! | `identity`, `own_starts`, `peers`, `durable_file` | who this disk is, how it was started, whom it met; small files replaced atomically |
//! | `log_store`, `log_tail`, `log_writer` | the Raft log: its face, recent entries in memory, group commit |
//! | `log_group`, `log_segment`, `log_image`, `log_appender`, `log_supply` | its bytes, files, what they come to, the writing and making of them |
//! | `log_recovery`, `log_seen` | opening it: torn end or damage |
//! | `order_log`, `changes`, `pages`, `statuses`, `memtable`, `page_writer`, `listing`, `backfill` | history of orders: pages, lists, filling gaps |
//! | `snapshots`, `snapshot_writer`, `snapshot_reader`, `direct` | state snapshots as files |
//! | `engine`, `frame`, `queue` | sled; checked values; plumbing |
//! | `syncer`, `poison`, `watchdog` | the last step of durability; what becomes of a store when it fails, or hangs |
//! | `limits` | every bound by name |
//! | `abort` | where a test may crash a node; nothing in a build of the product |
//! | `planted` | bugs for tests of the tests; nothing of it without its feature |
//! | `files`, `workers` | the files and threads below: the system's, or a simulation's |
//! | `fuzz`, `simulated` | what must hold of any bytes; disks in memory; in no build of the product |

#![cfg_attr(feature = "simulation", allow(dead_code, unused_imports, reason = "a simulation starts no threads"))]

pub mod abort;
mod backfill;
mod background;
mod chance;
mod changes;
mod check;
mod copy;
mod data_dir;
mod dir_lock;
mod direct;
mod durable_file;
#[cfg(not(feature = "simulation"))]
mod engine;
mod files;
#[cfg(test)]
mod format_tests;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;
mod identity;
pub mod limits;
mod listing;
mod log_appender;
#[cfg(test)]
mod log_damage_tests;
mod log_group;
mod log_image;
mod log_recovery;
mod log_seen;
mod log_segment;
mod log_store;
mod log_supply;
mod log_tail;
mod log_writer;
mod marks;
mod memtable;
mod open_error;
mod order_keys;
mod order_log;
mod own_starts;
mod page_writer;
mod pages;
mod peers;
pub mod planted;
mod poison;
mod queue;
#[cfg(feature = "simulation")]
pub mod simulated;
mod snapshot_reader;
mod snapshot_writer;
mod snapshots;
mod statuses;
mod syncer;
mod watchdog;
mod workers;

#[cfg(feature = "simulation")]
use simulated::engine;

pub use backfill::{Missing, PageBlock};
pub use changes::Changes;
pub use data_dir::{DataDir, OpenMode};
pub use identity::{ClusterId, DiskId, Identity, Roster};
pub use listing::{BuyerChain, ListPage, Query, StoredOrder};
pub use log_store::{Completion, LogBounds, LogRecord, LogStore};
pub use open_error::{MEMBER_LOST, OpenError};
pub use order_log::OrderLog;
pub use own_starts::OwnStarts;
pub use pages::Place;
pub use peers::{MeetError, Met, Peers};
pub use snapshot_reader::SnapshotReader;
pub use snapshot_writer::{SnapshotReceiver, SnapshotWriter};
pub use snapshots::{Loaded, SnapshotInfo, Snapshots};
pub use syncer::{DataSync, Disk, Syncer};
