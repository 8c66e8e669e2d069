//! A disk that answers neither yes nor no: the store fails within its limit, and nobody waits for the disk any more.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;
use common::history::{accepted, at, order, stamp};
use common::{append_and_wait, record, wait};
use holdfast_inventory::{LogIndex, NodeId};
use holdfast_storage::{DataDir, Disk, OpenMode, Syncer};

const LIMIT: Duration = Duration::from_millis(500);
/// Far beyond the limit.
const PATIENCE: Duration = Duration::from_secs(20);

/// Syncs until it is told to hang; then it does not return for as long as any test waits.
#[derive(Default)]
struct Hanging {
    hangs: AtomicBool,
    never: (Mutex<()>, Condvar),
}

impl Syncer for Hanging {
    fn sync(&self, file: &File) -> io::Result<()> {
        if self.hangs.load(Ordering::SeqCst) {
            drop(self.never.1.wait_timeout_while(self.never.0.lock().unwrap(), 2 * PATIENCE, |()| true));
        }
        file.sync_data()
    }
}

fn dir(root: &Path) -> (DataDir, Arc<Hanging>) {
    let syncer = Arc::new(Hanging::default());
    let dir = DataDir::open(root, OpenMode::Create).unwrap().on_disk(Disk { syncer: syncer.clone(), stall_limit: LIMIT });
    dir.start(NodeId(1)).unwrap();
    (dir, syncer)
}

/// What `last` said, in time: a drop that waits for the disk would never.
fn done_in_time<T: Send + 'static>(last: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, done) = channel();
    std::thread::spawn(move || sender.send(last()).unwrap());
    done.recv_timeout(PATIENCE).expect("it still waits for the disk")
}

fn reason(alarm: &Receiver<String>) -> String {
    alarm.recv_timeout(PATIENCE).expect("the store is poisoned")
}

#[test]
fn a_raft_log_whose_sync_hangs_fails_and_lets_go() {
    let root = tempfile::tempdir().unwrap();
    let (dir, disk) = dir(root.path());
    let log = dir.log().unwrap();
    let (alarm, alarmed) = channel();
    log.on_poison(Box::new(move |reason| alarm.send(reason.to_owned()).unwrap()));
    append_and_wait(&log, vec![record(0, 1)]);

    disk.hangs.store(true, Ordering::SeqCst);
    let (acknowledged, heard) = channel();
    log.append(vec![record(1, 1)], Box::new(move |result| acknowledged.send(result).unwrap()));

    assert!(reason(&alarmed).starts_with(&format!("the disk hangs ({}): ", root.path().join("log").display())));
    assert!(heard.try_recv().is_err(), "what was not synced is not acknowledged");
    assert!(wait(|done| log.append(vec![record(2, 1)], done)).is_err());
    assert!(wait(|done| log.save_vote(Bytes::new(), done)).is_err());
    done_in_time(move || drop(log));
}

#[test]
fn an_order_log_whose_sync_hangs_fails_those_who_wait_and_lets_go() {
    let root = tempfile::tempdir().unwrap();
    let (dir, disk) = dir(root.path());
    let orders = dir.orders().unwrap();
    let (alarm, alarmed) = channel();
    orders.on_poison(Box::new(move |reason| alarm.send(reason.to_owned()).unwrap()));
    disk.hangs.store(true, Ordering::SeqCst);
    orders.append(LogIndex(1), stamp(1), &[accepted(order(at(1, 0), "ann", &[1], None))]).unwrap();

    let waiting = orders.clone();
    assert!(done_in_time(move || waiting.sync_through(LogIndex(1))).is_err());

    assert!(reason(&alarmed).starts_with(&format!("the disk hangs ({}): ", root.path().join("orders").display())));
    assert!(orders.append(LogIndex(2), stamp(2), &[]).is_err());
    assert_eq!(orders.durable_index(), None);
    done_in_time(move || drop(orders));
}

#[test]
fn a_stop_that_meets_a_hanging_disk_ends_with_the_alarm() {
    let root = tempfile::tempdir().unwrap();
    let (dir, disk) = dir(root.path());
    let orders = dir.orders().unwrap();
    let (alarm, alarmed) = channel();
    orders.on_poison(Box::new(move |reason| alarm.send(reason.to_owned()).unwrap()));
    disk.hangs.store(true, Ordering::SeqCst);

    done_in_time(move || drop(orders));

    assert!(reason(&alarmed).starts_with(&format!("the disk hangs ({}): ", root.path().join("orders").display())));
}
