//! What the leader does: hears reports, runs the policy, steers the cluster clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use holdfast_inventory::reconcile::Action;
use holdfast_inventory::{Applied, Command, LogIndex, Millis, Moment, NodeId, SkuId, Stamp, codec};
use holdfast_raft::{RaftNode, StampSource};
use holdfast_storage::abort;
use tokio::time::{Instant, timeout};

use super::message::{NodeReport, Reply, ReportReply};
use super::steering::Steered;
use super::{Runtime, limits, locked, read};

/// What the members reported lately.
#[derive(Debug, Default)]
pub(crate) struct PeerReports {
    heard: BTreeMap<NodeId, PeerReport>,
    /// Slices that a node is to give back from, told with the answer to its next report.
    returns: BTreeMap<NodeId, BTreeMap<SkuId, u64>>,
    /// When buyers last asked any node.
    asked: Option<Moment>,
}

/// The last report of one member.
#[derive(Clone, Debug)]
pub(crate) struct PeerReport {
    pub at: Moment,
    pub applied: LogIndex,
    /// Its wall clock when it reported.
    wall: Stamp,
    pub version: String,
}

impl PeerReport {
    /// What its wall clock shows now: by the time that passed since, and not by this node's own wall clock, which may have been set
    /// meanwhile. By that one every other clock would seem to have been set with it.
    pub(crate) fn wall_at(&self, now: Moment) -> Stamp {
        self.wall + now.since(self.at)
    }
}

impl PeerReports {
    /// The last report of `node`, if it came lately.
    pub(crate) fn lately(&self, node: NodeId, now: Moment) -> Option<&PeerReport> {
        self.heard.get(&node).filter(|report| now.since(report.at) <= alive_for())
    }
}

fn alive_for() -> Millis {
    Millis(u64::try_from(limits::ALIVE_FOR.as_millis()).unwrap_or(u64::MAX))
}

impl Runtime {
    /// Hears a member's report and answers with what it is to do.
    pub(crate) fn take_report(&self, raft: &RaftNode, report: NodeReport) -> Reply {
        if !self.leads.load(Ordering::Acquire) {
            return Reply::NotLeader(raft.leader().borrow().leader);
        }
        let (now, node) = (self.clock.moment(), report.report.node);
        let urgent = !report.refills.is_empty();
        let applied = report.report.applied;
        {
            let mut policy = locked(&self.policy);
            policy.report(now, report.report);
            for refill in report.refills {
                policy.refill(now, node, refill.sku, refill.units, refill.needed);
            }
        }
        if urgent {
            self.policy_wanted.notify_one();
        }
        let mut reports = locked(&self.reports);
        if report.asked {
            reports.asked = Some(now);
        }
        reports.heard.insert(node, PeerReport { at: now, applied, wall: report.wall, version: report.version });
        let returns = reports.returns.remove(&node).unwrap_or_default().into_iter().collect();
        Reply::Report(ReportReply { now: self.clock.cluster().now, returns })
    }

    /// Follows who leads.
    pub(crate) async fn run_leadership(self: Arc<Self>) {
        let Some(raft) = self.consensus() else { return };
        let mut leader = raft.leader();
        let mut led_term = None;
        loop {
            let view = *leader.borrow_and_update();
            let led = view.is_self.then_some(view.term);
            if led != led_term {
                led_term = led;
                self.leadership(raft, view.is_self);
            }
            self.with_desk(|desk, _, now, out| desk.leader_changed(now, view.leader, out));
            self.report_wanted.notify_one();
            if leader.changed().await.is_err() {
                return;
            }
        }
    }

    fn leadership(&self, raft: &RaftNode, leads: bool) {
        self.clock.set_leads(leads);
        let now = self.clock.moment();
        *locked(&self.reports) = PeerReports::default();
        {
            let state = read(raft.inventory());
            let mut policy = locked(&self.policy);
            if leads { policy.elected(now, &*state) } else { policy.deposed() }
        }
        self.leads.store(leads, Ordering::Release);
        tracing::info!(leads, "leadership");
        self.policy_wanted.notify_one();
    }

    /// Entries changed SKUs: the policy looks at those only.
    pub(crate) fn policy_touched(&self, batch: &[Applied]) {
        if self.leads.load(Ordering::Acquire) {
            let mut policy = locked(&self.policy);
            for applied in batch {
                policy.touched(&applied.touched);
            }
        }
    }

