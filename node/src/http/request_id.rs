//! Request ids: what a caller quotes and an operator finds in the log.

use std::sync::atomic::{AtomicU64, Ordering};

/// Gives ids that no other process gives: a random part of this process and a count.
#[derive(Debug)]
pub(crate) struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    /// Ids of a process, told apart by `process`, a random number.
    pub(crate) fn new(process: u64) -> Self {
        Self { process, next: AtomicU64::new(1) }
    }

    /// The next id.
    pub(crate) fn next(&self) -> String {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{:016x}-{count:x}", self.process)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_within_and_between_processes() {
        let (one, other) = (RequestIds::new(1), RequestIds::new(2));
        assert_ne!(one.next(), one.next());
        assert_ne!(RequestIds::new(1).next(), other.next());
    }
}
