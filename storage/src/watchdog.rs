//! Ends the wait for a disk that answers neither yes nor no, and for an engine that lost its own write error.
//!
//! A write or sync that hangs tells nobody: its thread stands still, and everyone who waits for that thread does too. So a
//! second thread looks at the first one, a fixed number of times within the limit, and poisons the store when it has seen
//! the same write at each of these looks. Looks are counted, not time: a process that was paused, and not its disk, finds
//! its write as young as it left it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::limits::{STALL_LOOKS, STALL_TOLD_LOOKS};
use crate::poison::Poison;

/// Watches the one thread that writes a store. Dropped, it watches no more.
pub(crate) struct Watchdog {
    /// Odd while a write is under way.
    writes: Arc<AtomicU64>,
}

/// A write under way, until it is dropped.
pub(crate) struct Watched<'a>(&'a AtomicU64);

impl Watchdog {
    /// Poisons `poison` once one write has lasted for `limit`, and at the next look after `fault` gives an error.
    pub(crate) fn start(limit: Duration, poison: &Arc<Poison>, fault: impl Fn() -> io::Result<()> + Send + 'static) -> io::Result<Self> {
        let writes = Arc::new(AtomicU64::new(0));
        if cfg!(feature = "simulation") {
            // Its disks never hang, and looks are counted in real time.
            return Ok(Self { writes });
        }
        let (watched, poison) = (Arc::downgrade(&writes), Arc::clone(poison));
        let look = move || {
            let (mut seen, mut looks) = (0, 0);
            loop {
                std::thread::sleep(limit / STALL_LOOKS);
                let Some(writes) = watched.upgrade() else { return };
                let now = writes.load(Ordering::Acquire);
                let is_told = looks >= STALL_TOLD_LOOKS;
                looks = if now == seen && !now.is_multiple_of(2) { looks + 1 } else { 0 };
                seen = now;
                if is_told != (looks >= STALL_TOLD_LOOKS) {
                    poison.complain(limit / STALL_LOOKS * STALL_TOLD_LOOKS, is_told);
                }
                if let Err(error) = fault() {
                    return poison.raise("the database failed by itself", &error);
                }
                if looks >= STALL_LOOKS {
                    let error = io::Error::new(io::ErrorKind::TimedOut, format!("a write has not returned for {limit:?}"));
                    return poison.raise("the disk hangs", &error);
                }
            }
        };
        std::thread::Builder::new().name("disk-watchdog".into()).spawn(look)?;
        Ok(Self { writes })
    }

    /// Call it before a write or sync begins, and drop the value when it has returned. By the watched thread only, and not
    /// within another one.
    pub(crate) fn watch(&self) -> Watched<'_> {
        self.writes.fetch_add(1, Ordering::AcqRel);
        Watched(&self.writes)
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    const LIMIT: Duration = Duration::from_millis(300);
    /// Far beyond the limit: until then what must not happen has not, or what must happen has.
    const PATIENCE: Duration = Duration::from_secs(20);

    fn watched(limit: Duration, fault: impl Fn() -> io::Result<()> + Send + 'static) -> (Watchdog, Receiver<String>) {
        let (poison, (heard, reason)) = (Arc::new(Poison::new(std::path::Path::new("store"))), channel());
        poison.on_raise(Box::new(move |reason| heard.send(reason.to_owned()).unwrap()));
        (Watchdog::start(limit, &poison, fault).unwrap(), reason)
    }

    #[test]
    fn a_write_that_does_not_return_poisons_the_store() {
        let (dog, reason) = watched(LIMIT, || Ok(()));
        let _hangs = dog.watch();
        assert!(reason.recv_timeout(PATIENCE).unwrap().contains("the disk hangs"));
    }

    #[test]
    fn slow_writes_that_return_and_a_long_rest_do_not() {
        let (dog, reason) = watched(LIMIT, || Ok(()));
        for _ in 0..6 {
            let slow = dog.watch();
            assert!(reason.recv_timeout(LIMIT / 3).is_err());
            drop(slow);
        }
        assert!(reason.recv_timeout(2 * LIMIT).is_err());
    }

    #[test]
    fn what_the_engine_found_by_itself_poisons_at_the_next_look() {
        let (_dog, reason) = watched(PATIENCE, || Err(io::Error::other("a lost write")));
        assert!(reason.recv_timeout(PATIENCE).unwrap().contains("a lost write"));
    }
}
