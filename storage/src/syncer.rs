//! The last step of durability, replaceable so that a test can make it fail, and the patience with it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::files::File;
use crate::limits::STALL_LIMIT_MS;

/// Makes what was written to a database file survive a power cut.
pub trait Syncer: Send + Sync + 'static {
    /// Syncs `file`; after an error the caller never tries again.
    fn sync(&self, file: &File) -> io::Result<()>;
}

/// `fdatasync`, which a node uses.
#[derive(Clone, Copy, Debug, Default)]
pub struct DataSync;

impl Syncer for DataSync {
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}

/// The disk as the stores of a data directory use it.
#[derive(Clone)]
pub struct Disk {
    /// The last step of durability.
    pub syncer: Arc<dyn Syncer>,
    /// A write or sync that has not returned for so long poisons its store.
    pub stall_limit: Duration,
}

impl Default for Disk {
    fn default() -> Self {
        Self { syncer: Arc::new(DataSync), stall_limit: Duration::from_millis(STALL_LIMIT_MS) }
    }
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disk").field("stall_limit", &self.stall_limit).finish_non_exhaustive()
    }
}
