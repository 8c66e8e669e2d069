//! The file system that the stores use: the operating system's, or in a simulation disks in memory.
//!
//! The Unix traits of `std` hold for both.

#[cfg(not(feature = "simulation"))]
pub(crate) use std::fs::{DirBuilder, File, OpenOptions, metadata, read, read_dir, remove_file, rename, set_permissions};

#[cfg(feature = "simulation")]
pub(crate) use crate::simulated::files::{
    DirBuilder, File, OpenOptions, exists, metadata, read, read_dir, remove_file, rename, set_permissions,
};

/// Whether something has this name.
#[cfg(not(feature = "simulation"))]
pub(crate) fn exists(path: &std::path::Path) -> bool {
    path.exists()
}
