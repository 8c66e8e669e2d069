//! Group commit on the leader: batches of several nodes share one append, one sync and one round of messages.
//!
//! Each node has one batch in flight. Where buyers ask several nodes, each batch by itself would cost the cluster what a batch
//! of all of them costs: wake-ups, frames and a sync on every node, whatever is in it. So batches that come while a group is in
//! flight are held until it was applied, and after that until the nodes of that group have come again. One node alone never
//! waits. Each of the two waits ends after [`GROUP_WAIT`](super::limits::GROUP_WAIT): what is in flight may be lost, and a node may
//! stay away.

use bytes::Bytes;
use holdfast_inventory::Moment;
use holdfast_raft::{ProposeError, RaftNode};

use super::{Runtime, limits, locked};

/// The batches that the leader holds, and for whom they wait.
#[derive(Debug, Default)]
pub(super) struct Group {
    held: Vec<Bytes>,
    /// Batches that were logged and not seen applied. A guess: one may be lost, or be applied twice.
    in_flight: usize,
    /// Batches of the group in flight that were applied.
    applied: usize,
    /// How many batches the next group waits for.
    expected: usize,
    /// From here on, nothing is waited for.
    until: Moment,
}

impl Group {
    /// Takes a batch; gives back what is to be logged now.
    fn offer(&mut self, now: Moment, batch: Bytes) -> Vec<Bytes> {
        let is_large = batch.len() >= limits::GROUP_BYTES;
        self.held.push(batch);
        if is_large { self.take(now) } else { self.due(now) }
    }

    /// What is to be logged now.
    fn due(&mut self, now: Moment) -> Vec<Bytes> {
        let is_complete = self.in_flight == 0 && self.held.len() >= self.expected;
        if is_complete || now >= self.until { self.take(now) } else { Vec::new() }
    }

    fn take(&mut self, now: Moment) -> Vec<Bytes> {
        if !self.held.is_empty() {
            // What passed its time is waited for no more.
            self.in_flight = if now >= self.until { self.held.len() } else { self.in_flight + self.held.len() };
            self.applied = 0;
            self.until = now.after(limits::GROUP_WAIT);
        }
        std::mem::take(&mut self.held)
    }

    /// When what is held is to be logged, whoever is missing.
    fn wake_at(&self) -> Option<Moment> {
        (!self.held.is_empty()).then_some(self.until)
    }

    /// So many batches were applied; what is applied while none is in flight is not this leader's group.
    fn applied(&mut self, now: Moment, batches: usize) {
        if self.in_flight == 0 {
            return;
        }
        self.applied += batches;
        self.in_flight = self.in_flight.saturating_sub(batches);
        if self.in_flight == 0 {
            // The nodes answered just now are expected to come again.
            self.expected = self.applied + self.held.len();
            self.applied = 0;
            self.until = now.after(limits::GROUP_WAIT);
        }
    }
}

impl Runtime {
    /// On the leader: takes a batch into the log, now or with those that it waits for. It may still be lost.
    pub(super) async fn log_batch(&self, raft: &RaftNode, batch: Bytes) -> Result<(), ProposeError> {
        raft.may_propose()?;
        let now = self.clock.moment();
        let (due, wake_at) = {
            let mut group = locked(&self.group);
            (group.offer(now, batch), group.wake_at())
        };
        self.group_alarm.set(wake_at);
        self.log_all(raft, due).await
    }

    async fn log_all(&self, raft: &RaftNode, batches: Vec<Bytes>) -> Result<(), ProposeError> {
        for batch in batches {
            raft.propose_unwatched(batch).await?;
        }
        Ok(())
    }

    /// Logs what has waited long enough.
    pub(super) async fn run_group(self: std::sync::Arc<Self>) {
        loop {
            self.group_alarm.ring(&self.clock).await;
            let Some(raft) = self.consensus() else { continue };
            let now = self.clock.moment();
            let (due, wake_at) = {
                let mut group = locked(&self.group);
                (group.due(now), group.wake_at())
            };
            self.group_alarm.set(wake_at);
            if self.log_all(raft, due).await.is_err() {
                self.proposal_refused();
            }
        }
    }

    pub(super) fn batches_applied(&self, batches: usize) {
        if batches > 0 {
            locked(&self.group).applied(self.clock.moment(), batches);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Bytes {
        Bytes::from_static(b"batch")
    }

    const NOW: Moment = Moment(1_000_000);

    #[test]
    fn one_node_alone_waits_for_nobody() {
        let mut group = Group::default();
        for step in 0..5 {
            let now = NOW.after(holdfast_inventory::Millis(step));
            assert_eq!(group.offer(now, batch()).len(), 1, "{step}");
            group.applied(now, 1);
        }
    }

    #[test]
    fn batches_that_meet_are_logged_together_from_then_on() {
        let mut group = Group::default();
        assert_eq!(group.offer(NOW, batch()).len(), 1);
        assert!(group.offer(NOW, batch()).is_empty(), "one is in flight");
        assert!(group.offer(NOW, batch()).is_empty());
        group.applied(NOW, 1);
        assert!(group.due(NOW).is_empty(), "the one that was answered is expected again");
        assert_eq!(group.offer(NOW, batch()).len(), 3);
        for _ in 0..3 {
            assert!(group.due(NOW).is_empty());
            group.applied(NOW, 1);
        }
        assert!(group.offer(NOW, batch()).is_empty());
        assert!(group.offer(NOW, batch()).is_empty());
        assert_eq!(group.offer(NOW, batch()).len(), 3);
    }

    #[test]
    fn who_does_not_come_is_waited_for_once_and_not_for_long() {
        let mut group = Group::default();
        assert_eq!(group.offer(NOW, batch()).len(), 1);
        assert!(group.offer(NOW, batch()).is_empty());
        group.applied(NOW, 1);
        let until = group.wake_at().unwrap();
        assert!(until > NOW && group.due(Moment(until.0 - 1)).is_empty());
        assert_eq!(group.due(until).len(), 1);
        group.applied(until, 1);
        assert_eq!(group.offer(until, batch()).len(), 1, "alone from here on");
    }

    #[test]
    fn a_lost_group_holds_nobody_for_long() {
        let mut group = Group::default();
        assert_eq!(group.offer(NOW, batch()).len(), 1);
        assert!(group.offer(NOW, batch()).is_empty());
        let until = group.wake_at().unwrap();
        assert_eq!(group.due(until).len(), 1);
        group.applied(until, 1);
        assert_eq!(group.offer(until, batch()).len(), 1, "the lost one is not counted as in flight any more");
    }

    #[test]
    fn what_others_logged_prolongs_no_wait() {
        let mut group = Group::default();
        assert_eq!(group.offer(NOW, batch()).len(), 1);
        assert!(group.offer(NOW, batch()).is_empty());
        group.applied(NOW, 1);
        let until = group.wake_at().unwrap();
        group.applied(Moment(until.0 - 1), 1);
        assert_eq!(group.wake_at(), Some(until));
    }

    #[test]
    fn a_large_batch_waits_for_nobody_and_takes_the_others_with_it() {
        let mut group = Group::default();
        assert_eq!(group.offer(NOW, batch()).len(), 1);
        assert!(group.offer(NOW, batch()).is_empty());
        assert_eq!(group.offer(NOW, vec![0; limits::GROUP_BYTES].into()).len(), 2);
    }
}