    /// Runs the policy while this node leads.
    pub(crate) async fn run_policy(self: Arc<Self>) {
        let mut steered = Instant::now();
        let mut alarm = Steered::Paced(super::steering::Pace::Even);
        loop {
            drop(timeout(self.config.reconcile_every, self.policy_wanted.notified()).await);
            let Some(raft) = self.consensus() else { continue };
            if !self.leads.load(Ordering::Acquire) {
                continue;
            }
            if steered.elapsed() >= limits::STEER_EVERY || self.clock.is_settling() {
                steered = Instant::now();
                alarm = self.steer(raft, alarm);
            }
            let actions = self.look(raft);
            self.act(raft, actions).await;
        }
    }

    fn look(&self, raft: &RaftNode) -> Vec<Action> {
        let (now, stamp) = (self.clock.moment(), self.clock.stamp());
        let committed = raft.status().committed;
        let state = read(raft.inventory());
        if !state.is_bootstrapped() {
            return Vec::new();
        }
        let mut actions = locked(&self.policy).wake(now, committed, stamp, &*state);
        if self.stamp_is_wanted(now, stamp - state.clock()) {
            actions.push(Action::Propose(Command::Tick));
        }
        actions
    }

    /// A refusal is final for a client once the stamp it carries is past its earlier attempts' `Apply-Before`. Where nothing
    /// sells, no entry would move that stamp: while buyers ask, one a second does.
    fn stamp_is_wanted(&self, now: Moment, age: Millis) -> bool {
        age >= limits::STAMP_AGE && locked(&self.reports).asked.is_some_and(|asked| now.since(asked) <= limits::STAMP_AGE)
    }

    /// Proposes, and waits until all of it was applied: the policy reads the state, so a grant that is still under way
    /// would be made twice.
    async fn act(&self, raft: &RaftNode, actions: Vec<Action>) {
        let mut proposals = Vec::new();
        for action in actions {
            match action {
                Action::Propose(command) => {
                    abort::point(point_before(&command));
                    proposals.push(raft.propose(codec::encode(&command).into()));
                }
                Action::CollectReturn { node, sku, units } if node == self.config.node => {
                    self.with_desk(|desk, records, now, out| desk.give_back(now, sku, units, records, out));
                }
                Action::CollectReturn { node, sku, units } => {
                    // In the place of what was asked before and not fetched: a node that was away is not asked twice for the same units.
                    locked(&self.reports).returns.entry(node).or_default().insert(sku, units);
                }
            }
        }
        drop(timeout(limits::POLICY_TIMEOUT, join_all(proposals)).await);
    }

    /// Steers the cluster clock; raises each alarm once, not twice a second.
    fn steer(&self, raft: &RaftNode, before: Steered) -> Steered {
        let now = self.clock.moment();
        let members = read(raft.inventory()).members().to_vec();
        let others: Vec<Stamp> = {
            let reports = locked(&self.reports);
            let walls = members.iter().filter(|&&member| member != self.config.node).filter_map(|&member| reports.lately(member, now));
            walls.map(|report| report.wall_at(now)).collect()
        };
        let steered = self.clock.steer(&others, members.len());
        match steered {
            Steered::Stepped(by) => tracing::warn!(%by, "alarm: the cluster clock was behind a majority of wall clocks and was stepped"),
            Steered::OwnClockOff(by) if !matches!(before, Steered::OwnClockOff(_)) => {
                tracing::warn!(by_ms = by, "alarm: this leader's wall clock disagrees with the median; cluster time runs unsteered");
            }
            Steered::Unmeasured if before != Steered::Unmeasured => {
                tracing::info!("cluster time runs unsteered until a majority of wall clocks is measured");
            }
            _ => {}
        }
        steered
    }
}

/// Where a test may crash a leader that is about to propose.
fn point_before(command: &Command<'_>) -> &'static str {
    match command {
        Command::Grant(_) => "grant",
        Command::CloseSession { .. } => "reclaim",
        Command::Tick => "expire",
        _ => "propose",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_clock_shows_does_not_follow_this_nodes_wall_clock() {
        let report = PeerReport { at: Moment(2_000_000), applied: LogIndex(1), wall: Stamp(1_000_000), version: String::new() };
        assert_eq!(report.wall_at(Moment(2_000_000)), Stamp(1_000_000));
        assert_eq!(report.wall_at(Moment(5_500_000)), Stamp(1_003_500));
    }
}
