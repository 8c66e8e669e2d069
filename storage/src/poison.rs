//! The state after a failed write: sticky, known to everyone who asks or waits.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// Called with the reason when a store is poisoned.
pub(crate) type Alarm = Box<dyn FnOnce(&str) + Send>;

/// Whether a store failed, and whom to tell.
pub(crate) struct Poison {
    /// Where the store is.
    path: PathBuf,
    reason: OnceLock<String>,
    alarms: Mutex<Vec<Alarm>>,
}

impl Poison {
    /// Of a sound store at `path`.
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), reason: OnceLock::new(), alarms: Mutex::default() }
    }

    /// Marks the store as failed; the first reason stays.
    pub(crate) fn raise(&self, what: &str, error: &io::Error) {
        let reason = format!("{what} ({}): {error}", self.path.display());
        if self.reason.set(reason.clone()).is_ok() {
            tracing::error!(%reason, "storage failed; the node must stop");
        }
        let alarms = std::mem::take(&mut *self.alarms.lock().unwrap_or_else(PoisonError::into_inner));
        for alarm in alarms {
            alarm(self.reason.get().map_or("", String::as_str));
        }
    }

    /// Says that a write has lasted for `so_long`, and whether that is over.
    pub(crate) fn complain(&self, so_long: Duration, is_over: bool) {
        let store = self.path.display();
        if is_over {
            tracing::warn!(%store, "the disk has taken the write that it stood still with");
        } else {
            tracing::warn!(%store, "the disk stands still: a write has not returned for {so_long:?}");
        }
    }

    /// Why the store failed, if it did.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.reason.get().map(String::as_str)
    }

    /// Fails if the store has.
    pub(crate) fn check(&self) -> io::Result<()> {
        self.reason().map_or(Ok(()), |reason| Err(io::Error::other(reason.to_owned())))
    }

    /// Calls `alarm` once the store fails, at once if it has.
    pub(crate) fn on_raise(&self, alarm: Alarm) {
        let mut alarms = self.alarms.lock().unwrap_or_else(PoisonError::into_inner);
        match self.reason() {
            Some(reason) => {
                drop(alarms);
                alarm(reason);
            }
            None => alarms.push(alarm),
        }
    }
}
