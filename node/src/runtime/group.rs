//! Group commit on the leader: batches of several nodes share one append, one sync and one round of messages.
//!
//! Each node has one batch in flight. Where buyers ask several nodes, each batch by itself would cost the cluster what a batch
//! of all of them costs: wake-ups, frames and a sync on every node, whatever is in it. So batches that come while a group is in
//! flight are held until it was applied, and after that until the nodes of that group have come again. One node alone never
//! waits. Each of the two waits ends after [`GROUP_WAIT`](limits::GROUP_WAIT), and each that was in vain lets more of the
//! batches after it pass: what nodes with irregular buyers, or a slow one among them, lose to it is a small part.

use std::iter;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use holdfast_inventory::Moment;
use holdfast_raft::{ProposeError, RaftNode};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::{Runtime, limits, locked};

/// A batch, and who is told that it was logged.
#[derive(Debug)]
pub(super) struct Batch {
    bytes: Bytes,
    logged: oneshot::Sender<Result<(), ProposeError>>,
}

/// What the leader holds, and what it waits for.
#[derive(Debug)]
pub(super) struct Group<T> {
    held: Vec<T>,
    /// Of the group that was logged last, the batches that were not seen applied. A guess: one may be lost, or be applied twice.
    in_flight: usize,
    /// Those that were.
    applied: usize,
    /// How many batches the next group waits for.
    expected: usize,
    /// From here on nothing is waited for; it moves when a group is logged, and when it was applied.
    until: Moment,
    /// So many batches wait for nobody.
    passing: usize,
    /// And so many after the next wait in vain.
    penalty: usize,
}

impl<T> Default for Group<T> {
    fn default() -> Self {
        Self { held: Vec::new(), in_flight: 0, applied: 0, expected: 0, until: Moment(0), passing: 0, penalty: 1 }
    }
}

impl<T> Group<T> {
    /// Takes a batch of so many bytes; gives back what is to be logged now.
    fn offer(&mut self, now: Moment, batch: T, bytes: usize) -> Vec<T> {
        let is_vain = now >= self.until && !self.held.is_empty();
        self.held.push(batch);
        let passes = self.passing > 0;
        self.passing = self.passing.saturating_sub(1);
        if is_vain {
            self.waited_in_vain();
        } else if self.in_flight == 0 && self.held.len() >= self.expected {
            // The guess was right, if it was one.
            self.penalty = if self.held.len() > 1 { 1 } else { self.penalty };
        } else if !passes && now < self.until && bytes < limits::GROUP_BYTES && self.held.len() < limits::GROUP_BATCHES {
            return Vec::new();
        }
        self.take(now)
    }

    /// What has waited long enough.
    fn overdue(&mut self, now: Moment) -> Vec<T> {
        if self.held.is_empty() || now < self.until {
            return Vec::new();
        }
        self.waited_in_vain();
        self.take(now)
    }

    fn waited_in_vain(&mut self) {
        self.passing = self.penalty;
        self.penalty = (self.penalty * 2).min(limits::GROUP_PASSES);
    }

    fn take(&mut self, now: Moment) -> Vec<T> {
        self.in_flight = self.held.len();
        self.applied = 0;
        self.until = now.after(limits::GROUP_WAIT);
        std::mem::take(&mut self.held)
    }

    /// When what is held is overdue.
    fn wake_at(&self) -> Option<Moment> {
        (!self.held.is_empty()).then_some(self.until)
    }

    /// So many batches were applied; what is applied while none is in flight is not this leader's group.
    fn saw_applied(&mut self, now: Moment, batches: usize) {
        if self.in_flight == 0 {
            return;
        }
        self.applied += batches;
        self.in_flight = self.in_flight.saturating_sub(batches);
        if self.in_flight == 0 {
            // The nodes answered just now are expected to come again.
            self.expected = self.applied + self.held.len();
            self.until = now.after(limits::GROUP_WAIT);
        }
    }
}

impl Runtime {
    /// On the leader: returns once a batch is queued in the log, at once or with those that it waits for. It may still be lost.
    pub(super) async fn log_batch(&self, raft: &RaftNode, bytes: Bytes) -> Result<(), ProposeError> {
        let (logged, heard) = oneshot::channel();
        let (size, now) = (bytes.len(), self.clock.moment());
        let (due, wake_at) = {
            let mut group = locked(&self.group);
            (group.offer(now, Batch { bytes, logged }, size), group.wake_at())
        };
        self.group_alarm.set(wake_at);
        self.log_all(raft, due).await;
        tokio::select! {
            biased;
            told = heard => told.unwrap_or(Err(ProposeError::Unknown)),
            () = self.stopping.cancelled() => Err(ProposeError::Stopped),
        }
    }

    async fn log_all(&self, raft: &RaftNode, batches: Vec<Batch>) {
        if !batches.is_empty() {
            self.metrics.group_batches.record(batches.len() as f64);
        }
        for Batch { bytes, logged } in batches {
            let result = if self.clock.is_settling() {
                // Stamped now, an order's hold would be over when the clock is stepped. Its node proposes it again soon.
                Err(ProposeError::NotLeader { leader: None })
            } else {
                let dropped = self.dropped.clone();
                // A full queue loses it: its node proposes it again.
                raft.propose_unwatched(bytes, move |again| drop(dropped.try_send(again))).await
            };
            // Whoever went away hears of the batch by its own apply, or proposes it again.
            drop(logged.send(result));
        }
    }

