//! One cluster at a time: three servers and a load driver fill a small machine.

use std::fs::File;

use anyhow::{Context, Result};

/// The right to run a cluster on this machine; held for a whole test.
///
/// A file lock and not a mutex: it also keeps test binaries apart that run side by side.
#[derive(Debug)]
pub struct Turn {
    _lock: File,
}

impl Turn {
    /// Waits until no other test has it. Cancel safe.
    pub async fn take() -> Result<Turn> {
        // By user: nobody can lock another user's file in a shared temporary directory.
        let user = std::env::var("USER").unwrap_or_default();
        let path = std::env::temp_dir().join(format!("holdfast-tests{user}.lock"));
        let lock = tokio::task::spawn_blocking(move || -> Result<File> {
            let file = File::options().create(true).append(true).open(&path).with_context(|| format!("cannot open {}", path.display()))?;
            file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
            Ok(file)
        })
        .await??;
        Ok(Turn { _lock: lock })
    }
}
