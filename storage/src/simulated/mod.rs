//! Disks in memory, and the writers of the stores as tasks: for simulations of whole nodes in one thread. In no build of the product.
//!
//! Everything above the operating system's files is the product's own: segments, groups, recovery, snapshots, identity, pages. Only
//! sled is replaced, by a log of its batches. A disk belongs to the thread that made it, as do the stores on it; a path's beginning
//! tells the disk.

mod disk;
pub(crate) mod engine;
pub(crate) mod files;
mod planted;
mod writers;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use disk::Broken;
pub use files::{File, Metadata};
pub use planted::{Planted, plant};
pub(crate) use writers::{Bell, round, start_log_writer, start_page_writer};

use disk::MemoryDisk;
use rand::distr::{Distribution, StandardUniform};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

thread_local! {
    static CHANCE: RefCell<SmallRng> = RefCell::new(SmallRng::seed_from_u64(0));
}

/// Begins a simulation on this thread: without disks, and with the chance of `seed`.
pub fn begin(seed: u64) {
    files::clear();
    CHANCE.set(SmallRng::seed_from_u64(seed));
}

/// What chance gives next.
pub fn random<T>() -> T
where
    StandardUniform: Distribution<T>,
{
    CHANCE.with_borrow_mut(RngExt::random)
}

/// The disk of a simulated node, from the outside: it outlives the processes that use it.
#[derive(Clone, Debug)]
pub struct SimulatedDisk {
    root: PathBuf,
}

impl SimulatedDisk {
    /// An empty disk at `root`; what a power cut leaves of it follows from `seed`.
    pub fn insert(root: impl Into<PathBuf>, seed: u64) -> Self {
        let root = root.into();
        files::insert(&root, MemoryDisk::new(seed));
        Self { root }
    }

    /// The directory that it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The process that uses it is gone; what it wrote stays.
    pub fn kill(&self) {
        files::at(&self.root, MemoryDisk::kill);
    }

    /// The power is gone, and with it what was not synced.
    pub fn cut_power(&self) {
        files::at(&self.root, MemoryDisk::cut_power);
    }

    /// A new process uses it from here on.
    pub fn use_again(&self) {
        files::at(&self.root, MemoryDisk::use_again);
    }

    /// It breaks when a file is synced next, between the write and the sync.
    pub fn break_at_next_sync(&self, how: Broken) {
        files::at(&self.root, |disk| disk.break_at_next_sync(how));
    }

    /// The same when a vote is synced next.
    pub fn break_at_next_vote(&self, how: Broken) {
        files::at(&self.root, |disk| disk.break_at_next_vote(how));
    }

    /// Whether it broke by itself since this was asked last.
    pub fn take_broke(&self) -> Option<Broken> {
        files::at(&self.root, MemoryDisk::take_broke).flatten()
    }

    /// The next `count` syncs fail.
    pub fn fail_syncs(&self, count: u32) {
        files::at(&self.root, |disk| disk.fail_syncs(count));
    }

    /// It neither breaks nor fails, if it has not yet; whether it was to.
    pub fn clear_faults(&self) -> bool {
        files::at(&self.root, MemoryDisk::clear_faults).unwrap_or_default()
    }

    /// How long a sync of the Raft log takes: between these two.
    pub fn set_sync_time(&self, least: Duration, most: Duration) {
        files::at(&self.root, |disk| disk.set_sync_time(least, most));
    }

    /// Syncs of files that returned well.
    pub fn syncs(&self) -> u64 {
        files::at(&self.root, |disk| disk.syncs()).unwrap_or_default()
    }
}