    /// While this node leads, proposes again what consensus dropped, for no majority had answered when it came to it. The node of such a
    /// batch was told that it is queued, sees no other leader, and would not ask again for long. One that is logged twice changes nothing
    /// the second time.
    pub(super) async fn run_dropped(self: Arc<Self>, mut dropped: mpsc::Receiver<Bytes>) {
        while let Some(first) = dropped.recv().await {
            sleep(limits::DROPPED_PAUSE).await;
            let Some(raft) = self.consensus() else { continue };
            let again = iter::successors(Some(first), |_| dropped.try_recv().ok());
            join_all(again.map(async |batch| {
                self.metrics.reproposals.increment(1);
                if self.log_batch(raft, batch.clone()).await.is_err() && raft.leader().borrow().is_self {
                    // A full queue loses it, as above.
                    drop(self.dropped.try_send(batch));
                }
            }))
            .await;
        }
    }

    /// Logs what has waited long enough.
    pub(super) async fn run_group(self: Arc<Self>) {
        loop {
            self.group_alarm.ring(&self.clock).await;
            let Some(raft) = self.consensus() else { continue };
            let now = self.clock.moment();
            let (due, wake_at) = {
                let mut group = locked(&self.group);
                (group.overdue(now), group.wake_at())
            };
            self.group_alarm.set(wake_at);
            self.log_all(raft, due).await;
        }
    }

    /// To be told before the Desk, whose next batch comes right after the one that was applied.
    pub(super) fn batches_applied(&self, batches: usize) {
        if batches > 0 {
            locked(&self.group).saw_applied(self.clock.moment(), batches);
        }
    }
}

#[cfg(test)]
mod tests {
    use holdfast_inventory::Millis;

    use super::*;

    const NOW: Moment = Moment(1_000_000);

    impl Group<()> {
        fn small(&mut self, now: Moment) -> usize {
            self.offer(now, (), 5).len()
        }
    }

    /// One batch in flight, one held.
    fn met() -> Group<()> {
        let mut group = Group::default();
        assert_eq!(group.small(NOW), 1);
        assert_eq!(group.small(NOW), 0, "one is in flight");
        group
    }

    #[test]
    fn one_node_alone_waits_for_nobody() {
        let mut group = Group::default();
        for step in 0..5 {
            let now = NOW.after(Millis(step));
            assert_eq!(group.small(now), 1, "{step}");
            group.saw_applied(now, 1);
        }
    }

    #[test]
    fn batches_that_meet_are_logged_together_from_then_on() {
        let mut group = met();
        assert_eq!(group.small(NOW), 0);
        group.saw_applied(NOW, 1);
        assert!(group.overdue(NOW).is_empty(), "the one that was answered is expected again");
        assert_eq!(group.small(NOW), 3);
        for _ in 0..3 {
            group.saw_applied(NOW, 1);
        }
        assert_eq!((group.small(NOW), group.small(NOW), group.small(NOW)), (0, 0, 3));
    }

    #[test]
    fn who_does_not_come_is_waited_for_once_and_not_for_long() {
        let mut group = met();
        group.saw_applied(NOW, 1);
        let until = group.wake_at().unwrap();
        assert!(until > NOW && group.overdue(Moment(until.0 - 1)).is_empty());
        assert_eq!(group.overdue(until).len(), 1);
        group.saw_applied(until, 1);
        assert_eq!(group.small(until), 1, "alone from here on");
    }

    #[test]
    fn a_lost_group_holds_nobody_for_long() {
        let mut group = met();
        let until = group.wake_at().unwrap();
        assert_eq!(group.overdue(until).len(), 1);
        group.saw_applied(until, 1);
        assert_eq!(group.small(until), 1, "the lost one is not counted as in flight any more");
    }

    #[test]
    fn what_others_logged_prolongs_no_wait() {
        let mut group = met();
        group.saw_applied(NOW, 1);
        let until = group.wake_at().unwrap();
        group.saw_applied(Moment(until.0 - 1), 1);
        assert_eq!(group.wake_at(), Some(until));
    }

    #[test]
    fn waits_in_vain_grow_rare_and_a_guess_that_was_right_ends_that() {
        let mut group = Group::default();
        let (mut now, mut waits, mut batches) = (NOW, 0, 0);
        // Two nodes that are never there at the same time again.
        while batches < 2_000 {
            for _ in 0..2 {
                batches += 1;
                if group.small(now) == 0 {
                    now = group.wake_at().unwrap();
                    waits += usize::from(!group.overdue(now).is_empty());
                }
            }
            group.saw_applied(now, 1);
            now = now.after(Millis(1));
        }
        assert!((8..80).contains(&waits), "{waits} waits in vain of {batches} batches");
        // Both come again, until they are held once more and meet.
        let mut steps = 0;
        while group.penalty > 1 {
            steps += 1;
            assert!(steps < 200, "{group:?}");
            let logged: usize = (0..2).map(|_| group.small(now)).sum();
            group.saw_applied(now, logged.max(1));
        }
    }

    #[test]
    fn a_large_batch_waits_for_nobody_and_takes_the_others_with_it() {
        let mut group = met();
        assert_eq!(group.offer(NOW, (), limits::GROUP_BYTES).len(), 2);
    }

    #[test]
    fn no_more_is_held_than_the_bound_says() {
        let mut group = met();
        let held = (2..=limits::GROUP_BATCHES).map(|_| group.small(NOW)).max();
        assert_eq!(held, Some(limits::GROUP_BATCHES));
    }
}
