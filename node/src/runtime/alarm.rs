//! One timer for one who waits, the Desk or the group of batches: rings at the earliest moment that was asked for.

use std::sync::atomic::{AtomicU64, Ordering};

use holdfast_inventory::Moment;
use tokio::sync::Notify;

use super::Clock;

const UNSET: u64 = u64::MAX;

/// Rings at the earliest moment asked for since it last rang.
#[derive(Debug)]
pub(crate) struct Alarm {
    at: AtomicU64,
    earlier: Notify,
}

impl Default for Alarm {
    fn default() -> Self {
        Self { at: AtomicU64::new(UNSET), earlier: Notify::new() }
    }
}

impl Alarm {
    /// Asks for a ring at `moment` or before.
    pub(crate) fn set(&self, moment: Option<Moment>) {
        if let Some(moment) = moment
            && moment.0 < self.at.fetch_min(moment.0, Ordering::AcqRel)
        {
            self.earlier.notify_one();
        }
    }

    /// Waits for the next ring. Cancel safe: a ring that was not taken stays set.
    pub(crate) async fn ring(&self, clock: &Clock) {
        loop {
            let at = self.at.load(Ordering::Acquire);
            if at == UNSET {
                self.earlier.notified().await;
                continue;
            }
            let instant = clock.instant(Moment(at));
            tokio::select! {
                biased;
                () = self.earlier.notified() => {}
                () = tokio::time::sleep_until(instant) => {
                    // Unset before the ring is told: whoever sets it from here on is heard.
                    self.at.store(UNSET, Ordering::Release);
                    return;
                }
            }
        }
    }
}
