//! Sleeps that end when they should: the runtime's own timer counts whole milliseconds.

use std::io;
use std::time::Duration;

/// Ends sleeps of one thread within some tens of microseconds where the system has a timer for it (Linux), and within a
/// millisecond or two elsewhere.
#[derive(Debug)]
pub(super) struct Pacer {
    #[cfg(target_os = "linux")]
    timer: tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>,
}

#[cfg(target_os = "linux")]
impl Pacer {
    /// Needs the runtime of the thread that will sleep.
    #[expect(deprecated, reason = "unsound for a type that gives out another descriptor each time, which an owned one does not")]
    pub(super) fn new() -> io::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        Ok(Self { timer: tokio::io::unix::AsyncFd::new(timer)? })
    }

    /// Sleeps.
    pub(super) async fn sleep(&mut self, duration: Duration) -> io::Result<()> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        let once = Timespec { tv_sec: 0, tv_nsec: 0 };
        // A time of zero would stop the timer instead of ending the sleep.
        let nanos = duration.subsec_nanos().max(1);
        let end = Timespec { tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX), tv_nsec: nanos.into() };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &Itimerspec { it_interval: once, it_value: end })?;
        loop {
            let mut ready = self.timer.readable().await?;
            let read = ready.try_io(|timer| Ok(rustix::io::read(timer, &mut [0; 8])?));
            if let Ok(read) = read {
                return read.map(drop);
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Pacer {
    /// Needs the runtime of the thread that will sleep.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Sleeps.
    pub(super) async fn sleep(&mut self, duration: Duration) -> io::Result<()> {
        tokio::time::sleep(duration).await;
        Ok(())
    }
}
