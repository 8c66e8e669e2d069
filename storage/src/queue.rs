//! A bounded queue from many threads to one writer, drained in lumps: what gathers while the writer syncs is the next group.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

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

/// Bounded by weight and by count, if who pushes waits for room first; one item may pass the bound.
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

    /// Whether it is within its bounds, or closed.
    pub(crate) fn has_room(&self) -> bool {
        self.is_open_for_more(&self.lock())
    }

    /// Blocks until it is, for so long at the most; whether it is.
    pub(crate) fn wait_for_room(&self, most: Duration) -> bool {
        let full = |inner: &mut Inner<T>| !self.is_open_for_more(inner);
        let (inner, _) = self.emptied.wait_timeout_while(self.lock(), most, full).unwrap_or_else(PoisonError::into_inner);
        self.is_open_for_more(&inner)
    }

    fn is_open_for_more(&self, inner: &Inner<T>) -> bool {
        inner.closed || (inner.weight < self.max_weight && inner.items.len() < self.max_items)
    }

    /// Adds an item. Gives it back if the queue is closed.
    pub(crate) fn push(&self, weight: usize, item: T) -> Result<(), T> {
        let mut inner = self.lock();
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

    const LONG: Duration = Duration::from_secs(20);

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
    fn who_waits_for_room_never_finds_two_items_where_one_has_room() {
        for (max_weight, max_items) in [(10, 100), (100, 1)] {
            let queue = BoundedQueue::new(max_weight, max_items);
            std::thread::scope(|scope| {
                let pusher = scope.spawn(|| {
                    for item in 0..100 {
                        assert!(queue.wait_for_room(LONG) && queue.has_room(), "there is one who pushes");
                        queue.push(10, item).unwrap();
                    }
                });
                let mut seen = Vec::new();
                while seen.len() < 100 {
                    let taken = items(queue.drain(100, true));
                    assert_eq!(taken.len(), 1);
                    seen.extend(taken);
                }
                pusher.join().unwrap();
                assert!(seen.is_sorted());
            });
        }
    }

    #[test]
    fn nobody_waits_for_room_in_a_closed_queue() {
        let queue = BoundedQueue::new(10, 100);
        queue.push(10, 1).unwrap();
        assert!(!queue.wait_for_room(Duration::from_millis(1)), "it is full");
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| queue.wait_for_room(LONG));
            queue.close();
            assert!(waiting.join().unwrap());
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
