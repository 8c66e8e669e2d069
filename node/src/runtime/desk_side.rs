//! The Desk in its lock, and its effects.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use holdfast_inventory::desk::{Ask, Desk, Effect};
use holdfast_inventory::{Applied, BatchResult, CommandOutcome, Inventory, LogIndex, Moment, Outcome, Stamp};
use holdfast_raft::Observer;
use holdfast_storage::abort;
use tokio::sync::mpsc;

use super::message::{self, Message, Reply};
use super::views::StateRecords;
use super::waiter::{Many, Waiter};
use super::{Runtime, limits, locked};

type Effects = Vec<Effect<Waiter>>;

/// That the state of this node was fresh.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    /// When it was asked for, by the node's monotonic time.
    pub sent: Moment,
    /// The same in cluster time, at the earliest: less what the clock may be ahead.
    pub as_of: Stamp,
}

impl Runtime {
    /// Does one thing with the Desk, then carries out what it wants done, outside its lock.
    pub(crate) fn with_desk<R>(&self, act: impl FnOnce(&mut Desk<Waiter>, &StateRecords<'_>, Moment, &mut Effects) -> R) -> Option<R> {
        let core = self.core.get()?;
        let mut effects = Vec::new();
        let (result, wake_at, drained) = {
            let mut desk = locked(&core.desk);
            let records = StateRecords::new(core.raft.inventory(), self.config.node);
            let now = self.clock.moment();
            let result = act(&mut desk, &records, now, &mut effects);
            (result, desk.wake_at(), desk.is_drained())
        };
        self.carry_out(effects);
        self.alarm.set(wake_at);
        if drained {
            self.drained.notify_waiters();
        }
        Some(result)
    }

    fn carry_out(&self, effects: Effects) {
        for effect in effects {
            match effect {
                Effect::Answer(waiter, answer) => waiter.answer(answer),
                Effect::Propose(batch) => self.propose(batch),
                Effect::OpenSession(open) => drop(self.session_wanted.send_replace(Some(open))),
                Effect::AskRefill { sku, units, needed } => {
                    locked(&self.refills).insert(sku, (units, needed));
                    self.metrics.refills.increment(u64::from(units > 0));
                    self.report_wanted.notify_one();
                }
                Effect::Probe => self.probe_wanted.notify_one(),
            }
        }
    }

    fn propose(&self, batch: Bytes) {
        let now = self.clock.moment().0.max(1);
        if self.proposed_at.compare_exchange(0, now, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            self.metrics.reproposals.increment(1);
        }
        // A full queue loses the proposal, as the network may: the Desk proposes it again.
        drop(self.proposals.try_send(batch));
    }

    /// Hands one request to the Desk.
    pub(crate) fn admit(&self, ask: Ask, waiter: Waiter) {
        self.asked.store(true, Ordering::Release);
        let time = self.clock.cluster();
        self.with_desk(|desk, records, now, out| desk.admit(now, time, ask, waiter, records, out));
    }

    /// Hands many requests to the Desk under one lock.
    pub(crate) fn admit_many(&self, asks: Vec<Ask>, many: &Arc<Many>) {
        self.asked.store(true, Ordering::Release);
        let time = self.clock.cluster();
        self.with_desk(|desk, records, now, out| {
            for (place, ask) in asks.into_iter().enumerate() {
                desk.admit(now, time, ask, Waiter::OfMany(place, Arc::clone(many)), records, out);
            }
        });
    }

    /// The bounds of a batch are replicated: an edit of the configuration after the cluster was made can only lower them. To be
    /// told before the node has a session, and so before it proposes.
    fn bound_batches(&self) {
        let bounds = |state: &Inventory| (state.params().max_batch_requests as usize, state.params().max_entry_bytes as usize);
        let Some((requests, bytes)) = self.state().filter(|state| state.is_bootstrapped()).map(|state| bounds(&state)) else { return };
        self.with_desk(|desk, _, _, _| desk.bound_batches(requests, bytes));
    }

    /// The state was replaced, or the Desk begins.
    pub(crate) fn desk_reloaded(&self) {
        self.bound_batches();
        self.with_desk(|desk, records, now, out| desk.snapshot_installed(now, records, out));
        if let Some(state) = self.state() {
            self.clock.saw(state.clock());
            self.applied.send_replace(state.last_index());
        }
    }

    pub(crate) async fn run_alarm(self: Arc<Self>) {
        loop {
            self.alarm.ring(&self.clock).await;
            self.with_desk(|desk, records, now, out| desk.wake(now, records, out));
        }
    }

    /// Sends batches to whoever leads.
    pub(crate) async fn run_proposer(self: Arc<Self>, mut batches: mpsc::Receiver<Bytes>) {
        while let Some(batch) = batches.recv().await {
            let Some(raft) = self.consensus() else { continue };
            let view = *raft.leader().borrow();
            if view.is_self {
                if self.log_batch(raft, batch).await.is_err() {
                    self.proposal_refused();
                }
            } else if let Some(leader) = view.leader {
                // On a task of its own: its answer may come after the next batch is ready.
                let (runtime, raft) = (Arc::clone(&self), raft.clone());
                self.spawn(async move {
                    let body = message::encode(&Message::Propose(batch));
                    let reply = raft.call(leader, body, limits::PROPOSE_TIMEOUT).await;
                    match reply.ok().and_then(|body| message::decode(&body).ok()) {
                        Some(Reply::Queued) => {}
                        // No haste: a leader that cannot read the batch will not a moment later. Another one may.
                        Some(Reply::Refused(reason)) => {
                            tracing::error!(%leader, reason, "alarm: the leader does not take this node's batch");
                        }
                        _ => runtime.proposal_refused(),
                    }
                });
            }
        }
    }

    fn proposal_refused(&self) {
        self.with_desk(|desk, _, now, _| desk.proposal_refused(now));
    }

    pub(crate) async fn wait_drained(&self) {
        loop {
            let notified = self.drained.notified();
            if self.core.get().is_none_or(|core| locked(&core.desk).is_drained()) {
                return;
            }
            notified.await;
        }
    }

    fn observe(&self, applied: &Applied) {
        if let CommandOutcome::Batch(batch) = &applied.outcome
            && batch.node == Some(self.config.node)
            && let BatchResult::Judged(outcomes) = &batch.result
        {
            if outcomes.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Accepted { .. })) {
                abort::point("answer");
            }
            self.metrics.batch_requests.record(outcomes.outcomes.len() as f64);
            let since = self.proposed_at.swap(0, Ordering::AcqRel);
            if since != 0 {
                let took = self.clock.moment().0.saturating_sub(since);
                self.metrics.commit_seconds.record(took as f64 / 1e6);
            }
        }
    }
}

impl Observer for Runtime {
    fn applied(&self, batch: Vec<Applied>) {
        let Some(last) = batch.last() else { return };
        let (index, stamp): (LogIndex, Stamp) = (last.index, last.stamp);
        self.clock.saw(stamp);
        for applied in &batch {
            self.observe(applied);
        }
        self.batches_applied(batch.iter().filter(|applied| matches!(applied.outcome, CommandOutcome::Batch(_))).count());
        if batch.iter().any(|applied| matches!(applied.outcome, CommandOutcome::SessionOpened(_))) {
            self.bound_batches();
        }
        self.with_desk(|desk, records, now, out| {
            for applied in &batch {
                desk.applied(now, applied, records, out);
            }
        });
        self.policy_touched(&batch);
        self.applied.send_replace(index);
    }

    fn installed(&self) {
        self.desk_reloaded();
    }
}
