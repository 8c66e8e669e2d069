//! A disk that stands still while a test wants it to.

use std::fs::File;
use std::io;
use std::sync::{Arc, Condvar, Mutex};

use holdfast_storage::{DataSync, Disk, Syncer};

/// The thread that writes the Raft log.
pub const LOG_WRITER: &str = "log-writer";
/// The thread that writes the order log.
pub const ORDER_WRITER: &str = "order-writer";

/// A disk on which one writer can be held in its sync.
pub struct HeldDisk {
    writer: &'static str,
    is_held: Mutex<bool>,
    let_go: Condvar,
}

impl HeldDisk {
    pub fn under(writer: &'static str) -> Arc<Self> {
        Arc::new(Self { writer, is_held: Mutex::new(false), let_go: Condvar::new() })
    }

    pub fn as_disk(self: &Arc<Self>) -> Disk {
        Disk { syncer: Arc::clone(self) as _, ..Disk::default() }
    }
}

impl Syncer for HeldDisk {
    fn sync(&self, file: &File) -> io::Result<()> {
        if std::thread::current().name() == Some(self.writer) {
            drop(self.let_go.wait_while(self.is_held.lock().unwrap(), |held| *held).unwrap());
        }
        DataSync.sync(file)
    }
}

/// Holds the disk until it is dropped, also by a failed assertion: a node that still waited would never end.
pub struct Hold(Arc<HeldDisk>);

impl Hold {
    pub fn of(disk: &Arc<HeldDisk>) -> Self {
        *disk.is_held.lock().unwrap() = true;
        Self(Arc::clone(disk))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        *self.0.is_held.lock().unwrap() = false;
        self.0.let_go.notify_all();
    }
}
