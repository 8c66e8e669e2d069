//! The last step of durability, replaceable so that a test can make it fail.

use std::fs::File;
use std::io;

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
