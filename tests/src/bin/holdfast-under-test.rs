//! The product's `main` under the tests' own name: built whenever the tests are.
//!
//! A node that is told a file by `HOLDFAST_TEST_DISK_HANGS` has a disk that hangs from the moment when that file is there. One that is built
//! with `abort-points` crashes where the file that it is told for that says so.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use holdfast_node::cli;
use holdfast_storage::{DataSync, Disk, Syncer};

/// Shorter than the product's, for a test that waits for it; far longer than a sync of a disk that does not hang.
const STALL_LIMIT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    #[cfg(feature = "abort-points")]
    if let Some(file) = std::env::var_os(holdfast_tests::cluster::ABORT_FILE)
        && let Err(error) = holdfast_storage::abort::obey(file.into())
    {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    match std::env::var_os("HOLDFAST_TEST_DISK_HANGS") {
        Some(file) => cli::main_on(Disk { syncer: Arc::new(HangingDisk(file.into())), stall_limit: STALL_LIMIT }),
        None => cli::main(),
    }
}

/// Syncs until its file is there; then no sync returns any more.
struct HangingDisk(PathBuf);

impl Syncer for HangingDisk {
    fn sync(&self, file: &File) -> io::Result<()> {
        while self.0.exists() {
            std::thread::park();
        }
        DataSync.sync(file)
    }
}
