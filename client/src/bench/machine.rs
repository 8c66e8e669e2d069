//! What this machine's kernel tells of processor time and memory.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// What one thread of the generator has used so far, or between two looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct ThreadUse {
    pub(super) at: Instant,
    pub(super) wall: Duration,
    pub(super) cpu: Duration,
    /// Runnable, but without a core.
    pub(super) starved: Duration,
}

impl ThreadUse {
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            at: self.at,
            wall: self.at - before.at,
            cpu: self.cpu.saturating_sub(before.cpu),
            starved: self.starved.saturating_sub(before.starved),
        }
    }
}

/// What the calling thread has used so far.
pub(super) fn thread_use() -> ThreadUse {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let starved_ns = schedule.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0);
    let now = clock_gettime(ClockId::ThreadCPUTime);
    let cpu = Duration::new(u64::try_from(now.tv_sec).unwrap_or(0), u32::try_from(now.tv_nsec).unwrap_or(0));
    ThreadUse { at: Instant::now(), wall: Duration::ZERO, cpu, starved: Duration::from_nanos(starved_ns) }
}

/// Processor time of a process with all its threads, user and kernel together; none if there is no such process or no `/proc`.
pub(super) fn process_cpu(pid: u32) -> Option<Duration> {
    let ticks = cpu_ticks(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
    Some(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// Fields 14 and 15; the name before them may hold anything, even `)`.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

/// Memory of a process that is in use now, in bytes.
pub(super) fn process_memory(pid: u32) -> Option<u64> {
    memory_bytes(&std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

fn memory_bytes(status: &str) -> Option<u64> {
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(kib.split_whitespace().next()?.parse::<u64>().ok()? << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let stat = "17 (a) b (c)) S 1 17 17 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 100 1000 50";
        assert_eq!(cpu_ticks(stat), Some(300));
        assert_eq!(memory_bytes("Name:\tx\nVmRSS:\t    2048 kB\n"), Some(2 << 20));
        assert_eq!((cpu_ticks("x"), memory_bytes("")), (None, None));
    }

    #[test]
    fn this_process_uses_time_and_memory() {
        let before = thread_use();
        let sum: u64 = (0..3_000_000u64).map(std::hint::black_box).sum();
        assert!(sum > 0 && thread_use().since(before).cpu > Duration::ZERO);
        assert!(process_cpu(std::process::id()).is_some() && process_memory(std::process::id()) > Some(1 << 20));
    }
}
