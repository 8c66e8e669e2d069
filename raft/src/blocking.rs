//! Work that may wait for the disk, off the threads that answer.

use std::io;

/// Does `work` on a thread for such work. Fails only if it panics. Dropping the future leaves it running.
#[cfg(not(feature = "simulation"))]
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
}

/// Does long `work` on a thread of its own, which gives way to those that answer. Fails only if it panics or there is no thread.
/// Dropping the future leaves it running.
#[cfg(not(feature = "simulation"))]
pub(crate) async fn in_background<T: Send + 'static>(name: &str, work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (done, result) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        holdfast_storage::give_way();
        // Nobody waits any more if this fails.
        drop(done.send(work()));
    })?;
    result.await.map_err(|_| io::Error::other(format!("{name} panicked")))
}

/// Does `work` at once: a simulation has one thread, and its disks never wait.
#[cfg(feature = "simulation")]
pub(crate) async fn in_background<T: Send + 'static>(_: &str, work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    blocking(work).await
}

/// Does `work` at once: a simulation has one thread, and its disks never wait.
#[cfg(feature = "simulation")]
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    tokio::task::yield_now().await;
    Ok(work())
}
