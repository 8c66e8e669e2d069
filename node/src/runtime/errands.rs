//! What a node does beside selling: opens its session, proves that it is fresh, reports to the leader.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use holdfast_inventory::reconcile::Report;
use holdfast_inventory::{Command, OpenSession, SkuId};
use tokio::time::{sleep, timeout};

use super::desk_side::Proof;
use super::message::{Message, NodeReport, Refill, Reply};
use super::{Runtime, limits, locked};

impl Runtime {
    /// Opens sessions as the Desk asks for them.
    pub(crate) async fn run_sessions(self: Arc<Self>) {
        let mut wanted = self.session_wanted.subscribe();
        loop {
            let open = *wanted.borrow_and_update();
            let opened = match open {
                Some(open) if !self.draining.load(Ordering::Acquire) => tokio::select! {
                    biased;
                    opened = self.open_session(open) => opened,
                    // The Desk asks again when the question may be lost, as with a leader that is gone: who waited for that
                    // one's answer would open no session while others lead already. Asked twice, the session is the same.
                    Ok(()) = wanted.changed() => continue,
                },
                _ => true,
            };
            if opened {
                if wanted.changed().await.is_err() {
                    return;
                }
            } else {
                sleep(limits::SESSION_PAUSE).await;
            }
        }
    }

    /// The Desk asks only once it has caught up with a read index: what it then sells from is not stale.
    async fn open_session(&self, open: OpenSession) -> bool {
        self.metrics.sessions.increment(1);
        self.command(&Command::OpenSession(open)).await.is_ok()
    }

    /// Gives the session, and with it whatever slices are left, back.
    pub(crate) async fn close_session(&self) {
        let session = self.state().and_then(|state| state.session_of(self.config.node).filter(|s| s.open).map(|s| s.id));
        if let Some(session) = session {
            drop(self.command(&Command::CloseSession { session }).await);
        }
    }

    /// Asks for a proof of freshness whenever somebody wants one; one question is under way at a time.
    pub(crate) async fn run_probes(self: Arc<Self>) {
        loop {
            self.probe_wanted.notified().await;
            self.probe().await;
        }
    }

    async fn probe(&self) {
        let (sent, as_of) = (self.clock.moment(), self.clock.cluster().earliest());
        self.metrics.probes.increment(1);
        let reply = self.ask_leader(&Message::ReadIndex, limits::READ_TRY_TIMEOUT).await;
        let Ok(Reply::ReadIndex(index)) = reply else {
            self.is_behind.store(false, Ordering::Release);
            sleep(limits::LEADER_PAUSE).await;
            return;
        };
        self.with_desk(|desk, records, now, out| desk.fresh(now, sent, index, records, out));
        let Ok(raft) = self.raft() else { return };
        let is_applied = raft.await_applied(index, limits::AWAIT_APPLIED).await;
        self.is_behind.store(!is_applied, Ordering::Release);
        if is_applied {
            self.proof.send_replace(Some(Proof { sent, as_of }));
        }
    }

    /// Tells the leader how this node stands, several times a second, and at once when it needs units.
    pub(crate) async fn run_reports(self: Arc<Self>) {
        loop {
            drop(timeout(self.config.report_every, self.report_wanted.notified()).await);
            self.report().await;
            sleep(limits::REPORT_AT_LEAST).await;
        }
    }

    /// A node that nobody asks anything still shows that a quorum answers: readiness rests on it.
    fn keep_proof(&self) {
        let now = self.clock.moment();
        if self.proof.borrow().is_none_or(|proof| now.since(proof.sent) >= limits::PROOF_KEPT) {
            self.probe_wanted.notify_one();
        }
    }

    /// Whether a quorum answered lately.
    pub(crate) fn is_proven(&self) -> bool {
        let now = self.clock.moment();
        self.proof.borrow().is_some_and(|proof| now.since(proof.sent) <= limits::READY_PROOF_AGE)
    }

    /// Once when no majority answers any more, or what it answered is not applied here, and once when that is over: in between each
    /// peer that is not reached tells of itself.
    fn tell_majority(&self) {
        let is_proven = self.is_proven();
        match (self.had_majority.swap(is_proven, Ordering::AcqRel), is_proven) {
            (false, true) => tracing::info!("a majority of the members answers"),
            (true, false) if self.is_behind.load(Ordering::Acquire) => {
                tracing::warn!("this node is behind what a majority has committed: it sells nothing until it has caught up");
            }
            (true, false) => tracing::warn!("no majority of the members answers: this node sells nothing until one does"),
            _ => {}
        }
    }

    async fn report(&self) {
        self.keep_proof();
        self.tell_majority();
        let refills = std::mem::take(&mut *locked(&self.refills));
        let Some(report) = self.my_report(refills.into_iter().map(|(sku, (units, needed))| Refill { sku, units, needed }).collect()) else {
            return;
        };
        let sent = self.clock.moment();
        let Ok(Reply::Report(reply)) = self.ask_leader(&Message::Report(report), limits::REPORT_TIMEOUT).await else { return };
        if !self.leads.load(Ordering::Acquire) {
            self.clock.heard(reply.now, sent);
        }
        self.give_back(&reply.returns);
    }

    fn my_report(&self, refills: Vec<Refill>) -> Option<NodeReport> {
        let (session, applied) = {
            let state = self.state()?;
            (state.session_of(self.config.node).filter(|s| s.open).map(|s| s.id), state.last_index())
        };
        let (demands, waiting) = self.with_desk(|desk, _, now, _| (desk.demand(now), desk.queued()))?;
        self.metrics.waiting_requests.set(waiting as f64);
        let draining = self.draining.load(Ordering::Acquire);
        let report = Report { node: self.config.node, session, applied, draining, demands };
        Some(NodeReport {
            report,
            refills,
            wall: self.clock.wall(),
            asked: self.asked.swap(false, Ordering::AcqRel),
            version: env!("CARGO_PKG_VERSION").into(),
        })
    }

    fn give_back(&self, returns: &[(SkuId, u64)]) {
        if !returns.is_empty() {
            self.with_desk(|desk, records, now, out| {
                for &(sku, units) in returns {
                    desk.give_back(now, sku, units, records, out);
                }
            });
        }
    }
}
