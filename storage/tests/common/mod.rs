//! What the tests of this crate share.
#![allow(dead_code, unreachable_pub, clippy::cast_possible_truncation, reason = "each test binary uses its part; numbers are small")]

pub mod history;
pub mod synced_disk;

use std::io;
use std::sync::mpsc::channel;

use bytes::Bytes;
use holdfast_storage::{Completion, LogRecord, LogStore};

/// A record whose bytes follow from its index.
pub fn record(index: u64, bytes: usize) -> LogRecord {
    let payload = (0..bytes).map(|n| (index as usize * 31 + n * 7) as u8).collect::<Vec<_>>();
    LogRecord { index, head: Bytes::from(index.to_le_bytes().to_vec()), payload: payload.into() }
}

/// Calls `write` and waits for its completion.
pub fn wait(write: impl FnOnce(Completion)) -> io::Result<()> {
    let (sender, done) = channel();
    write(Box::new(move |result| sender.send(result).expect("someone waits")));
    done.recv().expect("every completion is called")
}

/// Appends, and waits until it is durable.
pub fn append_and_wait(log: &LogStore, records: Vec<LogRecord>) {
    wait(|done| log.append(records, done)).expect("a healthy log");
}
