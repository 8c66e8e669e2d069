//! The file system that the stores use: the operating system's, or in a simulation disks in memory.
//!
//! The Unix traits of `std` hold for both.

use std::io;
use std::path::Path;

#[cfg(not(feature = "simulation"))]
use std::os::unix::fs::OpenOptionsExt;

#[cfg(not(feature = "simulation"))]
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

#[cfg(not(feature = "simulation"))]
pub(crate) use std::fs::{DirBuilder, File, OpenOptions, metadata, read, read_dir, remove_file, rename, set_permissions};

#[cfg(feature = "simulation")]
pub(crate) use crate::simulated::files::{
    DirBuilder, File, OpenOptions, exists, is_file, metadata, read, read_dir, remove_file, rename, set_permissions,
};

/// Whether something has this name.
#[cfg(not(feature = "simulation"))]
pub(crate) fn exists(path: &Path) -> bool {
    path.exists()
}

/// Whether a file has this name: nothing else that may have one, and might wait for ever to be opened.
#[cfg(not(feature = "simulation"))]
pub(crate) fn is_file(path: &Path) -> bool {
    path.is_file()
}

/// Makes a file, readable by its owner alone, or empties it; and whether it is written past the cache.
#[cfg(not(feature = "simulation"))]
pub(crate) fn create_direct(path: &Path) -> io::Result<(File, bool)> {
    let mut options = OpenOptions::new();
    direct(options.create(true).write(true).truncate(true).mode(0o600), path)
}

/// Opens a file; and whether it is read past the cache.
#[cfg(not(feature = "simulation"))]
pub(crate) fn open_direct(path: &Path) -> io::Result<(File, bool)> {
    direct(OpenOptions::new().read(true), path)
}

#[cfg(not(feature = "simulation"))]
fn direct(options: &mut OpenOptions, path: &Path) -> io::Result<(File, bool)> {
    match options.clone().custom_flags(OFlags::DIRECT.bits().cast_signed()).open(path) {
        Err(error) if is_not_direct(&error) => Ok((options.open(path)?, false)),
        opened => Ok((opened?, true)),
    }
}

/// Whether a file system says so that it does not go past its cache, or not with this memory or this place in the file.
pub(crate) fn is_not_direct(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}

/// Lets what follows go through the cache.
#[cfg(not(feature = "simulation"))]
pub(crate) fn end_direct(file: &File) -> io::Result<()> {
    let flags = fcntl_getfl(file)?;
    Ok(fcntl_setfl(file, flags - OFlags::DIRECT)?)
}

/// A simulated disk has no cache to go past.
#[cfg(feature = "simulation")]
pub(crate) fn create_direct(path: &Path) -> io::Result<(File, bool)> {
    Ok((OpenOptions::new().create(true).write(true).truncate(true).open(path)?, false))
}

/// As [`create_direct`].
#[cfg(feature = "simulation")]
pub(crate) fn open_direct(path: &Path) -> io::Result<(File, bool)> {
    Ok((File::open(path)?, false))
}

/// Nothing was direct.
#[cfg(feature = "simulation")]
pub(crate) fn end_direct(_: &File) -> io::Result<()> {
    Ok(())
}
