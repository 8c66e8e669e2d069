//! One process per data directory.

use std::fs::TryLockError;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::OpenError;
use crate::files::{File, OpenOptions};

/// Holds the directory until it is dropped; the operating system releases it if the process dies.
#[derive(Debug)]
pub(crate) struct DirLock {
    _file: File,
}

impl DirLock {
    /// Takes the lock of `dir`, never waiting for it.
    pub(crate) fn take(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join("lock");
        let file = OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(&path).map_err(OpenError::io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse(dir.to_owned())),
            Err(TryLockError::Error(source)) => Err(OpenError::Io { path, source }),
        }
    }
}
