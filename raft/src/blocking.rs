//! Work that may wait for the disk, off the threads that answer.

use std::io;

/// Does `work` on a thread for such work. Fails only if it panics. Dropping the future leaves it running.
#[cfg(not(feature = "simulation"))]
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
}

/// Does `work` at once: a simulation has one thread, and its disks never wait.
#[cfg(feature = "simulation")]
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    tokio::task::yield_now().await;
    Ok(work())
}
