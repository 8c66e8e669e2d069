//! A bounded queue from many threads to one writer, drained in lumps: what gathers while the writer syncs is the next group.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::workers::Bell;

/// What the writer found.
pub(crate) enum Drained<T> {
    /// Some items, in order.
    Items(Vec<T>),
    /// Nothing, and the caller did not want to wait.
    Idle,
    /// Nothing, and nothing will come.
    Closed,
}

/// Bounded by weight and by count; one item over the weight bound still enters an empty queue.
pub(crate) struct BoundedQueue<T> {
    inner: Mutex<Inner<T>>,
    /// Rings when there is something, or will never be.
    pub(crate) filled: Bell,
    emptied: Condvar,
    max_weight: usize,
    max_items: usize,
}

struct Inner<T> {
    items: VecDeque<(usize, T)>,
    weight: usize,
    closed: bool,
}

impl<T> BoundedQueue<T> {
    pub(crate) fn new(max_weight: usize, max_items: usize) -> Self {
        let inner = Inner { items: VecDeque::new(), weight: 0, closed: false };
        Self { inner: Mutex::new(inner), filled: Bell::new(), emptied: Condvar::new(), max_weight, max_items }
    }

    /// Adds an item, waiting for room. Gives it back if the queue is closed.
    pub(crate) fn push(&self, weight: usize, item: T) -> Result<(), T> {
        let mut inner = self.lock();
        while !inner.closed && !inner.items.is_empty() && (inner.weight + weight > self.max_weight || inner.items.len() >= self.max_items) {
            inner = self.emptied.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        if inner.closed {
            return Err(item);
        }
        inner.weight += weight;
        inner.items.push_back((weight, item));
        drop(inner);
        self.filled.notify_one();
        Ok(())
    }

    /// Takes items up to `max_weight`, at least one; waits for the first if `wait`. Closing is heard after the last item.
    pub(crate) fn drain(&self, max_weight: usize, wait: bool) -> Drained<T> {
        let mut inner = self.lock();
        while inner.items.is_empty() {
            if inner.closed {
                return Drained::Closed;
            }
            if !wait {
                return Drained::Idle;
            }
            inner = self.filled.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        let mut taken = Vec::new();
        let mut weight = 0;
        while let Some((next, _)) = inner.items.front() {
            if !taken.is_empty() && weight + next > max_weight {
                break;
            }
            let Some((next, item)) = inner.items.pop_front() else { break };
            weight += next;
            inner.weight -= next;
            taken.push(item);
        }
        drop(inner);
        self.emptied.notify_all();
        Drained::Items(taken)
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
        self.emptied.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items<T>(drained: Drained<T>) -> Vec<T> {
        match drained {
            Drained::Items(items) => items,
            _ => Vec::new(),
        }
    }

    #[test]
    fn a_drain_takes_what_gathered_up_to_its_weight() {
        let queue = BoundedQueue::new(100, 100);
        for n in 0..5 {
            queue.push(10, n).unwrap();
        }
        assert_eq!(items(queue.drain(30, true)), [0, 1, 2]);
        assert_eq!(items(queue.drain(5, true)), [3]);
        assert_eq!(items(queue.drain(5, false)), [4]);
        assert!(matches!(queue.drain(5, false), Drained::Idle));
    }

    #[test]
    fn a_full_queue_makes_the_next_item_wait_for_room() {
        let queue = BoundedQueue::new(10, 100);
        queue.push(10, 1).unwrap();
        std::thread::scope(|scope| {
            let pusher = scope.spawn(|| queue.push(10, 2));
            let mut seen = Vec::new();
            while seen.len() < 2 {
                let taken = items(queue.drain(100, true));
                assert_eq!(taken.len(), 1, "two items of 10 never stand together in a queue of 10");
                seen.extend(taken);
            }
            pusher.join().unwrap().unwrap();
            assert_eq!(seen, [1, 2]);
        });
    }

    #[test]
    fn a_closed_queue_gives_out_what_it_has_and_takes_no_more() {
        let queue = BoundedQueue::new(10, 100);
        queue.push(1, 1).unwrap();
        queue.close();
        assert_eq!(queue.push(1, 2), Err(2));
        assert_eq!(items(queue.drain(10, true)), [1]);
        assert!(matches!(queue.drain(10, true), Drained::Closed));
    }
}
