//! Work that can wait gives way to answers.

use rustix::process::setpriority_process;

use crate::limits::BACKGROUND_NICE;

/// Lowers the priority of the calling thread, and of those that it starts from now on: a thread that answers buyers, or writes the
/// Raft log, no longer waits on its core until such work is done. Where that is refused, it runs as before.
pub(crate) fn give_way() {
    // On Linux, none means the calling thread and not its process.
    if let Err(error) = setpriority_process(None, BACKGROUND_NICE) {
        tracing::debug!(%error, "background work runs at full priority");
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    fn priority() -> i32 {
        getpriority_process(None).unwrap()
    }

    #[test]
    fn a_thread_that_gives_way_takes_those_it_starts_with_it_and_no_other() {
        let before = priority();
        let (own, started) = std::thread::spawn(|| {
            give_way();
            (priority(), std::thread::spawn(priority).join().unwrap())
        })
        .join()
        .unwrap();
        assert_eq!((own, started, priority()), (BACKGROUND_NICE, BACKGROUND_NICE, before));
    }
}
